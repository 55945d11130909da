"""A run in words, the same on the page and on the command line: durations, figures, the notebooks' log."""

from __future__ import annotations

import math
import platform
from datetime import UTC, datetime
from functools import cache
from typing import Any

from mnist_core.runs import locks
from mnist_core.runs.figures import number
from mnist_core.runs.store import RunView
from mnist_core.training.machine import has_cuda

_has_cuda = cache(has_cuda)  # it asks the driver

STATE_WORDS = {
    "queued": "waiting",
    "preparing": "preparing",
    "training": "training",
    "done": "done",
    "paused": "paused",
    "stopped": "stopped",
    "interrupted": "interrupted",
    "failed": "failed",
    "deleted": "deleted",
}


def percent(accuracy: Any) -> str:
    """0.9941 → "99.41 %"; a dash for what is no number."""
    return f"{100 * accuracy:.2f} %" if isinstance(accuracy, (int, float)) else "–"


def held(figures: dict[str, Any]) -> str:
    """In how many of the last epochs the target held: "held in 4 of the last 5"; empty when not known."""
    count, of = figures.get("target_held"), figures.get("target_of")
    if not isinstance(count, int) or not isinstance(of, int):
        return ""
    return f"held in {count} of the last {of}" if of > 1 else ""


def duration(seconds: float) -> str:
    """Seconds as people say them: "9 s", "4 min", "2 h 10 min"."""
    whole = round(seconds)
    if whole < 100:
        return f"{whole} s"
    if whole < 5400:
        return f"{round(whole / 60)} min"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def wilson(accuracy: float, images: int) -> tuple[float, float]:
    """The 95 % interval of an accuracy measured on so many images (Wilson, 1927)."""
    z, accuracy = 1.959964, min(1.0, max(0.0, accuracy))
    centre = (accuracy + z * z / (2 * images)) / (1 + z * z / images)
    half = z / (1 + z * z / images) * math.sqrt(accuracy * (1 - accuracy) / images + z * z / (4 * images**2))
    return max(0.0, centre - half), min(1.0, centre + half)


def interval(accuracy: float, images: int) -> str:
    """That interval in percent: "99.24 – 99.54"."""
    low, high = wilson(accuracy, images)
    return f"{100 * low:.2f} – {100 * high:.2f}"


def machine(device: str = "auto") -> str:
    """What a run will be trained on, as far as one sees without starting PyTorch: "CPU, 2 threads".

    `device` is the recipe's.
    """
    if device in ("auto", "cuda") and _has_cuda():
        return "GPU"
    if device in ("auto", "mps") and platform.system() == "Darwin" and platform.machine() == "arm64":
        return "Apple GPU"
    return f"CPU, {threads(locks.threads_a_run())}"


def threads(count: int) -> str:
    """ "1 thread", "2 threads"."""
    return counted(count, "thread")


def counted(count: int, what: str) -> str:
    """ "1 epoch", "2 epochs", "1,200 digits"."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def progress_line(view: RunView) -> str:
    """Where a live run stands, or how long it waits: "epoch 2 of 3 · 18,400 images/s · 9 s left"."""
    status = view.status
    if status.state == "queued":
        waited = f" · waited {duration(status.waited)}" if status.waited >= 1 else ""
        return f"{status.message or 'Starting'}{waited}"
    if status.state != "training":
        return status.message or STATE_WORDS[status.state]
    parts = [f"epoch {max(1, status.epoch)} of {view.recipe.total_epochs if view.recipe else '?'}"]
    if status.images_per_second > 0:
        parts.append(f"{status.images_per_second:,.0f} images/s")
    if view.steps:
        parts.append(f"rate {number(view.steps[-1], 'learning_rate', math.nan):.3g}")
    if status.seconds_left >= 0:
        parts.append(f"{duration(status.seconds_left)} left")
    return " · ".join(parts)


def rate_changes(view: RunView) -> str:
    """ "× 0.1 since epoch 2, × 1 since epoch 4": the last of each epoch, the newest three."""
    changes = {number(line, "epoch", 0.0): number(line, "scale", 1.0) for line in view.rates}
    return ", ".join([f"× {scale:g} since epoch {epoch:g}" for epoch, scale in changes.items()][-3:])


def acted(view: RunView) -> dict[str, str]:
    """What the recipe alone does not tell, in the words of `recipe_words.acting`."""
    precision, changes = view.status.figures.get("precision"), rate_changes(view)
    rate = f"{view.recipe.learning_rate:g}, by hand {changes}" if view.recipe and changes else ""
    found = {"learning rate": rate, "precision": precision if isinstance(precision, str) else ""}
    return {name: text for name, text in found.items() if text}


def when(view: RunView, now: datetime | None = None) -> str:
    """When the run was made, as short as it is clear: "14:12" today, else "3 Nov 14:12"."""
    made = view.created.astimezone()
    today = (now or datetime.now(UTC)).astimezone().date()
    return f"{made:%H:%M}" if made.date() == today else f"{made.day} {made:%b %H:%M}"


def notebook_log(view: RunView) -> str:
    """The epochs in the form in which the course's notebooks print them, to be copied into a report."""
    images = view.status.figures.get("test_images")
    images = images if isinstance(images, int) else 0
    blocks = []
    for line in view.epochs:
        block = [
            f"EPOCH: {line.get('epoch')}",
            f"Loss={number(line, 'train_loss', math.nan):.4f} "
            f"Accuracy={100 * number(line, 'train_accuracy', math.nan):.2f} "
            f"LR={number(line, 'learning_rate', math.nan):.6f} ({number(line, 'seconds', math.nan):.1f} s)",
        ]
        for split, count in (("validation", 0), ("test", images)):
            accuracy, loss = number(line, f"{split}_accuracy"), number(line, f"{split}_loss", math.nan)
            if accuracy >= 0:
                right = f"{round(accuracy * count)}/{count} " if count else ""
                name = f"{split.capitalize()} set: Average loss: {loss:.4f}"
                block.append(f"{name}, Accuracy: {right}({100 * accuracy:.2f}%)")
        blocks.append("\n".join(block) + "\n")
    return "\n".join(blocks)
