"""The book of a search: whole after a crash, readable by several, and what it says."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import TrialState

from mnist_core.course.trials import (
    JOURNAL,
    SECONDS,
    TRIED,
    Outcome,
    SearchError,
    Settings,
    best,
    front,
    give_up_the_dead,
    open_study,
    outcomes,
    read_study,
    trial_lock,
)
from mnist_core.runs import locks

SETTINGS = Settings(params=1_000, images=100, data="synthetic")
WHAT = {"design": "gap flat fc10", "params": 20, "macs": 10, "recipe": {"epochs": 3}}


def told(study: optuna.Study, *accuracies: float, pruned: bool = False) -> optuna.trial.FrozenTrial:
    trial = study.ask()
    trial.set_user_attr(TRIED, WHAT)
    trial.set_user_attr(SECONDS, 1.5)
    for epoch, accuracy in enumerate(accuracies, 1):
        trial.report(accuracy, epoch)
    return study.tell(trial, state=TrialState.PRUNED) if pruned else study.tell(trial, accuracies[-1])


def test_what_is_told_is_read_again(tmp_path: Path) -> None:
    study = open_study(SETTINGS, tmp_path)
    told(study, 0.5, 0.6, 0.7)
    told(study, 0.4, pruned=True)
    told(study, pruned=True)
    whole, early, at_once = outcomes(read_study(SETTINGS, tmp_path))
    assert whole == Outcome(0, "gap flat fc10", 20, 10, (0.5, 0.6, 0.7), {"epochs": 3}, False, 1.5)
    assert (whole.accuracy, early.accuracy, at_once.accuracy) == (0.7, 0.4, 0.0)
    assert early.pruned and at_once.pruned and at_once.accuracies == ()
    assert whole.to_dict()["validation_accuracy"] == 0.7


def test_other_settings_are_another_search_in_the_same_journal(tmp_path: Path) -> None:
    told(open_study(SETTINGS, tmp_path), 0.5)
    other = Settings(params=2_000, macs=500_000, data="synthetic")
    assert outcomes(open_study(other, tmp_path)) == ()
    assert len(outcomes(open_study(SETTINGS, tmp_path))) == 1
    with pytest.raises(SearchError, match=r"no search mnist-8000.*there are: synthetic-1000"):
        read_study(Settings(params=8_000), tmp_path)
    with pytest.raises(SearchError, match="no search has been begun"):
        read_study(SETTINGS, tmp_path / "elsewhere")


def test_a_line_that_a_crash_has_torn_is_cut_off(tmp_path: Path) -> None:
    living = open_study(SETTINGS, tmp_path)  # one process writes on while another one is killed
    told(living, 0.5)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code":6,"worker_id":"ab')
    told(living, 0.6)
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(b'{"op_code"')
    study = open_study(SETTINGS, tmp_path)
    told(study, 0.7)
    assert [outcome.accuracy for outcome in outcomes(read_study(SETTINGS, tmp_path))] == [0.5, 0.6, 0.7]
    assert [outcome.accuracy for outcome in outcomes(living)] == [0.5, 0.6, 0.7]


@pytest.mark.parametrize(
    "content", [b"{}\n", b"[]\n", b"hello\nworld\n", b"\xff\xfe\n\n", b'{"op_code": 99}\n']
)
def test_what_is_no_journal_is_said_to_be_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_bytes(content)
    with pytest.raises(SearchError, match="Move it away"):
        open_study(SETTINGS, tmp_path)
    assert (tmp_path / JOURNAL).read_bytes() == content


def test_a_trial_is_alive_exactly_while_its_lock_is_held(tmp_path: Path) -> None:
    study = open_study(SETTINGS, tmp_path)
    trial = study.ask()
    lock = locks.take(trial_lock(SETTINGS, tmp_path, trial.number))
    assert lock
    assert give_up_the_dead(study, SETTINGS, tmp_path) == 1
    lock.release()
    assert give_up_the_dead(study, SETTINGS, tmp_path) == 0
    assert study.trials[0].state == TrialState.FAIL
    assert outcomes(study) == ()


found_trials = st.lists(
    st.builds(
        lambda params, accuracy, pruned: Outcome(0, "", params, 0, (accuracy,), {}, pruned, 0.0),
        st.integers(1, 20),
        st.integers(0, 20).map(lambda hits: hits / 20),
        st.booleans(),
    ),
    max_size=12,
)


@given(found_trials)
def test_the_front_is_what_nothing_beats(found: list[Outcome]) -> None:
    whole = [outcome for outcome in found if not outcome.pruned]

    def beaten(one: Outcome) -> bool:
        return any(
            other.params <= one.params
            and other.accuracy >= one.accuracy
            and (other.params, other.accuracy) != (one.params, one.accuracy)
            for other in whole
        )

    expected = {(one.params, one.accuracy) for one in whole if not beaten(one)}
    chosen = front(found)
    assert [(one.params, one.accuracy) for one in chosen] == sorted(expected)
    assert all(a.params < b.params and a.accuracy < b.accuracy for a, b in pairwise(chosen))


@given(found_trials, st.integers(1, 12))
def test_the_best_come_first(found: list[Outcome], count: int) -> None:
    chosen = best(found, count)
    whole = [outcome for outcome in found if not outcome.pruned]
    assert len(chosen) == min(count, len(whole)) and not any(outcome.pruned for outcome in chosen)
    assert [one.accuracy for one in chosen] == sorted((one.accuracy for one in whole), reverse=True)[:count]
