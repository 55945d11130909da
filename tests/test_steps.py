"""What a step changed: every part that differs is told, and nothing else."""

from __future__ import annotations

from mnist_core.architecture.layers import Conv2d
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.steps import before, changes


def step(name: str) -> tuple[str, list[str]]:
    old = before(EXPERIMENTS[name])
    assert old
    return old.name, changes(old, EXPERIMENTS[name])


def test_the_step_before() -> None:
    for first in ("task-2", "session-5-base", "ten-steps-early-best"):
        assert before(EXPERIMENTS[first]) is None
    assert step("ten-steps-04-batch-norm")[0] == "ten-steps-03-lighter"
    assert step("twelve-k-higher-dropout")[0] == "twelve-k-final"


def test_layers_and_recipe() -> None:
    assert step("ten-steps-04-batch-norm")[1] == ["params 10,790 → 10,970", "+7 batch_norm2d"]
    assert step("twelve-k-higher-dropout")[1] == ["dropout 0.069 → 0.1"]
    assert step("twelve-k-bn-before-relu")[1] == ["the layers in another order"]
    assert step("drill-down-5-fully-connected")[1][1:] == [
        "the layers in another order",
        "channels 8, 16, 8, 10, 10, 16, 10 → 8, 16, 8, 10, 16, 16, 10",
        "dropout 0.2 → 0.05",
    ]
    assert "milestones 13 → 8, 11, 14" in step("session-5-step-4")[1]
    assert "a first pass of rotation 6, fill 0.003922" in step("drill-down-6-augmentation")[1]
    assert step("ten-steps-10-one-cycle")[1] == ["batch_size 128 → 64", "schedule none → one_cycle"]
    assert step("ten-steps-08-without-dropout")[1] == ["−2 dropout"]


def test_channels_are_told_though_there_are_more_or_fewer_convolutions() -> None:
    assert step("ten-steps-as-described")[1] == [
        "params 12,178 → 7,884",
        "+1 conv2d 1×1",
        "channels 4, 4, 4, 8, 8, 8, 16, 24, 16, 14 → 4, 4, 4, 8, 8, 8, 13, 16, 10, 16, 10",
    ]
    for experiment in EXPERIMENTS.values():
        if old := before(experiment):
            then, now = (
                [layer.out_channels for _, _, layer in one.spec.walk() if isinstance(layer, Conv2d)]
                for one in (old, experiment)
            )
            told = any(text.startswith("channels") for text in changes(old, experiment))
            assert told == (then != now), experiment.name


def test_receptive_fields_are_told() -> None:
    """Two and three 3×3 convolutions see 5 and 7 pixels; a net of step 2 sees the whole image at its end."""
    said = step("ten-steps-02-skeleton")[1]
    assert said[-2:] == ["field at the first MaxPool 5 → 7", "final field 40 → 28"]
    assert "field at the first MaxPool 7 → 9" in step("ten-steps-07-capacity")[1]


def test_a_pool_over_the_whole_map_is_global_average_pooling() -> None:
    assert not any("pool2d" in text for text in step("ten-steps-07-capacity")[1])  # avg7 on 7×7, then gap
    assert "+1 global_avg_pool2d" in step("session-5-step-2")[1]
    assert "+1 avg_pool2d 6×6" in step("session-5-step-3")[1]  # on 8×8
