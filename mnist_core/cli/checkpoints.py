"""checkpoints, evaluate, predict, export: what ships, what a trained net is worth, taking it along."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_core.architecture.analysis import analyze
from mnist_core.cli.output import FAILED, FINE, WRONG, Refusal, print_json
from mnist_core.course.shipped import shipped
from mnist_core.export import ExportError
from mnist_core.export.formats import FORMATS
from mnist_core.runs import store
from mnist_core.runs.checkpoint import CheckpointError, load, shipped_folder
from mnist_core.runs.files import replace_file

if TYPE_CHECKING:
    from mnist_core.training.data import Dataset


def _checkpoint(name: str) -> Path:
    """A file, or the checkpoint that ships or belongs to a run of this name."""
    shipped = shipped_folder() / f"{name}.safetensors"
    run = store.find(name)
    for path in (Path(name), shipped, *([run / store.CHECKPOINT] if run else [])):
        if os.path.isfile(path):  # Path.is_file raises for a long text
            return path
    raise Refusal(WRONG, f"{name}: there is no such file, shipped checkpoint or run with a checkpoint.")


def checkpoints(options: argparse.Namespace) -> int:
    found = shipped(shipped_folder())
    if options.json:
        print_json([one.to_dict() for one in found])
        return FINE
    width = max((len(one.name) for one in found), default=0)
    for one in found:
        accuracy = f"{one.accuracy:.2%}" if one.accuracy is not None else "–"
        seeds = (
            ""
            if one.mean is None or one.std is None
            else f"{100 * one.mean:.2f} ± {100 * one.std:.2f} ({one.seeds} seeds)"
        )
        print(f"{one.name:{width}}{one.params:>10,}{accuracy:>9}  {seeds:26}{one.record or ''}".rstrip())
    return FINE


def evaluate(options: argparse.Namespace) -> int:
    from mnist_core.probe.inference import require_digits
    from mnist_core.training import evaluation

    path = _checkpoint(options.checkpoint)
    try:
        checkpoint = load(path)
        require_digits(checkpoint.spec, str(path))
    except CheckpointError as error:
        raise Refusal(WRONG, str(error)) from None
    dataset = _test_set(options.data)
    model = checkpoint.model()
    loss, accuracy = evaluation.evaluate(model, dataset.test_images, dataset.test_labels, dataset)
    params, images = analyze(checkpoint.spec).params, len(dataset.test_images)
    if options.json:
        print_json({"accuracy": accuracy, "loss": loss, "params": params, "images": images})
    else:
        print(f"{accuracy:.2%} of {images:,} test images, loss {loss:.4f}, {params:,} params")
    return FINE


def _test_set(name: str) -> Dataset:
    """The data set of this name, or the pictures in the folder of this name."""
    import torch

    from mnist_core.probe import handwriting
    from mnist_core.training import data

    if name in data.DATA_NAMES:
        try:
            return data.load(name)
        except data.DataError as error:
            raise Refusal(FAILED, str(error)) from None
    folder = Path(name)
    if not os.path.isdir(folder):
        names = ", ".join(data.DATA_NAMES)
        raise Refusal(WRONG, f"{name}: there is no such folder, and no such data ({names}).")
    try:
        own = handwriting.load(folder)
    except handwriting.HandwritingError as error:
        raise Refusal(WRONG, str(error)) from None
    for _, reason in own.refused:
        print(f"left out: {reason}", file=sys.stderr)
    images, labels = (torch.from_numpy(own.digits) * 255).round().byte(), torch.from_numpy(own.labels)
    return data.Dataset(folder.name, images[:0], labels[:0], images, labels)


def predict(options: argparse.Namespace) -> int:
    import numpy as np

    from mnist_core.probe.drawing import to_digit
    from mnist_core.probe.image_file import read_image
    from mnist_core.probe.inference import predict as probabilities_of
    from mnist_core.probe.ink import DrawingError

    path = _checkpoint(options.checkpoint)
    results: list[dict[str, Any]] = []
    code = FINE
    for image in options.images:
        try:
            preparation = to_digit(read_image(image))
            probabilities = probabilities_of(path, preparation.digit)[0]
        except CheckpointError as error:
            raise Refusal(WRONG, str(error)) from None
        except DrawingError as error:
            print(error, file=sys.stderr)
            code = WRONG
            continue
        digit = int(np.argmax(probabilities))
        warning = preparation.warning if preparation.box else "There is no digit in it."
        results.append(
            {
                "image": str(image),
                "digit": digit,
                "probabilities": [float(p) for p in probabilities],
                "warning": warning,
            }
        )
        if warning:
            print(f"{image}: {warning}", file=sys.stderr)
        if not options.json:
            print(f"{image}: {digit} ({probabilities[digit]:.1%})")
    if options.json:
        print_json(results)
    return code


def export(options: argparse.Namespace) -> int:
    path, out = _checkpoint(options.checkpoint), options.out
    try:
        content = FORMATS[options.format].make(path)
    except CheckpointError as error:
        raise Refusal(WRONG, str(error)) from None
    except ExportError as error:
        raise Refusal(FAILED, str(error)) from None
    try:
        replace_file(out, content)
    except OSError as error:
        raise Refusal(WRONG, f"{out}: cannot be written ({error.strerror}). Name another file.") from None
    if options.json:
        print_json({"file": str(out), "format": options.format, "bytes": len(content)})
    else:
        print(f"{out}: {len(content):,} bytes")
    return FINE
