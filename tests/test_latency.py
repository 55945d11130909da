"""The latency benchmark's arithmetic and fields; its figures are no test's business."""

from __future__ import annotations

import json
import math
import subprocess
import sys

import pytest

from benchmarks.machine import machine
from benchmarks.train_page import slowdown

from .conftest import ROOT


def test_a_slowdown_is_that_of_each_pair_and_its_error_that_of_their_mean() -> None:
    assert slowdown([(1000, 980), (2000, 1960), (500, 490)]) == pytest.approx((0.02, 0))
    lost, error = slowdown([(1000, 1000), (100, 90), (1000, 900), (10, 10)])
    assert lost == pytest.approx(0.05)
    assert error == pytest.approx(math.sqrt(4 * 0.05**2 / 3) / 2)


def test_a_machine_that_slows_down_looks_like_no_slowdown_when_the_order_changes() -> None:
    speeds = [1000 * 0.99**turn for turn in range(8)]
    pairs = [(speeds[0], speeds[1]), (speeds[3], speeds[2]), (speeds[4], speeds[5]), (speeds[7], speeds[6])]
    assert slowdown(pairs)[0] == pytest.approx(0, abs=1e-3)


@pytest.mark.browser
@pytest.mark.mnist
@pytest.mark.slow
def test_it_measures_the_train_page_beside_a_run() -> None:
    """The parts of the program whose elements no other test drives."""
    names = ["analysis_30_layers", "choose_beside_a_run", "tab_beside_a_run", "slowdown"]
    command = [sys.executable, "benchmarks/latency.py", "--json", "--times", "1", "--pairs", "2"]
    command += ["--seconds", "2", "--only", *names]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert set(told) == {"machine", *names[:3], "slowdown_by_open_page", "slowdown_error"}
    assert told["machine"] == machine() and told["slowdown_by_open_page"] < 1
    assert all(0 < told[name]["median_ms"] <= told[name]["p95_ms"] for name in names[:3])
    assert told["tab_beside_a_run"]["times"] == 1
