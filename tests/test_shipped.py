"""Every checkpoint that ships opens, has a card, and evaluates to the figure on it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch

from mnist_core.course.experiments import EXPERIMENTS, Experiment
from mnist_core.course.outcome import outcome_of
from mnist_core.course.results import fingerprint, read_results
from mnist_core.course.ship import SHIPPING, card, shipped_name, table
from mnist_core.course.shipped import shipped, tell_seeds
from mnist_core.probe.drawing import to_digit
from mnist_core.probe.inference import predict
from mnist_core.runs import words
from mnist_core.runs.checkpoint import load, shipped_folder
from mnist_core.training import data, evaluation
from tests.strokes import SIZES, STYLES, drawn, placed

every = pytest.mark.parametrize("path", sorted(shipped_folder().glob("*.safetensors")), ids=lambda p: p.stem)


def test_task_2_ships() -> None:
    checkpoint = load(shipped_folder() / "task-2.safetensors")
    assert checkpoint.spec.layers == EXPERIMENTS["task-2"].spec.layers
    card = (shipped_folder() / "task-2.md").read_text(encoding="utf-8")
    assert "19,712" in card and words.percent(checkpoint.figures["test_accuracy"]) in card


def test_the_final_nets_and_the_records_ship_and_nothing_else() -> None:
    names = {"task-2", *map(shipped_name, SHIPPING.values())}
    assert {path.stem for path in shipped_folder().glob("*.safetensors")} == names
    assert {path.stem for path in shipped_folder().glob("*.md")} == {"README", *names}
    assert (shipped_folder() / "README.md").read_text(encoding="utf-8") == table(shipped(shipped_folder()))


@pytest.mark.parametrize("experiment", SHIPPING.values(), ids=lambda experiment: experiment.name)
def test_what_ships_tells_what_the_rows_say(experiment: Experiment) -> None:
    outcome = outcome_of(experiment, read_results())
    assert outcome is not None and outcome.seeds == experiment.seeds
    path = shipped_folder() / f"{shipped_name(experiment)}.safetensors"
    checkpoint, first = load(path), outcome.results[0]
    assert path.stat().st_size <= 1_000_000
    assert fingerprint(checkpoint.spec, checkpoint.recipe, "mnist") == first.fingerprint
    assert checkpoint.recipe.device == "auto"
    (one,) = (one for one in shipped(shipped_folder()) if one.path == path)
    assert (one.params, one.accuracy) == (experiment.params, first.last)
    assert (one.mean, one.std, one.seeds) == (outcome.mean, outcome.deviation, outcome.seeds)
    assert path.with_suffix(".md").read_text(encoding="utf-8") == card(outcome, checkpoint.recipe)


def test_all_styles_brushes_and_sizes_of_strokes_are_named() -> None:
    """Ninety drawings; tests/browser/test_draw.py draws a third of them on the real canvas."""
    drawings = [
        (figure, to_digit(drawn(placed(strokes, *sizes[(figure + style) % 3]), brush)).digit)
        for brush, sizes in SIZES.items()
        for figure, styles in STYLES.items()
        for style, strokes in enumerate(styles)
    ]
    named = predict(shipped_folder() / "task-2.safetensors", [digit for _, digit in drawings]).argmax(1)
    wrong = sum(int(name) != figure for name, (figure, _) in zip(named, drawings, strict=True))
    assert len(drawings) == 90 and wrong <= 4


def test_the_list_tells_what_all_seeds_reached(tmp_path: Path) -> None:
    name = "task-2.safetensors"
    shutil.copy(shipped_folder() / name, tmp_path / name)
    (tmp_path / "broken.safetensors").write_bytes(b"no checkpoint")
    before = load(tmp_path / name)
    tell_seeds(tmp_path / name, [0.9956, 0.9958, 0.996], "< 20,000 params")
    after = load(tmp_path / name)
    assert all(torch.equal(after.tensors[key], before.tensors[key]) for key in before.tensors)
    (one,) = shipped(tmp_path)
    assert one.to_dict() == {
        "name": "task-2",
        "path": str(tmp_path / name),
        "params": 19_712,
        "accuracy": before.figures["test_accuracy"],
        "mean": pytest.approx(0.9958),
        "std": pytest.approx(0.0002),
        "seeds": 3,
        "class": "< 20,000 params",
    }


def test_a_single_seed_has_no_mean() -> None:
    alone = [one for one in shipped(shipped_folder()) if "seeds" not in load(one.path).figures]
    assert all((one.mean, one.std, one.seeds) == (None, None, None) for one in alone)


@pytest.mark.mnist
@every
def test_evaluating_gives_the_cards_figure(path: Path, mnist_folder: Path) -> None:
    checkpoint, mnist = load(path), data.load("mnist")
    _, accuracy = evaluation.evaluate(checkpoint.model(), mnist.test_images, mnist.test_labels, mnist)
    assert accuracy == checkpoint.figures["test_accuracy"]
    if path.stem == "task-2":
        assert accuracy >= 0.9955
