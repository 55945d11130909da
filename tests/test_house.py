"""The rules of the house: imports run one way, the core knows no screen, designs need no torch."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import ROOT

FLOORS = ["architecture", "training", "runs", "course", "probe", "export", "cli"]
MAY_IMPORT = {
    "architecture": {"architecture"},
    "training": {"architecture", "training"},
    "runs": {"architecture", "training", "runs"},
    "course": {"architecture", "training", "runs", "course"},
    "probe": {"architecture", "training", "runs", "probe"},
    "export": {"architecture", "training", "runs", "probe", "export"},
    "cli": set(FLOORS),
}


def imports(path: Path) -> set[str]:
    """The absolute names of the modules that a file imports, wherever in it."""
    package = path.relative_to(ROOT).parent.parts
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            found |= {name} | {f"{name}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_run_one_way(floor: str) -> None:
    for path in (ROOT / "mnist_core" / floor).rglob("*.py"):
        for name in imports(path):
            parts = name.split(".")
            assert parts[0] not in ("streamlit", "pages"), f"{path} imports {name}"
            if parts[0] == "mnist_core" and len(parts) > 1 and parts[1] in FLOORS:
                assert parts[1] in MAY_IMPORT[floor], f"{path} imports {name}"


def test_only_state_touches_the_session() -> None:
    for path in [ROOT / "app.py", ROOT / "lab.py", *(ROOT / "pages").rglob("*.py")]:
        if path.name != "state.py":
            assert "session_state" not in path.read_text(encoding="utf-8"), path
        if path.name != "canvas.py":
            assert not any("drawable_canvas" in name for name in imports(path)), path


DESIGN = ("answer", "assignment", "evidence", "exchange", "field", "latest", "layers", "state", "table")


def test_designs_and_the_design_page_need_no_torch() -> None:
    modules = (
        "mnist_core.architecture.analysis, mnist_core.architecture.text, mnist_core.architecture.codegen, "
        "mnist_core.course.experiments, mnist_core.course.assignments, mnist_core.training.sample, "
        "mnist_core.runs.store, mnist_core.runs.checkpoint, mnist_core.cli, "
        + ", ".join(f"pages.parts.{name}" for name in DESIGN)
    )
    code = f"import {modules}, sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_architecture_document_names_every_room() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = {word.split("/")[-1] for word in re.findall(r"`([\w/.]+)`", document)}
    modules = [*(ROOT / "mnist_core").glob("*/**/*.py"), *(ROOT / "pages" / "parts").glob("*.py")]
    assert [path for path in modules if path.stem not in {"__init__", "__main__", *named}] == []
