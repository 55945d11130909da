"""Several trainings at once: whose turn it is, and that each gives what it gives alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from mnist_core.architecture.text import from_text
from mnist_core.training import synthetic
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent, started, train
from mnist_core.training.recipe import Recipe
from mnist_core.training.state import TrainingState
from mnist_core.training.streams import side_by_side

pytestmark = pytest.mark.usefixtures("one_thread")


def job(name: str, steps: int, diary: list[str]) -> Iterator[str | None]:
    for step in range(steps):
        diary.append(f"{name}{step}")
        yield None
    yield f"{name} ends"


def test_jobs_take_turns_and_one_is_begun_when_there_is_room() -> None:
    diary: list[str] = []
    jobs = (job(name, steps, diary) for name, steps in (("a", 3), ("b", 1), ("c", 2)))
    assert list(side_by_side(jobs, 2)) == ["b ends", "a ends", "c ends"]
    assert diary == ["a0", "b0", "a1", "a2", "c0", "c1"]
    assert list(side_by_side(iter(()), 2)) == []


def test_what_goes_wrong_in_one_is_raised() -> None:
    def broken() -> Iterator[str | None]:
        yield None
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        list(side_by_side([job("a", 9, []), broken()], 2))


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA"))],
)
def test_each_gives_what_it_gives_alone(device: str) -> None:
    data = Dataset("synthetic", *synthetic.digits(train=400, test=50))
    recipe = Recipe.from_dict(
        {
            "epochs": 2,
            "batch_size": 24,
            "precision": "float32",
            "device": device,
            "learning_rate": 0.002,
            "augmentation": {"rotation": 10},
        }
    )
    specs = [
        from_text(text)
        for text in ("conv6s2 relu drop0.1 flat fc10", "conv4s2-b bn relu gap flat fc10", "flat fc10")
    ]
    alone = [
        [event for event in train(TrainingState.new(spec, recipe), data) if isinstance(event, EpochEvent)]
        for spec in specs
    ]
    jobs = [started(TrainingState.new(spec, recipe), data) for spec in specs]
    together = [event for event in side_by_side(jobs, 3) if isinstance(event, EpochEvent)]
    for epoch in (1, 2):
        for events in alone:
            expected = events[epoch - 1]
            assert any(
                event.epoch == epoch and event.test_loss == pytest.approx(expected.test_loss, rel=0.02)
                for event in together
            )
    if device == "cpu":
        losses = {(event.epoch, event.test_loss) for event in together}
        assert losses == {(event.epoch, event.test_loss) for events in alone for event in events}
