"""The command line. Results go to stdout, with `--json` as JSON; everything else goes to stderr.

Exit code 0: fine; 1: the design has problems, or the run failed; 2: wrong usage or an unusable file.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from mnist_core.cli.checkpoints import checkpoints, evaluate, export, predict
from mnist_core.cli.designs import analyze_design, code, experiments
from mnist_core.cli.output import FINE, Refusal
from mnist_core.cli.reproduce import reproduce
from mnist_core.cli.runs import rates, train
from mnist_core.cli.search import search
from mnist_core.course.results import RESULTS
from mnist_core.export.formats import FORMATS
from mnist_core.runs.store import DATA_NAMES
from mnist_core.training.recipe import RECIPES

Command = Callable[[argparse.Namespace], int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; gives its exit code."""
    options = _parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return refusal.code
    except BrokenPipeError:  # the reader, such as `head`, has had enough; nothing more can be printed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FINE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mnist_core", description="The lab without a screen.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, command: Command, help: str) -> argparse.ArgumentParser:
        one = commands.add_parser(name, help=help, description=help)
        one.add_argument("--json", action="store_true", help="print JSON")
        one.set_defaults(command=command)
        return one

    add("experiments", experiments, "List the published experiments.")
    one = add("analyze", analyze_design, "What a design costs and sees, layer by layer, and its problems.")
    _add_spec(one)
    _add_spec(add("code", code, "The PyTorch source of a design."))
    one = add("train", train, "Train a design. The run is kept in the runs folder, as from the Train page.")
    _add_training(one)
    one.add_argument("--out", type=_file, metavar="CHECKPOINT", help="also write the checkpoint to this file")
    _add_training(add("rates", rates, "Learning-rate range test: loss against rate, and a proposal."))
    one = add("reproduce", reproduce, "Train the published experiments as published; goes on where it was.")
    one.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these experiments or records")
    one.add_argument("--records", action="store_true", help="the lab's own records instead of the published")
    meaning = "for each; default: 5 for a record or a document's final net, 3 for other exact ones, else 1"
    one.add_argument("--seeds", type=_count, metavar="N", help=meaning)
    one.add_argument("--threads", type=_count, default=1, metavar="N", help="of PyTorch; default: 1")
    meaning = "trainings side by side on a GPU; default: 12. On a processor, start the command several times"
    one.add_argument("--jobs", type=_count, default=12, metavar="N", help=meaning)
    one.add_argument(
        "--out", type=Path, default=RESULTS, metavar="FILE", help="file of the rows; a new one begins anew"
    )
    one.add_argument(
        "--report", action="store_true", help="train nothing; write docs/results.md from the rows"
    )
    meaning = "train nothing; put each document's final net into checkpoints/ when its seeds are done"
    one.add_argument("--ship", action="store_true", help=meaning)
    one = add("search", search, "Look for good designs below a budget of params; goes on where it was.")
    _add_search(one)
    add("checkpoints", checkpoints, "List the checkpoints that ship.")
    one = add("evaluate", evaluate, "Accuracy and loss of a checkpoint on a test set.")
    _add_checkpoint(one)
    meaning = "mnist (the default), synthetic, or a folder of pictures whose names begin with their digit"
    one.add_argument("--data", default="mnist", metavar="NAME|FOLDER", help=meaning)
    one = add("predict", predict, "Name the digits in pictures, prepared as on the Draw page.")
    _add_checkpoint(one)
    one.add_argument("images", metavar="IMAGE", nargs="+", type=Path, help="a PNG or JPEG of one digit")
    one = add("export", export, "Take a checkpoint elsewhere: as one web page, as ONNX, or as it is.")
    _add_checkpoint(one)
    one.add_argument(
        "--format", choices=tuple(FORMATS), required=True, help="html is a page that works alone"
    )
    one.add_argument("--out", type=_file, metavar="FILE", required=True, help="is replaced if it is there")
    return parser


def _count(text: str) -> int:
    """A whole number above 0."""
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _file(text: str) -> Path:
    """Where a file can be written, as far as its name tells; asked before hours of work."""
    path = Path(text)
    if path.is_dir() or not path.name:
        raise argparse.ArgumentTypeError(f"{text!r} is a folder; name a file")
    return path


def _add_spec(command: argparse.ArgumentParser) -> None:
    command.add_argument("spec", metavar="SPEC", help="an experiment's name, a JSON file, or the text form")


def _add_training(command: argparse.ArgumentParser) -> None:
    _add_spec(command)
    recipes = f"{', '.join(RECIPES)}, published (the design's own), JSON or a file of it; default: fast"
    command.add_argument("--recipe", default="fast", metavar="NAME|FILE", help=recipes)
    command.add_argument("--epochs", type=int, metavar="N", help="instead of the recipe's")
    command.add_argument("--seed", type=int, metavar="N", help="instead of the recipe's")
    command.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), help="instead of the recipe's")
    command.add_argument("--data", choices=DATA_NAMES, default="mnist", help="default: mnist")


def _add_search(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--params", type=_count, default=20_000, metavar="N", help="designs have fewer; default: 20000"
    )
    command.add_argument(
        "--macs", type=_count, metavar="N", help="at most so many multiplications; default: any"
    )
    command.add_argument("--epochs", type=_count, default=3, metavar="N", help="of each trial; default: 3")
    meaning = "to train on, of those that are not held out; default: half of them"
    command.add_argument("--images", type=_count, metavar="N", help=meaning)
    meaning = "go on until there are so many in all; default: 50, with --minutes any number"
    command.add_argument("--trials", type=_count, metavar="N", help=meaning)
    command.add_argument("--minutes", type=_count, metavar="N", help="begin no trial after so many")
    command.add_argument("--threads", type=_count, default=1, metavar="N", help="of PyTorch; default: 1")
    command.add_argument("--seed", type=_count, default=1, metavar="N", help="default: 1")
    command.add_argument("--data", choices=DATA_NAMES, default="mnist", help="default: mnist")
    meaning = "where the journal is; default: search in the data folder"
    command.add_argument("--out", type=Path, metavar="FOLDER", help=meaning)
    command.add_argument("--show", action="store_true", help="train nothing; print what has been found")


def _add_checkpoint(command: argparse.ArgumentParser) -> None:
    meaning = "a file, or the name of a shipped checkpoint or of a run"
    command.add_argument("checkpoint", metavar="CHECKPOINT", help=meaning)
