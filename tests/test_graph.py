"""Steps that a CUDA graph can replay: the same numbers, the same operations, the same addresses.

What a graph records is the list of operations that `FixedStep.take` starts. So without a GPU, too, it can be
shown that this list is the same in every step, down to each number in it, and waits for nothing.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from mnist_core.architecture.text import from_text
from mnist_core.training import synthetic
from mnist_core.training.data import Dataset
from mnist_core.training.engine import EpochEvent, StepEvent, train
from mnist_core.training.graph import FixedStep, GraphStep, stepper
from mnist_core.training.recipe import Augmentation, Recipe
from mnist_core.training.schedule import Rate, rate_at
from mnist_core.training.splits import split
from mnist_core.training.state import TrainingState
from mnist_core.training.step import Step

pytestmark = pytest.mark.usefixtures("one_thread")
SPEC = from_text("conv6s2-b bn relu drop2d0.1 conv8s2 relu drop0.1 flat fc10", "small")
DATA = Dataset("synthetic", *synthetic.digits(train=400, test=50))
RECIPE = Recipe(epochs=2, batch_size=24, device="cpu", precision="float32")  # 17 steps, the last of 16 images
STEPS = 17
EVERYTHING = Augmentation(
    rotation=10,
    translation=0.1,
    scale=(0.9, 1.1),
    shear=5,
    fill=0.1,
    center_crop=24,
    center_crop_probability=0.5,
    brightness=0.2,
    contrast=0.2,
    erasing=0.3,
    before=Augmentation(rotation=5, interpolation="nearest"),
)

optimizers = st.sampled_from(
    [
        {"optimizer": "sgd", "momentum": 0},
        {"optimizer": "sgd"},
        {"optimizer": "sgd", "nesterov": True, "weight_decay": 0.01},
        {"optimizer": "adam", "weight_decay": 0.01},
        {"optimizer": "adamw", "weight_decay": 0.01, "decay_all": False},
    ]
)
schedules = st.sampled_from(
    [
        {"schedule": "none"},
        {"schedule": "cosine"},
        {"schedule": "multi_step", "milestones": [1]},
        {"schedule": "one_cycle", "cycle_momentum": False},
        {"schedule": "one_cycle"},
    ]
)
augmentations = st.sampled_from([Augmentation(), Augmentation(rotation=10), EVERYTHING])
others = st.fixed_dictionaries(
    {
        "ema_decay": st.sampled_from([0, 0.3, 0.99]),
        "label_smoothing": st.sampled_from([0, 0.1]),
        "dropout": st.sampled_from([None, 0.25]),
        "precision": st.sampled_from(["float32", "bfloat16"]),
        "learning_rate": st.sampled_from([0.001, 0.02]),
        "seed": st.integers(0, 1_000),
    }
)
recipes = st.builds(
    lambda optimizer, schedule, augmentation, other: RECIPE.changed(
        **optimizer, **schedule, **other, augmentation=augmentation
    ),
    optimizers,
    schedules,
    augmentations,
    others,
)


class Course:
    """A training and the batches and rates of its steps; rates are such as float32 has, as a tensor's are."""

    def __init__(self, recipe: Recipe, device: str | None = None) -> None:
        self.state = TrainingState.new(SPEC, recipe, device)
        self.step = Step(self.state, split(DATA, recipe, self.state.device))
        self.order = self.step.splits.order(recipe.seed)

    def at(self, number: int) -> tuple[Tensor, int, int, Rate]:
        """What the step with this number, from 0, is called with."""
        rate = rate_at(self.state.recipe, number, STEPS)
        learning_rate = float(torch.tensor(rate.learning_rate))
        return self.order, number % STEPS, number, Rate(learning_rate, rate.momentum)


def taken(fixed: FixedStep, order: Tensor, place: int, number: int, rate: Rate) -> Tensor:
    """A step as GraphStep takes it."""
    if place == STEPS - 1:
        return fixed.step(order, place, number, rate)
    fixed.write(order, place, number, rate)
    loss = fixed.take()
    fixed.end(number, rate)
    return loss


def equal(a: TrainingState, b: TrainingState) -> bool:
    one, other = a.to_tensors(), b.to_tensors()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@settings(max_examples=20)
@given(recipes, st.integers(0, 20))
def test_a_step_at_fixed_addresses_gives_the_same_numbers_bit_for_bit(recipe: Recipe, first: int) -> None:
    plain, fixed = Course(recipe), Course(recipe)
    step = FixedStep(fixed.step, ahead=1)
    for number in range(first, first + 5):  # from 12 on over the smaller batch at the end of the epoch
        assert torch.equal(plain.step(*plain.at(number)), taken(step, *fixed.at(number)))
    assert equal(plain.state, fixed.state)


def test_images_are_the_same_from_whichever_step_a_run_goes_on_and_others_in_every_step() -> None:
    recipe = RECIPE.changed(augmentation=EVERYTHING)
    whole, later = FixedStep(Course(recipe).step, ahead=8), FixedStep(Course(recipe).step, ahead=8)
    course, seen = Course(recipe), []
    for number in (*range(STEPS - 1), *range(STEPS, 2 * STEPS - 1)):
        whole.write(*course.at(number))
        seen.append(whole.inputs.clone())
        if number in (5, 6, 9, STEPS + 3):
            later.write(*course.at(number))
            assert torch.equal(later.inputs, whole.inputs) and torch.equal(later.labels, whole.labels)
    assert all(not torch.equal(one, other) for one, other in combinations(seen, 2))


class Recorded(TorchDispatchMode):
    """The operations that are started, with all that is not a tensor in them, and where outer tensors lie."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[str, Any]] = []
        self.outer: list[int] = []
        self.made: dict[int, Tensor] = {}  # kept, so that no address is used twice

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "profiler":
            return func(*args, **(kwargs or {}))
        given = (args, kwargs or {})
        tensors = [leaf for leaf in tree_leaves(given) if isinstance(leaf, Tensor)]
        self.outer += [tensor.data_ptr() for tensor in tensors if _storage(tensor) not in self.made]
        shapes = tree_map_only(Tensor, lambda t: (t.shape, t.stride(), t.dtype), given)
        self.operations.append((str(func), shapes))
        result = func(*args, **(kwargs or {}))
        here = {_storage(tensor) for tensor in tensors}
        for leaf in tree_leaves(result):
            if isinstance(leaf, Tensor) and _storage(leaf) not in here:
                self.made[_storage(leaf)] = leaf
        return result

    def names(self) -> set[str]:
        return {name for name, _ in self.operations}


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


WAITS = {  # for the device, or for a copy from the host's memory
    "aten._local_scalar_dense.default",
    "aten.lift_fresh.default",
    "aten.nonzero.default",
    "aten.masked_select.default",
    "aten._unique2.default",
    "aten.equal.default",
}


def recorded(step: FixedStep, order: Tensor, place: int, number: int, rate: Rate) -> Recorded:
    step.write(order, place, number, rate)
    with Recorded() as record:
        step.take()
    step.end(number, rate)
    return record


@settings(max_examples=20)
@given(recipes)
def test_every_step_is_the_same_list_of_operations_on_the_same_addresses(recipe: Recipe) -> None:
    """Also after a smaller batch, and after the state has been saved."""
    course = Course(recipe)
    step = FixedStep(course.step)
    for number in (0, 1):
        taken(step, *course.at(number))
    one = recorded(step, *course.at(2))
    taken(step, *course.at(STEPS - 1))
    course.state.to_tensors()
    course.state.close_epoch(1.0)
    other = recorded(step, *course.at(STEPS + 2))
    assert one.operations == other.operations and one.outer == other.outer
    assert not one.names() & WAITS
    assert any("_fused_" in name for name in one.names()) == step.whole


def test_whole_is_all_but_where_the_schedule_moves_the_momentum() -> None:
    def whole(**fields: object) -> bool:
        return FixedStep(Course(RECIPE.changed(**fields)).step).whole

    assert whole() and whole(optimizer="adamw", schedule="one_cycle", cycle_momentum=False)
    assert not whole(schedule="one_cycle")


def test_the_recording_sees_what_a_plain_step_has_as_numbers() -> None:
    """The test above would notice a rate or a share that is not in a tensor, and a number read or sent."""
    course = Course(RECIPE.changed(schedule="cosine", ema_decay=0.5))
    records = []
    for number in range(3):
        given = course.at(number)
        with Recorded() as record:
            course.step(*given)
        records.append(record)
    differing = {
        name
        for (name, given), (_, later) in zip(records[1].operations, records[2].operations, strict=True)
        if given != later
    }
    assert differing == {"aten.slice.Tensor", "aten._fused_sgd_.default", "aten._foreach_lerp_.Scalar"}
    with Recorded() as record:
        float(torch.ones(1) + torch.tensor(2.0))
    assert record.names() & WAITS == {"aten._local_scalar_dense.default", "aten.lift_fresh.default"}


def test_without_cuda_steps_are_started_one_by_one() -> None:
    state = TrainingState.new(SPEC, RECIPE)
    assert isinstance(stepper(state, split(DATA, RECIPE, state.device)), Step)


on_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
VARIANTS: list[dict[str, object]] = [
    {},
    {"optimizer": "adamw", "schedule": "one_cycle", "cycle_momentum": False, "ema_decay": 0.9},
    {"optimizer": "adam", "schedule": "cosine", "dropout": 0.25, "precision": "bfloat16"},
    {"schedule": "one_cycle", "ema_decay": 0.9, "nesterov": True},
    {"optimizer": "adamw", "schedule": "one_cycle"},
]


def close(a: TrainingState, b: TrainingState) -> bool:
    """To what is left of 7 digits after sums in another order and a rate in float32."""
    one, other = a.to_tensors(), b.to_tensors()
    names = [name for name in one if name != "numbers"]
    return one.keys() == other.keys() and all(
        torch.allclose(one[name].double(), other[name].double(), rtol=0.02, atol=0.01) for name in names
    )


@on_cuda
@pytest.mark.parametrize("changes", VARIANTS)
def test_a_graph_gives_the_numbers_of_plain_steps(changes: dict[str, object]) -> None:
    recipe = RECIPE.changed(device="cuda", augmentation=EVERYTHING, learning_rate=0.002, **changes)
    plain, course = Course(recipe), Course(recipe)
    step = GraphStep(FixedStep(course.step, ahead=1))
    for number in range(2 * STEPS):
        expected, loss = float(plain.step(*plain.at(number))), float(step(*course.at(number)))
        assert loss == pytest.approx(expected, rel=0.02), number
    assert step.graph is not None
    assert course.state.remark == f"{'steps' if step.fixed.whole else 'gradients'} as one CUDA graph"
    assert close(plain.state, course.state)


@on_cuda
def test_other_random_numbers_in_every_replay() -> None:
    """At a rate of 0 the same images have another loss in every step, and the same one in the same step."""
    recipe = RECIPE.changed(device="cuda", augmentation=EVERYTHING, dropout=0.25)
    course = Course(recipe)
    step = GraphStep(FixedStep(course.step, ahead=1))
    still = Rate(0.0, recipe.momentum)
    losses = [float(step(course.order, 0, number, still)) for number in (*range(10), *range(10))]
    assert losses[10:] == pytest.approx(losses[:10], rel=1e-3) and len(set(losses[3:10])) == 7


@on_cuda
@pytest.mark.parametrize("changes", VARIANTS)
def test_on_cuda_a_run_can_be_stopped_restored_and_changed(changes: dict[str, object]) -> None:
    recipe = RECIPE.changed(device="cuda", learning_rate=0.002, **changes)
    unbroken, first = TrainingState.new(SPEC, recipe), TrainingState.new(SPEC, recipe)
    expected = [event for event in train(unbroken, DATA, interval=0) if isinstance(event, EpochEvent)]
    assert "CUDA graph" in unbroken.remark and len(expected) == 2
    for event in train(first, DATA, interval=0):
        if isinstance(event, StepEvent) and event.step == 9:
            break
    resumed = TrainingState.from_tensors(SPEC, recipe, first.to_tensors())
    running = train(resumed, DATA, interval=0)
    events = [event for event in running if isinstance(event, EpochEvent)]
    assert events[-1].test_loss == pytest.approx(expected[-1].test_loss, rel=0.05)
    assert close(resumed, unbroken)
    slowed = TrainingState.new(SPEC, recipe)
    steps = train(slowed, DATA, interval=0)
    for _ in range(6):
        next(steps)
    before = slowed.to_tensors()
    slowed.set_learning_rate_scale(1e-9)
    next(steps)
    after = slowed.to_tensors()
    assert torch.allclose(before["model.conv2d_1.weight"], after["model.conv2d_1.weight"], atol=1e-6)


class Asks(nn.Module):
    """Waits for the device in every forward pass, so it cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(784, 10)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.linear(x.flatten(1))
        return outputs if float(outputs.sum()) > 0 else outputs * 2


@on_cuda
def test_what_cannot_be_recorded_is_trained_all_the_same() -> None:
    recipe = RECIPE.changed(device="cuda", augmentation=EVERYTHING, learning_rate=1e-4, epochs=4)
    state = TrainingState.of(Asks(), recipe)
    events = [event for event in train(state, DATA, interval=0) if isinstance(event, EpochEvent)]
    assert len(events) == 4 and events[3].train_loss < events[0].train_loss
    assert "no CUDA graph (" in state.remark
