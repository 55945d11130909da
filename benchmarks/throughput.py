"""Images a second in training: the lab against the notebooks' pipeline, on the same processor or GPU.

    python benchmarks/throughput.py [--json] [--seconds N] [--only NAME…] [--device cpu|cuda]

Three ways of training take turns, so that a busy machine is busy for all of them:

* lab: the engine with the published recipe, rotation included, as a run trains;
* baseline: the published notebooks' loop: torchvision's MNIST, RandomRotation + ToTensor + Normalize image by
  image in a DataLoader with two workers, float32, the same net and SGD;
* bare: forward, backward and optimizer step of the lab's model on one resident batch, nothing else.

The baseline has a process of its own without the lab's settings of threads and memory.

Fields, for the first net at the top and for all under "nets": images_per_second, baseline_images_per_second,
ratio, seconds_per_epoch, bare_images_per_second, overhead (time of the lab over bare, minus 1), precision,
params, gflops (useful arithmetic a second; a backward pass counts as two forward passes) and peak_share (of
peak_gflops, the fastest matrix product measured here in that precision).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from mnist_core.training.machine import wait_politely  # noqa: E402  (before torch)

NETS = ("task-2", "ten-steps-10-one-cycle", "record-under-8k")
BATCH = 128
TRAIN_IMAGES = 60_000
ROUNDS = 5
WARM_UP_BATCHES = 8  # more than the DataLoader's workers have prepared while they waited

Turn = Callable[[float], tuple[int, float]]
"""Train for so many seconds; gives (images, seconds) of what was timed."""


def baseline_turn(net: str, folder: Path, device: str) -> Turn:
    """The notebooks' loop."""
    import torch
    import torch.nn.functional as F
    from torchvision import datasets, transforms

    from mnist_core.architecture.model import build
    from mnist_core.course.records import ALL

    steps = [
        transforms.RandomRotation((-10, 10)),
        transforms.ToTensor(),
        transforms.Normalize(0.1307, 0.3081),
    ]
    dataset = datasets.MNIST(str(folder), train=True, download=True, transform=transforms.Compose(steps))
    loader = torch.utils.data.DataLoader(
        dataset, batch_size=BATCH, shuffle=True, num_workers=2, pin_memory=device == "cuda"
    )
    model = build(ALL[net].spec).to(device).train()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def batches() -> Iterator[Any]:
        while True:
            yield from loader

    source = batches()

    def turn(seconds: float) -> tuple[int, float]:
        images, start, count = 0, time.perf_counter(), 0
        while count <= WARM_UP_BATCHES or time.perf_counter() - start < seconds:
            inputs, labels = (part.to(device) for part in next(source))
            optimizer.zero_grad()
            loss = F.nll_loss(F.log_softmax(model(inputs), dim=1), labels)
            loss.backward()
            optimizer.step()
            count += 1
            if count == WARM_UP_BATCHES:
                wait(device)
                images, start = 0, time.perf_counter()
            elif count > WARM_UP_BATCHES:
                images += len(labels)
        wait(device)
        return images, time.perf_counter() - start

    return turn


def wait(device: str) -> None:
    """Until the device has done what it was given."""
    import torch

    if device == "cuda":
        torch.cuda.synchronize()


def lab_turns(net: str, device: str) -> tuple[Turn, Turn, Callable[[], str]]:
    """The engine as a run uses it; the bare step of the same model; and what precision was chosen."""
    import torch
    import torch.nn.functional as F

    from mnist_core.course.records import ALL
    from mnist_core.training.augment import normalized
    from mnist_core.training.data import load
    from mnist_core.training.engine import StepEvent, TrainingState, train
    from mnist_core.training.precision import autocast
    from mnist_core.training.recipe import RECIPES

    recipe = RECIPES["task-2"].changed(epochs=10_000, batch_size=BATCH, device=device)
    data = load("mnist")
    state = TrainingState.new(ALL[net].spec, recipe)
    events = train(state, data, interval=0.1)
    next(events)  # chooses the precision

    def lab(seconds: float) -> tuple[int, float]:
        images, taken, before = 0, 0.0, None
        start = clock = time.perf_counter()
        while clock - start < seconds:
            event, now = next(events), time.perf_counter()
            if isinstance(event, StepEvent) and before and before.epoch == event.epoch:
                images += (event.step - before.step) * BATCH
                taken += now - clock
            before = event if isinstance(event, StepEvent) else None  # evaluation is not counted
            clock = now
        return images, taken

    inputs = normalized(data.train_images[:BATCH].to(device), data.mean, data.std)
    inputs = inputs.contiguous(memory_format=torch.channels_last)
    labels = data.train_labels[:BATCH].to(device)
    own = TrainingState.new(ALL[net].spec, recipe)

    def bare(seconds: float) -> tuple[int, float]:
        images, start = 0, time.perf_counter()
        while time.perf_counter() - start < seconds:
            with autocast(own.device, state.precision):
                outputs = own.model(inputs)
            loss = F.cross_entropy(outputs.float(), labels)
            own.optimizer.zero_grad(set_to_none=True)
            loss.backward()
            own.optimizer.step()
            images += BATCH
        wait(device)
        return images, time.perf_counter() - start

    return lab, bare, lambda: state.precision


def peak_gflops(precision: str, device: str) -> float:
    """The fastest matrix product of this device in this precision, in 10⁹ operations a second."""
    import torch

    best = 0.0
    kind = torch.bfloat16 if precision == "bfloat16" else torch.float32
    for size in (512, 1024, 2048) if device == "cpu" else (4096, 8192):
        a = torch.randn(size, size, dtype=kind, device=device)
        for _ in range(6):
            wait(device)
            start = time.perf_counter()
            a @ a
            wait(device)
            best = max(best, 2 * size**3 / (time.perf_counter() - start) / 1e9)
    return best


def serve(part: str, net: str, folder: str, device: str) -> None:
    """A child process: for each line "NAME SECONDS" on stdin one JSON line on stdout."""
    if part == "baseline":
        turns: dict[str, Turn] = {"baseline": baseline_turn(net, Path(folder), device)}
        precision: Callable[[], str] = lambda: "float32"  # noqa: E731
    else:
        lab, bare, precision = lab_turns(net, device)
        turns = {"lab": lab, "bare": bare}
    for line in sys.stdin:
        name, seconds = line.split()
        if name == "peak":
            print(json.dumps([peak_gflops(precision(), device), precision()]), flush=True)
        else:
            print(json.dumps(turns[name](float(seconds))), flush=True)


class Child:
    """One of the processes that train."""

    def __init__(self, part: str, net: str, folder: str, device: str) -> None:
        command = [sys.executable, __file__, "--part", part, "--net", net, "--folder", folder]
        command += ["--device", device]
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

    children = {part: Child(part, net, folder, device) for part in ("baseline", "lab")}
    parts = {"baseline": children["baseline"], "lab": children["lab"], "bare": children["lab"]}
    for name, child in parts.items():
        child.ask(name, 0.5)  # warm up, one after the other
    images, taken = dict.fromkeys(parts, 0), dict.fromkeys(parts, 0.0)
    for _ in range(ROUNDS):
        for name, child in parts.items():
            more, time_taken = child.ask(name, seconds / ROUNDS / len(parts))
            images[name] += more
            taken[name] += time_taken
    peak, precision = children["lab"].ask("peak")
    for child in children.values():
        child.close()
    rate = {name: images[name] / taken[name] for name in parts}
    analysis = analyze(ALL[net].spec)
    gflops = rate["lab"] * analysis.macs * 2 * 3 / 1e9
    return {
        "images_per_second": round(rate["lab"], 1),
        "baseline_images_per_second": round(rate["baseline"], 1),
        "ratio": round(rate["lab"] / rate["baseline"], 3),
        "seconds_per_epoch": round(TRAIN_IMAGES / rate["lab"], 2),
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


def processor() -> str:
    """The processor's name where the system tells it."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> None:
    """Measure all nets, print a table or JSON."""
    parser = argparse.ArgumentParser(
        description="Images a second in training, against the notebooks' pipeline."
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--seconds", type=float, default=60, help="of training in all (default 60)")
    parser.add_argument("--only", nargs="+", default=NETS, metavar="NAME", help="these nets; default: all")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    for hidden in ("--part", "--net", "--folder"):
        parser.add_argument(hidden, default="", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.part:
        if wanted.part == "lab":
            wait_politely()
        serve(wanted.part, wanted.net, wanted.folder, wanted.device)
        return
    nets = measured(wanted.only, wanted.seconds, wanted.device)
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    name = torch.cuda.get_device_name() if wanted.device == "cuda" else processor()
    machine = {"processor": name, "cores": cores, "threads": torch.get_num_threads()}
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
    print(f"{machine['processor']}, {cores} cores, torch {torch.__version__}, batch {BATCH}")
    for net, figures in nets.items():
        lab, notebooks, bare = (
            f"{figures[field]:>9,.0f} images/s"
            for field in ("images_per_second", "baseline_images_per_second", "bare_images_per_second")
        )
        print(f"\n{net}, {figures['params']:,} params, {figures['precision']}")
        print(f"  lab       {lab}, {figures['seconds_per_epoch']} s an epoch")
        print(f"  notebooks {notebooks}, ratio {figures['ratio']:.2f}")
        print(f"  bare step {bare}, overhead {figures['overhead']:.1%}")
        print(
            f"  {figures['gflops']} GFLOP/s, {figures['peak_share']:.0%} of {figures['peak_gflops']} measured"
        )


if __name__ == "__main__":
    main()
