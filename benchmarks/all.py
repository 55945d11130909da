"""All benchmarks, one after the other, and docs/benchmarks.md from what they print: `make bench`.

    python benchmarks/all.py [--only NAME…]

Takes about 50 minutes on two cores that do nothing else. With --only the other parts of the document stay
as they are. A benchmark that fails is named in the document and makes the exit status 1.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

ROOT = Path(__file__).resolve().parents[1]
DOCUMENT = ROOT / "docs" / "benchmarks.md"
sys.path.insert(0, str(ROOT))

from benchmarks.machine import machine  # noqa: E402
from mnist_core.training.machine import has_cuda  # noqa: E402

ALONE = ("throughput", "layers", "seeds", "time_to_accuracy", "gpu", "latency", "drawings", "kills")
COMMANDS = {name: (f"{name}.py",) for name in ALONE} | {
    "fast": ("time_to_accuracy.py", "--net", "record-under-20k", "--recipe", "fast")
}
NAMES = tuple(COMMANDS)
HEAD = """# Benchmarks

Written by `make bench`; `python benchmarks/all.py --only NAME` renews one part. Ratios are measured in one
run, in turns, on one machine. Each program says in its first lines what it measures and how.

Part gpu is renewed only where there is a GPU, whose name then stands in its heading; the tests that need one
run only there, too. In it the 32 seeds are trained once, after one seed alone. Its figures are of the day in
its heading: where they name a sprint net, `record-seconds` has taken its place since.
"""


def part(name: str) -> tuple[str, bool]:
    """What one benchmark printed, as a section; and whether it ended well."""
    print(f"{name} …", flush=True)
    program, *options = COMMANDS[name]
    command = [sys.executable, str(ROOT / "benchmarks" / program), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    fine = done.returncode == 0
    why = (done.stderr.strip().splitlines() or ["no reason is known"])[-1]
    text = done.stdout.rstrip() if fine else f"{done.stdout}It failed: {why}"
    device = torch.cuda.get_device_name() if name == "gpu" and torch.cuda.is_available() else ""
    when = f"{datetime.now(UTC):%Y-%m-%d}, {machine(device)}, load at the end {os.getloadavg()[0]:.1f}"
    called = " ".join(("python", f"benchmarks/{program}", *options))
    return f"## {name}\n\n`{called}`, {when}\n\n```\n{text}\n```\n", fine


def known() -> dict[str, str]:
    """The sections that the document has."""
    text = DOCUMENT.read_text(encoding="utf-8") if DOCUMENT.exists() else ""
    return {match[1]: match[0] for match in re.finditer(r"^## (\w+)\n.*?(?=^## |\Z)", text, re.M | re.S)}


def main() -> None:
    """Run them and write the document after each."""
    parser = argparse.ArgumentParser(description="All benchmarks, and docs/benchmarks.md from them.")
    parser.add_argument("--only", nargs="+", choices=NAMES, default=NAMES)
    wanted = parser.parse_args()
    sections, fine = known(), True
    for name in wanted.only:
        if name == "gpu" and not has_cuda():
            continue
        sections[name], well = part(name)
        fine &= well
        parts = [sections[known_name].rstrip() + "\n" for known_name in NAMES if known_name in sections]
        DOCUMENT.write_text("\n".join([HEAD, *parts]), encoding="utf-8")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
