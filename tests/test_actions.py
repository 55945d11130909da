"""What takes a tab its time: a double click does it once, and a page that is drawn anew finds it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pages.parts import actions as module
from pages.parts.actions import Actions


def test_the_other_half_of_a_double_click_does_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    actions, done = Actions(), []

    def press(action: str, seconds: float = 0.0) -> None:
        with actions.once(action) as first:
            if first:
                time.sleep(seconds)
                done.append(action)

    with ThreadPoolExecutor() as pool:  # the first is still at it when the page is drawn anew for the second
        for press_of in [pool.submit(press, "train", 0.3) for _ in range(2)]:
            press_of.result()
    assert done == ["train"]
    press("resume")
    press("train")
    assert done == ["train", "resume", "train"]
    monkeypatch.setattr(module, "DOUBLE_CLICK", 0.0)
    press("train")
    assert done[2:] == ["train", "train"]


def test_what_could_not_be_done_may_be_tried_again_at_once() -> None:
    actions = Actions()
    with pytest.raises(OSError), actions.once("train"):
        raise OSError
    with actions.once("train") as first:
        assert first
