"""The journal: lines are whole, in order, and told once, whatever has happened before."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_core.runs.journal import Journal

EVENTS = [
    event
    for epoch in (1, 2, 3)
    for event in (
        *(
            {"event": "step", "epoch": epoch, "step": step, "loss": 1 / (epoch + step)}
            for step in (10, 20, 30)
        ),
        {"event": "epoch", "epoch": epoch, "test_accuracy": 0.9 + epoch / 100},
    )
]


def write(path: Path, events: list[dict[str, object]]) -> Journal:
    journal = Journal(path)
    for event in events:
        journal.write(event)
    journal.close()
    return journal


@settings(max_examples=60)
@given(
    crashed_after=st.integers(0, len(EVENTS)),
    torn=st.integers(0, 30),
    saved_after=st.integers(0, len(EVENTS)),
)
def test_a_resumed_journal_equals_an_unbroken_one(
    tmp_path: Path, crashed_after: int, torn: int, saved_after: int
) -> None:
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    whole.unlink(missing_ok=True)
    resumed.unlink(missing_ok=True)
    write(whole, EVENTS)
    write(resumed, EVENTS[:crashed_after])
    if crashed_after < len(EVENTS):
        with resumed.open("ab") as file:  # the line that was being written
            file.write(json.dumps(EVENTS[crashed_after]).encode()[:torn])
    journal = write(
        resumed, EVENTS[min(saved_after, crashed_after) :]
    )  # the state is never ahead of the lines
    assert resumed.read_bytes() == whole.read_bytes()
    assert journal.epochs == [event for event in EVENTS if event["event"] == "epoch"]


def test_a_rate_may_be_changed_twice_at_one_step(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    changes = [{"event": "rate", "epoch": 1, "step": 20, "scale": scale} for scale in (0.1, 0.5)]
    write(path, [*EVENTS[:2], *changes])
    journal = Journal(path)
    assert journal.rates == changes and journal.scale == 0.5
    assert journal.is_ahead_of(1, 10) and not journal.is_ahead_of(1, 20)
    journal.write(EVENTS[1])
    journal.close()
    assert len(path.read_text().splitlines()) == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no device that is always full")
def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    full = tmp_path / "metrics.jsonl"
    full.symlink_to("/dev/full")
    journal = Journal(full)
    with pytest.raises(OSError, match="No space left"):
        journal.write(EVENTS[0])
