"""The benchmark of the layers runs and reports what it promises; its figures are no test's business."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from benchmarks.machine import machine

from .conftest import ROOT


@pytest.mark.slow
def test_it_prints_its_fields() -> None:
    command = [sys.executable, "benchmarks/layers.py", "--json", "--steps", "2", "--only", "task-2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=300)
    result = json.loads(done.stdout)
    rows = result["rows"]
    assert result["machine"] == machine()
    assert {row["net"] for row in rows} == {"task-2"} and rows[0]["threads"] == 1
    assert all(set(row) == {"net", "threads", "torch_ms", "lab_ms", "ratio"} for row in rows)
    assert all(row["torch_ms"] > 0 and row["lab_ms"] > 0 for row in rows)
