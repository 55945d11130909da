"""The exported code, run in fresh interpreters: with the same weights it computes the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save_file

from mnist_core.architecture.codegen import to_source
from mnist_core.architecture.model import build
from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text
from mnist_core.course.experiments import EXPERIMENTS

from .strategies import valid_specs

RUNNER = """
import json, runpy, sys, torch
from pathlib import Path
from safetensors.torch import load_file
torch.set_num_threads(1)
for folder in sorted(path for path in Path(sys.argv[1]).iterdir() if path.is_dir()):
    model = runpy.run_path(str(folder / "net.py"))["Net"]().eval()
    tensors = load_file(folder / "weights.safetensors")
    state = model.state_dict()
    assert len(state) == len(tensors) - 2, folder
    given = (tensors[str(index)] for index in range(len(state)))
    model.load_state_dict(dict(zip(state, given, strict=True)))
    with torch.inference_mode():
        out = model(tensors["input"])
    error = (out - tensors["output"]).abs().max().item() / max(1.0, out.abs().max().item())
    print(json.dumps([folder.name, error, sum(p.numel() for p in model.parameters())]))
"""


def write_case(folder: Path, spec: ModelSpec) -> int:
    """A folder with the exported code, our weights in order, an input and our output; gives our params."""
    folder.mkdir()
    (folder / "net.py").write_text(to_source(spec), encoding="utf-8")
    model = build(spec).eval()
    torch.set_num_threads(1)  # as in RUNNER: how a sum is split among threads changes its last digits
    x = torch.rand(2, *spec.input_shape)
    with torch.inference_mode():
        out = model(x)
    tensors = {str(i): value.contiguous() for i, value in enumerate(model.state_dict().values())}
    save_file(tensors | {"input": x, "output": out.contiguous()}, folder / "weights.safetensors")
    return sum(p.numel() for p in model.parameters())


def run_cases(folder: Path, params: dict[str, int]) -> None:
    command = [sys.executable, "-c", RUNNER, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, check=False)
    assert done.returncode == 0, done.stderr
    results = {name: (error, count) for name, error, count in map(json.loads, done.stdout.splitlines())}
    assert {name: count for name, (_, count) in results.items()} == params
    off = {name: (error, (folder / name / "net.py").read_text()) for name, (error, _) in results.items()}
    assert not {name: case for name, case in off.items() if not case[0] <= 1e-6}


@pytest.mark.slow
def test_every_experiment(tmp_path: Path) -> None:
    params = {name: write_case(tmp_path / name, e.spec) for name, e in EXPERIMENTS.items()}
    run_cases(tmp_path, params)


@pytest.mark.slow
def test_two_hundred_random_designs(tmp_path: Path) -> None:
    params: dict[str, int] = {}

    @settings(max_examples=200, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(valid_specs)
    def collect(spec: ModelSpec) -> None:
        name = f"{len(params):04}"
        params[name] = write_case(tmp_path / name, spec)

    collect()
    assert len(params) >= 200
    run_cases(tmp_path, params)


@pytest.mark.slow
def test_it_runs_by_itself_and_reads_like_a_students(tmp_path: Path) -> None:
    source = to_source(EXPERIMENTS["task-2"].spec)
    assert "self.conv1 = nn.Sequential(" in source
    assert "nn.Conv2d(1, 16, 3, bias=False),  # 16×26×26, field 3" in source
    (tmp_path / "net.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "net.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "params: 19712" in done.stdout and "output: (1, 10)" in done.stdout


def test_names_cannot_break_out_of_the_docstring(tmp_path: Path) -> None:
    spec = EXPERIMENTS["task-2"].spec.model_copy(update={"name": '"""\nimport os\n\\\0'})
    compile(to_source(spec), "net.py", "exec")
    assert "\nimport os" not in to_source(spec)


def test_a_design_with_problems_has_no_code() -> None:
    with pytest.raises(SpecError, match="linear needs a vector"):
        to_source(from_text("conv8 fc10"))
