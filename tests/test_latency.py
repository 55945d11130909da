"""The latency benchmark's arithmetic; its figures are no test's business."""

from __future__ import annotations

import math

import pytest

from benchmarks.latency import slowdown


def test_a_slowdown_is_that_of_each_pair_and_its_error_that_of_their_mean() -> None:
    assert slowdown([(1000, 980), (2000, 1960), (500, 490)]) == pytest.approx((0.02, 0))
    lost, error = slowdown([(1000, 1000), (100, 90), (1000, 900), (10, 10)])
    assert lost == pytest.approx(0.05)
    assert error == pytest.approx(math.sqrt(4 * 0.05**2 / 3) / 2)


def test_a_machine_that_slows_down_looks_like_no_slowdown_when_the_order_changes() -> None:
    speeds = [1000 * 0.99**turn for turn in range(8)]
    pairs = [(speeds[0], speeds[1]), (speeds[3], speeds[2]), (speeds[4], speeds[5]), (speeds[7], speeds[6])]
    assert slowdown(pairs)[0] == pytest.approx(0, abs=1e-3)
