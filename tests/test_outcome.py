"""What the seeds of an experiment say together."""

from __future__ import annotations

from dataclasses import replace
from statistics import mean, stdev

import pytest

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.outcome import USUAL, Outcome, outcome_of, within_chance
from mnist_core.course.records import ALL
from mnist_core.course.results import read_results

from .test_results import result


def outcome(*lasts: float, name: str = "task-2") -> Outcome:
    """Of seeds 1, 2, … with these last accuracies."""
    found = outcome_of(EXPERIMENTS[name], [result(name, seed, last) for seed, last in enumerate(lasts, 1)])
    assert found
    return found


def test_mean_deviation_and_difference() -> None:
    rows = [result(seed=3, last=0.9943), result(seed=1, last=0.9939), result(seed=2)]
    found = outcome_of(EXPERIMENTS["task-2"], rows)
    assert found and [r.seed for r in found.results] == [1, 2, 3]
    assert found.mean == pytest.approx(0.9941)
    assert found.deviation == pytest.approx(0.0002)  # of 39, 41, 43 with n - 1
    assert found.published == 0.9945 and found.difference == pytest.approx(-0.0004)
    assert not found.differs and found.reached  # exactly two standard deviations
    below = outcome(0.9938, 0.9940, 0.9942)
    assert below.differs and not below.reached


def test_with_few_seeds_two_tenths_of_a_point_count() -> None:
    one = outcome(0.9926)
    assert one.deviation is None and not one.differs
    two = outcome(0.9924, 0.9924)
    assert two.differs and not two.reached
    assert not outcome(0.9907, 0.9937).differs  # 0.23 points below, ± 0.21


@pytest.mark.parametrize("lasts", [(0.975, 0.774), (0.975, 0.774, 0.976), (0.975, 0.774, 0.976, 0.81, 0.976)])
def test_a_collapsed_seed_excuses_nothing(lasts: tuple[float, ...]) -> None:
    """Published: 97.53. The mean is some 10 points below, as is the deviation wide."""
    found = outcome(*lasts, name="session-5-step-3")
    assert found.differs and not found.reached
    assert [r.seed for r in found.collapsed] == [n for n, last in enumerate(lasts, 1) if last < 0.9]
    assert found.mean == pytest.approx(mean(lasts))
    assert found.sound.mean == pytest.approx(0.9755, abs=0.001) and found.sound.reached


def test_though_two_of_three_seeds_collapse_it_is_they_who_did() -> None:
    assert [r.seed for r in outcome(0.77, 0.975, 0.78, name="session-5-step-3").collapsed] == [1, 3]


def test_a_wide_spread_without_collapse_counts_as_half_a_point() -> None:
    found = outcome(0.975, 0.935, 0.976, name="session-5-step-3")
    assert not found.collapsed and found.differs and not found.reached


def test_within_chance() -> None:
    """Two standard errors; with few or close seeds of the usual deviation, a tenth of the errors."""
    assert within_chance([0.990], [0.9924]) and not within_chance([0.990], [0.9926])
    close = [0.9900, 0.9900, 0.9901]
    assert within_chance(close, [0.9914] * 3) and not within_chance(close, [0.9917] * 3)
    wide = [0.9833, 0.9884, 0.9839]  # 98.82 → 98.52: the wide one's own deviation decides
    assert within_chance([0.9884, 0.9887, 0.9875], wide)


def test_the_usual_deviation_is_that_of_the_rows() -> None:
    """Pooled over all nets with several seeds, each deviation as a share of the net's errors."""
    squares = freedom = 0.0
    for experiment in ALL.values():
        found = outcome_of(experiment, read_results())
        lasts = [r.last for r in found.sound.results] if found else []
        if len(lasts) > 1:
            squares += (len(lasts) - 1) * (stdev(lasts) / (1 - mean(lasts))) ** 2
            freedom += len(lasts) - 1
    assert freedom > 60
    assert (squares / freedom) ** 0.5 == pytest.approx(USUAL, abs=0.015)


def test_rows_of_another_recipe_do_not_count_and_the_longest_training_does() -> None:
    experiment = EXPERIMENTS["task-2"]
    assert outcome_of(experiment, [result("twelve-k-final"), replace(result(), fingerprint="0" * 16)]) is None
    short = outcome_of(experiment, [result(epochs=3)])
    assert short and short.shortened and short.published == experiment.published["test_accuracy"][2]
    both = outcome_of(experiment, [result(epochs=3, seed=2), result()])
    assert both and not both.shortened and both.seeds == 1


def test_the_rows_that_ship_fit_their_experiments() -> None:
    rows = read_results()
    for row in rows:
        assert outcome_of(ALL[row.name], [row]), f"{row.name}, seed {row.seed}: another recipe"
        assert row.params == ALL[row.name].params
    assert len({(row.name, row.fingerprint) for row in rows}) == len(rows)
