"""Images a second in training: the lab against the notebooks' pipeline, on the same processor or GPU.

    python benchmarks/throughput.py [--json] [--seconds N] [--only NAME…] [--device cpu|cuda]

Ways of training take turns, each in a process of its own, so that a busy machine is busy for all of them:

* lab: a run's worker with the published recipe and all cores, in a temporary folder. Counted is all that it
  does from one step to the next: data, rotation, loss by step and train accuracy, journal, status and log,
  the weights to be watched, saved states and the checkpoint of each epoch. Only evaluation is not. While
  others have their turn its clocks go on, so it saves more often in its own time than a run that is alone;
* baseline: the published notebooks' loop, without its evaluation, see notebooks.py;
* bare: forward, backward and optimizer step of the lab's model on one resident batch, nothing else;
* evaluation: what a run does after each epoch of this recipe, of the 10,000 test images.

The baseline has a process without the lab's settings of threads and memory.

Fields, for the first net at the top and for all under "nets": images_per_second, baseline_images_per_second,
ratio, seconds_per_epoch (without evaluation), evaluation_seconds, seconds_with_evaluation (of an epoch),
evaluation_share (of these), bare_images_per_second, overhead (time of the lab over bare, minus 1), precision,
params, gflops (useful arithmetic a second; a backward pass counts as two forward passes) and peak_share (of
peak_gflops, the fastest matrix product measured here in that precision).
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import notebooks  # noqa: E402
from benchmarks.in_turns import BATCH, TRAIN_IMAGES, Turn, answer, bare_turns, train_in_turns  # noqa: E402
from benchmarks.machine import processor  # noqa: E402
from mnist_core.runs import locks  # noqa: E402
from mnist_core.training.machine import wait_politely  # noqa: E402  (before torch)

NETS = ("task-2", "ten-steps-10-one-cycle", "record-under-8k")
ROUNDS = 5
COUNTED = """lab: all that a run's worker does but evaluation: data, augmentation, train accuracy, journal,
status, saved states and checkpoints; overhead: its time over that of bare forward, backward and step"""


def serve(part: str, net: str, folder: str, device: str, precision: str) -> None:
    """A child process: for each line "NAME SECONDS" on stdin one JSON line on stdout."""
    if part != "baseline":
        wait_politely()
    if part == "lab":
        train_in_turns(net, device, precision)
        return
    turns: dict[str, Turn] = bare_turns(net, device) if part == "bare" else {}
    if part == "baseline":
        turns["baseline"] = notebooks.turn(net, Path(folder), BATCH, device)
    for line in sys.stdin:
        name, seconds = line.split()
        answer(turns[name](float(seconds)))


class Child:
    """One of the processes that train."""

    def __init__(self, part: str, net: str, device: str, folder: str = "", precision: str = "") -> None:
        command = [sys.executable, __file__, "--part", part, "--net", net, "--folder", folder]
        command += ["--device", device, "--precision", precision]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, name: str, seconds: float = 0) -> Any:
        """The answer to one line. Raises RuntimeError when the child has died."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{name} {seconds}\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            if line.startswith("["):  # torchvision may have printed before
                return json.loads(line)
        raise RuntimeError(f"the {name} process ended with status {self.process.wait()}")

    def close(self) -> None:
        """End it, by closing its input."""
        self.process.communicate()


def measure(net: str, seconds: float, folder: str, device: str) -> dict[str, Any]:
    """The figures of one net, in about `seconds` seconds of training."""
    from mnist_core.architecture.analysis import analyze
    from mnist_core.course.records import ALL

    bare = Child("bare", net, device)
    (precision,) = bare.ask("precision")
    baseline, lab = Child("baseline", net, device, folder), Child("lab", net, device, precision=precision)
    parts = {"baseline": baseline, "lab": lab, "bare": bare, "evaluation": bare}
    for name, child in parts.items():
        child.ask(name, 0.5)  # warm up, one after the other
    images, taken = dict.fromkeys(parts, 0), dict.fromkeys(parts, 0.0)
    for _ in range(ROUNDS):
        for name, child in parts.items():
            more, time_taken = child.ask(name, seconds / ROUNDS / 3)
            images[name] += more
            taken[name] += time_taken
    (peak,) = bare.ask("peak")
    for child in (baseline, lab, bare):
        child.close()
    rate = {name: images[name] / taken[name] for name in parts}
    analysis = analyze(ALL[net].spec)
    gflops = rate["lab"] * analysis.macs * 2 * 3 / 1e9
    epoch, evaluation = TRAIN_IMAGES / rate["lab"], taken["evaluation"] / ROUNDS
    return {
        "images_per_second": round(rate["lab"], 1),
        "baseline_images_per_second": round(rate["baseline"], 1),
        "ratio": round(rate["lab"] / rate["baseline"], 3),
        "seconds_per_epoch": round(epoch, 2),
        "evaluation_seconds": round(evaluation, 3),
        "seconds_with_evaluation": round(epoch + evaluation, 2),
        "evaluation_share": round(evaluation / (epoch + evaluation), 4),
        "bare_images_per_second": round(rate["bare"], 1),
        "overhead": round(rate["bare"] / rate["lab"] - 1, 4),
        "precision": precision,
        "params": analysis.params,
        "gflops": round(gflops, 1),
        "peak_gflops": round(peak, 1),
        "peak_share": round(gflops / peak, 3),
    }


def measured(names: Sequence[str], seconds: float, device: str) -> dict[str, dict[str, Any]]:
    """The figures of these nets, in about `seconds` seconds of training in all."""
    from mnist_core.training.data import MNIST, data_folder, load

    load("mnist")  # fetched before anything is timed
    with tempfile.TemporaryDirectory() as folder:
        raw = Path(folder) / "MNIST" / "raw"
        raw.mkdir(parents=True)
        for archive in MNIST:
            shutil.copy(data_folder() / "MNIST" / "raw" / archive.name, raw)
        return {name: measure(name, seconds / len(names), folder, device) for name in names}


def main() -> None:
    """Measure all nets, print a table or JSON."""
    parser = argparse.ArgumentParser(
        description="Images a second in training, against the notebooks' pipeline."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seconds", type=float, default=240, help="of training in all (default 240)")
    parser.add_argument("--only", nargs="+", default=NETS, metavar="NAME", help="these nets; default: all")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    for hidden in ("--part", "--net", "--folder", "--precision"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.part:
        serve(wanted.part, wanted.net, wanted.folder, wanted.device, wanted.precision)
        return
    nets = measured(wanted.only, wanted.seconds, wanted.device)
    import torch

    name = torch.cuda.get_device_name() if wanted.device == "cuda" else processor()
    machine = {"processor": name, "cores": locks.cores(), "threads": torch.get_num_threads()}
    result = {
        **nets[wanted.only[0]],
        "batch_size": BATCH,
        "machine": machine,
        "torch": torch.__version__,
        "nets": nets,
    }
    if wanted.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{name}, {locks.cores()} cores, torch {torch.__version__}, batch {BATCH}\n{COUNTED}")
    for net, figures in nets.items():
        lab, baseline, bare = (
            f"{figures[field]:>9,.0f} images/s"
            for field in ("images_per_second", "baseline_images_per_second", "bare_images_per_second")
        )
        whole, share = figures["seconds_with_evaluation"], figures["evaluation_share"]
        print(f"\n{net}, {figures['params']:,} params, {figures['precision']}")
        print(f"  lab       {lab}, {figures['seconds_per_epoch']} s an epoch, {whole} s with evaluation")
        print(f"  notebooks {baseline}, ratio {figures['ratio']:.2f}")
        print(f"  bare step {bare}, overhead {figures['overhead']:.1%}")
        print(f"  evaluation of 10,000 images {figures['evaluation_seconds']} s, {share:.1%} of an epoch")
        print(
            f"  {figures['gflops']} GFLOP/s, {figures['peak_share']:.0%} of {figures['peak_gflops']} measured"
        )


if __name__ == "__main__":
    main()
