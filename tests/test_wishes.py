"""Wishes to a run's worker: they stand until they are met or withdrawn, and reach only runs that exist."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from mnist_core.runs import wishes
from mnist_core.runs.store import RunError


def test_to_stop_goes_before_to_pause_and_both_can_be_withdrawn(tmp_path: Path) -> None:
    assert wishes.standing(tmp_path) == ""
    wishes.request_pause(tmp_path)
    assert wishes.standing(tmp_path) == "pause"
    wishes.request_stop(tmp_path)
    assert wishes.standing(tmp_path) == "stop"
    wishes.withdraw(tmp_path)
    assert wishes.standing(tmp_path) == ""
    wishes.withdraw(tmp_path)


def test_another_rate_is_wished_until_it_is_met(tmp_path: Path) -> None:
    assert wishes.wished_rate(tmp_path) is None
    for scale in (0.1, 1 / 3, *wishes.SCALES):
        wishes.request_rate(tmp_path, scale)
        assert wishes.wished_rate(tmp_path) == scale
    wishes.withdraw(tmp_path)
    assert wishes.wished_rate(tmp_path) == wishes.SCALES[1]
    wishes.rate_is_met(tmp_path, 0.5)  # what it had read before somebody changed his mind
    assert wishes.wished_rate(tmp_path) == wishes.SCALES[1]
    for _ in range(2):
        wishes.rate_is_met(tmp_path, wishes.SCALES[1])
    assert wishes.wished_rate(tmp_path) is None


@pytest.mark.parametrize("text", ["0", "-1", "1e4", str(math.nan), str(math.inf), "", "fast"])
def test_a_rate_out_of_bounds_by_another_hand_is_none(text: str, tmp_path: Path) -> None:
    (tmp_path / wishes.RATE).write_text(text)
    assert wishes.wished_rate(tmp_path) is None


def test_a_run_that_is_gone_is_not_brought_back(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    wishes.request_stop(folder)
    wishes.request_pause(folder)
    wishes.withdraw(folder)
    assert wishes.standing(folder) == "" and wishes.wished_rate(folder) is None
    with pytest.raises(RunError, match="rate cannot be changed"):
        wishes.request_rate(folder, 0.5)
    assert not folder.exists()


@pytest.mark.parametrize("request_", [wishes.request_stop, wishes.request_pause])
def test_who_may_only_read_is_told_so(
    request_: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(RunError, match=r"cannot be asked to (stop|pause): Permission denied\."):
        request_(tmp_path)
