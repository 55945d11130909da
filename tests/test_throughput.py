"""The throughput benchmark runs and reports what it promises; its figures are no test's business."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_core.course.records import ALL

SMALL = "ten-steps-10-one-cycle"
ROOT = Path(__file__).parents[1]
FIGURES = {
    "images_per_second",
    "baseline_images_per_second",
    "ratio",
    "seconds_per_epoch",
    "evaluation_seconds",
    "seconds_with_evaluation",
    "evaluation_share",
    "bare_images_per_second",
    "overhead",
    "precision",
    "params",
    "gflops",
    "peak_gflops",
    "peak_share",
}


@pytest.mark.slow
@pytest.mark.mnist
def test_it_prints_its_fields() -> None:
    command = [sys.executable, "benchmarks/throughput.py", "--json", "--seconds", "3"]
    command += ["--only", SMALL]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True, timeout=600)
    result = json.loads(done.stdout)
    assert set(result) == FIGURES | {"batch_size", "machine", "torch", "nets"}
    assert result["params"] == ALL[SMALL].params < 8_000
    assert list(result["nets"]) == [SMALL] and set(result["nets"][SMALL]) == FIGURES
    assert result["images_per_second"] / result["baseline_images_per_second"] == pytest.approx(
        result["ratio"], rel=1e-2
    )
    assert result["bare_images_per_second"] / result["images_per_second"] - 1 == pytest.approx(
        result["overhead"], abs=1e-3
    )
    assert result["evaluation_seconds"] > 0 and result["seconds_with_evaluation"] == pytest.approx(
        result["seconds_per_epoch"] + result["evaluation_seconds"], abs=0.02
    )
