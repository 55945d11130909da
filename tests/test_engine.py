"""The training loop on synthetic digits: what it learns, what it reports, and that nothing is ever lost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from itertools import islice

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load as from_bytes
from safetensors.torch import save as to_bytes
from torch import Tensor, nn

from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text
from mnist_core.training import synthetic
from mnist_core.training.augment import normalized
from mnist_core.training.data import Dataset
from mnist_core.training.engine import (
    EpochEvent,
    StepEvent,
    TrainingError,
    TrainingState,
    evaluate,
    predict,
    train,
)
from mnist_core.training.recipe import Augmentation, Recipe
from mnist_core.training.splits import split

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = ModelSpec.from_json(
    json.dumps(
        {
            "version": 1,
            "name": "small",
            "input_shape": [1, 28, 28],
            "layers": [
                {"kind": "conv2d", "out_channels": 6, "kernel_size": 3, "stride": 2},
                {"kind": "relu"},
                {"kind": "batch_norm2d"},
                {"kind": "dropout2d", "p": 0.1},
                {"kind": "conv2d", "out_channels": 12, "kernel_size": 3, "stride": 2},
                {"kind": "batch_norm2d"},
                {"kind": "relu"},
                {"kind": "dropout", "p": 0.1},
                {"kind": "flatten"},
                {"kind": "linear", "out_features": 10},
            ],
        }
    )
)
RECIPE = Recipe(
    epochs=2,
    batch_size=64,
    optimizer="adamw",
    learning_rate=0.01,
    schedule="one_cycle",
    ema_decay=0.9,
    augmentation=Augmentation(rotation=10, translation=0.1, erasing=0.2),
    precision="float32",
    device="cpu",
)


@pytest.fixture(scope="module")
def data() -> Dataset:
    return Dataset("synthetic", *synthetic.digits(train=1_000, test=300))


def ended(state: TrainingState, data: Dataset) -> list[EpochEvent]:
    return [event for event in train(state, data, interval=0) if isinstance(event, EpochEvent)]


def facts(event: StepEvent | EpochEvent) -> dict[str, object]:
    """All of an event but what a clock says."""
    return {k: v for k, v in event.to_dict().items() if k not in ("seconds", "images_per_second")}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Bit by bit; only the time spent may differ."""
    return a.keys() == b.keys() and all(
        torch.equal(a[name], b[name]) for name in a if name != "numbers"
    ) and torch.equal(a["numbers"][1:], b["numbers"][1:])  # fmt: skip


def test_it_learns(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE.changed(epochs=5))
    epochs = ended(state, data)
    assert [event.epoch for event in epochs] == [1, 2, 3, 4, 5] and state.finished
    assert epochs[-1].test_accuracy is not None and epochs[-1].test_accuracy > 0.85
    assert epochs[-1].train_loss < epochs[0].train_loss


def test_events_say_where_the_run_is(data: Dataset) -> None:
    events = list(train(TrainingState.new(SMALL, RECIPE), data, interval=0))
    steps = [event for event in events if isinstance(event, StepEvent)]
    assert [event.step for event in steps] == [*range(1, 17), *range(1, 17)]
    assert {event.steps_per_epoch for event in steps} == {16}, (
        "1,000 images in batches of 64, the last one of 40"
    )
    assert all(event.images_per_second > 0 and math.isfinite(event.loss) for event in steps)
    assert isinstance(events[16], EpochEvent) and isinstance(events[-1], EpochEvent)
    for event in events:
        assert json.loads(json.dumps(event.to_dict(), allow_nan=False))["event"] in ("step", "epoch")


def test_a_few_events_a_second(data: Dataset) -> None:
    steps = [
        e for e in train(TrainingState.new(SMALL, RECIPE), data, interval=100) if isinstance(e, StepEvent)
    ]
    assert [event.step for event in steps] == [16, 16], "at least one at the end of every epoch"


def test_same_seed_same_numbers_whatever_others_draw(data: Dataset) -> None:
    runs = []
    for noise in range(2):
        state = TrainingState.new(SMALL, RECIPE)
        events = []
        for event in train(state, data, interval=0):
            torch.rand(noise + 1), torch.manual_seed(noise)
            events.append(facts(event))
        runs.append((events, state.to_tensors()))
    assert runs[0][0] == runs[1][0] and same(runs[0][1], runs[1][1])
    other = TrainingState.new(SMALL, RECIPE.changed(seed=2))
    assert ended(other, data)[0].train_loss != runs[0][0][16]["train_loss"]


def test_a_new_state_leaves_the_callers_random_numbers_alone() -> None:
    torch.manual_seed(7)
    expected = torch.rand(3)
    torch.manual_seed(7)
    TrainingState.new(SMALL, RECIPE)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"optimizer": "sgd", "nesterov": True, "schedule": "plateau", "patience": 0, "ema_decay": 0},
        {"optimizer": "adam", "schedule": "cosine", "validation_size": 200, "label_smoothing": 0.1},
        {"precision": "bfloat16"},
    ],
)
@pytest.mark.parametrize("stop_after", [1, 7, 16, 17, 30, 33])
def test_a_resumed_run_equals_an_unbroken_one_bit_for_bit(
    data: Dataset, changes: dict[str, object], stop_after: int
) -> None:
    """Stopped at an event, saved as a file's bytes, loaded, gone on with: the same events and tensors."""
    recipe = RECIPE.changed(**changes)
    unbroken = TrainingState.new(SMALL, recipe)
    expected = [facts(event) for event in train(unbroken, data, interval=0)]
    first = TrainingState.new(SMALL, recipe)
    events = [facts(event) for event in islice(train(first, data, interval=0), stop_after)]
    resumed = TrainingState.from_tensors(SMALL, recipe, from_bytes(to_bytes(first.to_tensors())))
    assert same(first.to_tensors(), resumed.to_tensors())
    events += [facts(event) for event in train(resumed, data, interval=0)]
    assert events == expected
    assert same(resumed.to_tensors(), unbroken.to_tensors())


def test_saving_does_not_change_what_follows(data: Dataset) -> None:
    plain, saved = TrainingState.new(SMALL, RECIPE), TrainingState.new(SMALL, RECIPE)
    for _ in train(plain, data, interval=0):
        pass
    kept = None
    for event in train(saved, data, interval=0):
        if isinstance(event, StepEvent) and event.step == 3 and kept is None:
            kept = saved.to_tensors()
            copy = {name: tensor.clone() for name, tensor in kept.items()}
    assert same(plain.to_tensors(), saved.to_tensors())
    assert kept is not None and same(kept, copy), "what was saved does not change afterwards"


def test_a_finished_run_goes_on_for_more_epochs(data: Dataset) -> None:
    recipe = RECIPE.changed(schedule="none")
    state = TrainingState.new(SMALL, recipe)
    ended(state, data)
    assert ended(state, data) == []
    more = TrainingState.from_tensors(SMALL, recipe.changed(epochs=3), state.to_tensors())
    whole = TrainingState.new(SMALL, recipe.changed(epochs=3))
    expected = ended(whole, data)
    assert [facts(event) for event in ended(more, data)] == [facts(expected[-1])]


def test_the_loop_is_the_textbook_loop(data: Dataset) -> None:
    """Without augmentation, dropout and averaging: the same weights as a plain PyTorch loop with SGD."""
    model = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)).double()
    plain = nn.Sequential(nn.Conv2d(1, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)).double()
    plain.load_state_dict(model.state_dict())
    model, plain = model.float(), plain.float()
    recipe = Recipe(epochs=1, batch_size=100, learning_rate=0.02, precision="float32", device="cpu")
    state = TrainingState.of(model, recipe)
    splits = split(data, recipe, torch.device("cpu"))
    from mnist_core.training.randomness import ORDER, seed_of

    order = splits.order(seed_of(recipe.seed, ORDER, 0))
    assert sorted(order.tolist()) == list(range(1_000))
    optimizer = torch.optim.SGD(plain.parameters(), 0.02, 0.9)
    losses, right = [], 0
    for batch in order.split(100):
        outputs = plain(normalized(data.train_images[batch], data.mean, data.std))
        loss = F.cross_entropy(outputs, data.train_labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        right += int((outputs.argmax(1) == data.train_labels[batch]).sum())
    (epoch,) = ended(state, data)
    assert math.isclose(epoch.train_loss, sum(losses) / 10, rel_tol=1e-4)
    assert abs(epoch.train_accuracy - right / 1_000) <= 0.002
    for mine, theirs in zip(model.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-4)


def test_averaged_weights_follow_the_formula(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE.changed(epochs=1, ema_decay=0.3))  # reached at the third step
    average = {name: tensor.double() for name, tensor in state.model.state_dict().items()}
    for step, event in enumerate(train(state, data, interval=0), start=1):
        if isinstance(event, StepEvent):
            decay = min(0.3, (1 + step) / (10 + step))
            for name, tensor in state.model.state_dict().items():
                average[name] = decay * average[name] + (1 - decay) * tensor.double()
    weights = state.model_tensors()
    for name in average:
        if weights[name].is_floating_point():
            assert torch.allclose(weights[name].double(), average[name], atol=1e-5), name
    assert not torch.equal(weights["conv2d_1.weight"], state.model.state_dict()["conv2d_1.weight"])


def test_the_epoch_event_judges_the_averaged_weights(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE)
    last = ended(state, data)[-1]
    assert (last.test_loss, last.test_accuracy) == evaluate(
        state.average, data.test_images, data.test_labels, data
    )
    assert state.model.training


def test_a_validation_split_is_held_out_and_keeps_the_test_set_closed(data: Dataset) -> None:
    recipe = RECIPE.changed(validation_size=300)
    epochs = ended(TrainingState.new(SMALL, recipe), data)
    assert [event.test_accuracy is None for event in epochs] == [True, False]
    assert all(event.validation_accuracy is not None for event in epochs)
    parts = split(data, recipe, torch.device("cpu"))
    assert parts.validation_images is not None and len(parts.validation_images) == 300
    both = torch.cat([parts.train_images, parts.validation_images]).flatten(1)
    assert len(both.unique(dim=0)) == 1_000, "no image is in both"
    again = split(data, recipe.changed(seed=9), torch.device("cpu"))
    assert again.validation_labels is not None and parts.validation_labels is not None
    assert torch.equal(again.validation_labels, parts.validation_labels), "seeds share the split"


def test_holding_out_everything_is_refused(data: Dataset) -> None:
    with pytest.raises(TrainingError, match="synthetic has only 1,000 training images"):
        ended(TrainingState.new(SMALL, RECIPE.changed(validation_size=1_000)), data)


def test_a_last_batch_of_one_image_is_left_out(data: Dataset) -> None:
    events = list(train(TrainingState.new(SMALL, RECIPE.changed(batch_size=37, epochs=1)), data, 0))
    assert len(events) - 1 == 27, "1,000 = 27 · 37 + 1"


def test_decay_spares_vectors_when_the_recipe_says_so() -> None:
    for decay_all, groups in ((True, 1), (False, 2)):
        state = TrainingState.new(SMALL, RECIPE.changed(weight_decay=0.1, decay_all=decay_all))
        assert len(state.optimizer.param_groups) == groups
    spared = state.optimizer.param_groups[1]
    assert spared["weight_decay"] == 0 and all(parameter.ndim < 2 for parameter in spared["params"])


def test_dropout_is_set_for_the_whole_net(data: Dataset) -> None:
    """As if the design had this rate everywhere."""
    designed = ModelSpec.from_json(SMALL.to_json().replace('"p": 0.1', '"p": 0.25'))
    assert designed != SMALL
    recipe = RECIPE.changed(epochs=1)
    states = TrainingState.new(SMALL, recipe.changed(dropout=0.25)), TrainingState.new(designed, recipe)
    by_recipe, by_design = ([facts(event) for event in ended(state, data)] for state in states)
    assert by_recipe == by_design != [facts(event) for event in ended(TrainingState.new(SMALL, recipe), data)]


def test_the_learning_rate_can_be_changed_on_the_way(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE.changed(schedule="none"))
    running = train(state, data, interval=0)
    assert next(running).learning_rate == 0.01
    state.set_learning_rate_scale(0.5)
    assert next(running).learning_rate == 0.005
    restored = TrainingState.from_tensors(SMALL, RECIPE, state.to_tensors())
    assert restored.learning_rate_scale == 0.5
    for scale in (0, -1, math.nan, math.inf):
        with pytest.raises(TrainingError):
            state.set_learning_rate_scale(scale)


@pytest.mark.parametrize("interval", [0, 100])
def test_a_loss_that_is_no_number_stops_the_run(data: Dataset, interval: float) -> None:
    plain = nn.Sequential(nn.Flatten(), nn.Linear(784, 50), nn.Linear(50, 10))
    state = TrainingState.of(plain, Recipe(learning_rate=100, device="cpu", precision="float32"))
    with pytest.raises(TrainingError) as caught:
        ended(state, data) if interval == 0 else list(train(state, data, interval))
    said = str(caught.value)
    assert "Epoch 1, by step" in said and "learning rate, 100 with sgd" in said and "try 10" in said


def lost(layers: str, recipe: Recipe, data: Dataset, scale: float) -> tuple[int, str]:
    """Trains to the end of the numbers; how many steps had told a loss by then, and what was said."""
    state = TrainingState.new(from_text(layers), recipe.changed(device="cpu", precision="float32"))
    state.set_learning_rate_scale(scale)
    told = 0
    with pytest.raises(TrainingError) as caught:
        for _ in train(state, data, interval=0):
            told += 1
    return told, str(caught.value)


@pytest.mark.parametrize("held_out", [0, 500])
def test_a_last_step_that_spoils_the_net_stops_the_run(data: Dataset, held_out: int) -> None:
    """Its own loss is that of the weights before, and still a number."""
    recipe = Recipe.from_dict({"epochs": 1, "batch_size": (len(data.train_labels) - held_out) // 2})
    recipe = recipe.changed(learning_rate=100, validation_size=held_out)
    told, said = lost("flat fc64 fc64 fc64 fc64 fc10", recipe, data, 10)
    assert told == 2 and "Epoch 1, by step 2 of 2" in said


@pytest.mark.parametrize(
    ("layers", "scale", "advice"),
    [
        ("flat fc50 fc10", 1, "rate, 100 with sgd: try 10."),
        ("flat fc50 fc10", 0.5, "rate, 50 with sgd: try 5."),
        ("conv8 flat fc50 fc10", 1, "try 10, or put batch_norm2d after the convolutions."),
        ("conv8 bn flat fc50 fc10", 1, "try 10."),
    ],
)
def test_what_is_advised_fits_the_net_and_the_rate_in_effect(
    layers: str, scale: float, advice: str, data: Dataset
) -> None:
    recipe = Recipe.from_dict({"epochs": 5, "learning_rate": 100})
    assert lost(layers, recipe, data, scale)[1].endswith(advice)


def test_precision_is_tried_and_remembered(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE.changed(precision="auto"))
    next(iter(train(state, data, interval=0)))
    assert state.precision in ("float32", "bfloat16") and state.remark.startswith(state.precision)
    restored = TrainingState.from_tensors(SMALL, RECIPE.changed(precision="auto"), state.to_tensors())
    assert restored.precision == state.precision


def test_choosing_a_precision_changes_nothing_else(data: Dataset) -> None:
    tried, told = (TrainingState.new(SMALL, RECIPE.changed(precision=p)) for p in ("auto", "float32"))
    next(iter(train(tried, data, interval=0)))
    again = TrainingState.new(SMALL, RECIPE.changed(precision=tried.precision))
    next(iter(train(again, data, interval=0)))
    assert same(tried.to_tensors(), again.to_tensors()) and told.precision == "float32"


@pytest.mark.parametrize("damage", ["missing", "shape", "position", "other recipe"])
def test_a_state_that_does_not_fit_is_refused(data: Dataset, damage: str) -> None:
    state = TrainingState.new(SMALL, RECIPE)
    next(iter(train(state, data, interval=0)))
    tensors, recipe = state.to_tensors(), RECIPE
    if damage == "missing":
        del tensors["model.conv2d_1.weight"]
    elif damage == "shape":
        tensors["optimizer.conv2d_1.weight.exp_avg"] = torch.zeros(3, 3)
    elif damage == "position":
        tensors["position"] = torch.tensor([-1, 0, 0])
    else:
        recipe = RECIPE.changed(ema_decay=0)
        del tensors["sums"]
    with pytest.raises(TrainingError, match="Start a new run"):
        TrainingState.from_tensors(SMALL, recipe, tensors)


def test_designs_that_cannot_be_trained_are_refused() -> None:
    fields = json.loads(SMALL.to_json())
    with pytest.raises(TrainingError, match="Change input_shape"):
        TrainingState.new(ModelSpec.from_json(json.dumps({**fields, "input_shape": [3, 32, 32]})), RECIPE)
    with pytest.raises(SpecError):
        TrainingState.new(ModelSpec.from_json(json.dumps({**fields, "layers": fields["layers"][:1]})), RECIPE)
    with pytest.raises(TrainingError, match="no parameters"):
        TrainingState.of(nn.Sequential(nn.Flatten(), nn.AdaptiveAvgPool1d(10)), RECIPE)


def test_a_device_that_is_not_there_is_refused() -> None:
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    for name, found in there.items():
        if not found:
            with pytest.raises(TrainingError, match=f"device is {name}.*Use auto"):
                TrainingState.new(SMALL, RECIPE, device=name)
    assert TrainingState.new(SMALL, RECIPE.changed(device="auto")).device.type in ("cpu", "cuda", "mps")


def test_evaluation_and_prediction(data: Dataset) -> None:
    state = TrainingState.new(SMALL, RECIPE)
    ended(state, data)
    model = state.average.eval()
    with torch.no_grad():
        outputs = model(normalized(data.test_images, data.mean, data.std))
    loss, accuracy = evaluate(state.average, data.test_images, data.test_labels, data)
    assert math.isclose(loss, float(F.cross_entropy(outputs, data.test_labels)), rel_tol=1e-5)
    assert accuracy == float((outputs.argmax(1) == data.test_labels).double().mean())
    from_bytes_, from_grey = predict(model, data.test_images), predict(model, data.test_images.float() / 255)
    assert torch.allclose(from_bytes_, from_grey, atol=1e-5)
    assert torch.allclose(from_bytes_.sum(1), torch.ones(300)) and from_bytes_.shape == (300, 10)


def convolution() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 6, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 12 * 12, 10))


def test_relu_in_place_changes_no_number(data: Dataset) -> None:
    in_place, plain = (TrainingState.of(convolution(), RECIPE) for _ in range(2))
    changed = [module for module in plain.model.modules() if isinstance(module, nn.ReLU) and module.inplace]
    assert changed
    for module in changed:
        module.inplace = False
    assert [facts(e) for e in ended(in_place, data)] == [facts(e) for e in ended(plain, data)]
    assert same(in_place.to_tensors(), plain.to_tensors())


def numbers(events: Iterable[StepEvent | EpochEvent]) -> list[float]:
    return [event.loss for event in events if isinstance(event, StepEvent)]


def test_log_softmax_at_the_end_changes_nothing(data: Dataset) -> None:
    """The loss is the cross-entropy of logits or of log-probabilities alike."""
    body = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    logged = nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.LogSoftmax(1))
    logged.load_state_dict({**body.state_dict()})
    recipe = Recipe(epochs=1, device="cpu", precision="float32")
    one, other = (numbers(train(TrainingState.of(model, recipe), data, 0)) for model in (body, logged))
    assert all(math.isclose(a, b, rel_tol=1e-4) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_norm_that_gets_a_single_value_is_explained(precision: str) -> None:
    recipe = Recipe.from_dict({"epochs": 1, "batch_size": 1, "device": "cpu", "precision": precision})
    state = TrainingState.new(from_text("conv8s4 gap bn flat fc10"), recipe)
    with pytest.raises(TrainingError, match="batch size of 2"):
        list(train(state, Dataset("synthetic", *synthetic.digits(train=4, test=4))))
