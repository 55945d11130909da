"""Train a run and keep what comes out: metric lines, status, the state to go on from, the checkpoint.

The order makes a crash harmless: first the metric line, then the checkpoint, last the state after both.
Going on from the state repeats what came after it, exactly; the journal drops the repeated lines. Where the
state is lost, all is trained again, and what was written before is put aside.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.runs import checkpoint, locks, store, wishes
from mnist_core.runs.checkpoint import Checkpoint
from mnist_core.runs.figures import figures_of
from mnist_core.runs.files import put_aside, replace_file
from mnist_core.runs.journal import Journal
from mnist_core.runs.saved_state import SavedState
from mnist_core.runs.store import RunError
from mnist_core.training import data, engine, processor
from mnist_core.training.data import DataError, Dataset
from mnist_core.training.engine import EpochEvent, StepEvent, TrainingError, TrainingState
from mnist_core.training.recipe import Recipe

if TYPE_CHECKING:
    from mnist_core.runs.worker import Worker

LOOK_EVERY = 0.25  # seconds between two metric lines, for which a GPU has to come to rest
SAVE_EVERY = 20.0  # seconds between two saved states within an epoch
SHOW_EVERY = 2.0  # seconds, at least, between two versions of latest.safetensors …
SHOW_SHARE = 0.01  # … and at most this share of the time goes into writing them
_ON_CPU = "DefaultCPUAllocator: "  # what lacks memory there is a RuntimeError like any other


def train_run(worker: Worker) -> Iterator[None]:
    """Train the worker's run to its end, from its saved state if there is one.

    Yields when a step has been started and others may use the device. Raises RunError when it cannot be
    trained, OSError when nothing more can be written, and whatever `worker.obey` raises; then the state has
    been saved.
    """
    view = store.read(worker.run, metrics=False)
    company = worker.company
    if view.spec is None or view.recipe is None:
        raise RunError(f"{store.REQUEST} is broken. Delete the run and start a new one.")
    try:
        saved = SavedState.read(worker.run / store.STATE)
        torch.set_num_threads(
            saved.threads or view.threads or min(locks.threads_a_run(), torch.get_num_threads())
        )
        if view.data not in company.data:
            company.data[view.data] = data.load(view.data, lambda *done: _tell_fetching(worker, *done))
        dataset = company.data[view.data]
        if saved.problem:
            _begin_again(worker, view.recipe, saved.problem)
        state = saved.restore(view.spec, view.recipe)
        first = state.device.type == "cpu" and not processor.compiled_before()
        compiling = "; layers are compiled once, half a minute" if first else ""
        worker.tell(message=f"Preparing the {len(dataset.train_labels):,} training images{compiling}")
        worker.obey()
        yield from _Recorder(worker, view.spec, view.recipe, dataset, state).record()
    except (DataError, TrainingError, SpecError) as error:
        raise RunError(str(error)) from None
    except (RuntimeError, MemoryError) as error:
        if not (isinstance(error, torch.OutOfMemoryError | MemoryError) or _ON_CPU in str(error)):
            raise
        what = (str(error) or "out of memory").splitlines()[0].rpartition(_ON_CPU)[2].rstrip(".")
        raise RunError(f"{what}. Use a smaller batch size or a smaller design.") from None


def _tell_fetching(worker: Worker, done: int, size: int, name: str) -> None:
    part = min(1.0, done / size) if size else 0.0
    worker.tell(now=False, message=f"Fetching {name}: {part:.0%} of {size / 1e6:.1f} MB", progress=part)
    worker.obey()


def _begin_again(worker: Worker, recipe: Recipe, problem: str) -> None:
    """Put aside what was written before, if anything was: no state covers it. Raises RunError, OSError."""
    run = worker.run
    # The lines go last: a worker that is killed in between finds them and does the rest.
    names = (store.STATE, store.CHECKPOINT, store.METRICS)
    written = [run / name for name in names if (run / name).is_file() and (run / name).stat().st_size]
    if not written:
        return
    if recipe.more and len(store.read(run).epochs) >= recipe.epochs:
        raise RunError(
            f"{store.STATE} {problem}, so that no epochs can be added. What it has reached is kept; clone it "
            "to train it anew."
        )
    worker.tell(saved_epoch=0, figures={}, progress=0.0, epoch=0, step=0, seconds=0.0)
    aside = ", ".join(put_aside(path).name for path in written)
    worker.say(f"{store.STATE} {problem}: starting again from epoch 1; what was there is kept in {aside}")


class _Recorder:
    """Turns the events of a training into the files of its run."""

    def __init__(
        self, worker: Worker, spec: ModelSpec, recipe: Recipe, dataset: Dataset, state: TrainingState
    ) -> None:
        self.worker, self.run = worker, worker.run
        self.spec, self.recipe, self.dataset, self.state = spec, recipe, dataset, state
        self.journal = Journal(self.run / store.METRICS)
        self.device = _device_name(state.device)
        self.facts = {
            "params": analyze(spec).params,
            "data": dataset.name,
            "test_images": len(dataset.test_labels),
            "seed": recipe.seed,
            "device": self.device,
            "threads": torch.get_num_threads(),
        }
        self.seconds_before = worker.status.seconds
        self.started = time.monotonic()
        self.first: tuple[float, float] | None = None  # time and progress of the first event
        self.saved_at: float | None = None  # not yet: the first event is followed by a state
        self.show_at = 0.0  # when latest.safetensors is due

    def record(self) -> Iterator[None]:
        """Consume the training, event by event; see `train_run`."""
        state, company = self.state, self.worker.company
        self._hide()  # what a killed worker left
        self.worker.say(
            f"training from epoch {state.epoch + 1}, step {state.step} on {self.device}, "
            f"{torch.get_num_threads()} threads"
        )
        self.started = time.monotonic()
        self.worker.tell(figures=self._figures())  # a killed worker may not have come to it
        self._change_rate()
        for event in engine.started(state, self.dataset, LOOK_EVERY * company.runs):
            if event is None:
                if company.runs > 1:
                    yield
                continue
            if state.remark:
                self.worker.say(state.remark)
                state.remark = ""
            self.journal.write(event.to_dict())
            if isinstance(event, EpochEvent):
                self._after_epoch(event)
            else:
                self._after_step(event)
            self._obey()
        self.journal.close()

    def _after_step(self, event: StepEvent) -> None:
        self.worker.tell(
            now=False,
            state="training",
            message="",
            epoch=event.epoch,
            step=event.step,
            steps_per_epoch=event.steps_per_epoch,
            images_per_second=round(event.images_per_second, 1),
            **self._times((event.epoch - 1 + event.step / event.steps_per_epoch) / self.recipe.total_epochs),
        )
        if self.saved_at is None or time.monotonic() - self.saved_at >= SAVE_EVERY:
            self._save_state()
        self._show(event)

    def _show(self, event: StepEvent) -> None:
        """Leave the weights of this moment for those who watch. Only read by pages: nothing rests on it."""
        start = time.monotonic()
        if start < self.show_at or event.step == event.steps_per_epoch:  # the checkpoint comes next
            return
        place = {"epoch": event.epoch, "step": event.step, "steps_per_epoch": event.steps_per_epoch}
        with suppress(OSError):  # a full disk is found, and said, when something that matters is written
            data = checkpoint.to_bytes(Checkpoint(self.spec, self.recipe, self.state.model_tensors(), place))
            replace_file(self.run / store.LATEST, data, durable=False)
        took = time.monotonic() - start
        self.show_at = start + max(SHOW_EVERY, took / SHOW_SHARE)

    def _hide(self) -> None:
        with suppress(OSError):  # Windows keeps a file that somebody reads
            (self.run / store.LATEST).unlink(missing_ok=True)

    def _after_epoch(self, event: EpochEvent) -> None:
        figures = self._figures()
        self.journal.sync()
        self._save_checkpoint(figures)
        self._hide()
        self._save_state()
        judged = ("test", event.test_accuracy), ("validation", event.validation_accuracy)
        told = ", ".join(f"{split} accuracy {value:.4f}" for split, value in judged if value is not None)
        self.worker.say(f"epoch {event.epoch}: {told}, train loss {event.train_loss:.4f}")
        self.worker.tell(
            state="training",
            message="",
            epoch=event.epoch,
            figures=figures,
            **self._times(event.epoch / self.recipe.total_epochs),
        )

    def _save_checkpoint(self, figures: dict[str, Any]) -> None:
        tensors = self.state.model_tensors()
        checkpoint.save(self.run / store.CHECKPOINT, Checkpoint(self.spec, self.recipe, tensors, figures))

    def _figures(self) -> dict[str, Any]:
        facts = self.facts | {"precision": self.state.precision}
        if self.journal.rates:  # then the recipe alone does not tell how it was trained
            facts["rate_changes"] = self.journal.rates
        return figures_of(self.journal.epochs, facts)

    def _times(self, progress: float) -> dict[str, Any]:
        """Progress, seconds of training so far and, once some of it is done, how many are left."""
        now = time.monotonic()
        if self.first is None:
            self.first = (now, progress)  # what came before it, warming up, says little about the rest
        done = progress - self.first[1]
        left = (now - self.first[0]) / done * (1 - progress) if done > 0.002 else -1.0
        elapsed = now - self.started
        return {
            "progress": round(progress, 5),
            "seconds": round(self.seconds_before + elapsed, 3),
            "seconds_left": round(left, 1),
        }

    def _save_state(self) -> None:
        self.journal.sync()
        SavedState(self.state.to_tensors(), torch.get_num_threads()).write(self.run / store.STATE)
        self.worker.tell(
            saved_epoch=min(self.state.epoch + 1, self.recipe.total_epochs),
            device=self.device,
            threads=torch.get_num_threads(),
        )
        self.saved_at = time.monotonic()

    def _obey(self) -> None:
        """Pass on what the worker is asked to do, with everything saved."""
        self._change_rate()
        if wish := self.worker.is_asked():
            if wish == "stopped" and not self.journal.epochs:  # something to ask, with no accuracy
                self._save_checkpoint(self._figures())
            self._save_state()
        self.worker.obey()

    def _change_rate(self) -> None:
        """Take a wish for another rate, if there is one.

        Who asked for it after a crash has seen all that the journal tells: that is trained again as it was
        before. The wish goes last: a worker that is killed in between finds it again and does the same.
        """
        scale, state = wishes.wished_rate(self.run.folder), self.state
        epoch, step = state.epoch + 1, state.step
        if scale is None or self.journal.is_ahead_of(epoch, step):
            return
        if not state.finished and {scale} != {state.learning_rate_scale, self.journal.scale}:
            state.set_learning_rate_scale(scale)
            self._save_state()
            self.journal.write({"event": "rate", "epoch": epoch, "step": step, "scale": scale})
            self.journal.sync()
            self.worker.say(f"epoch {epoch}, after step {step}: rate × {scale:g}")
        wishes.rate_is_met(self.run.folder, scale)


def _device_name(device: torch.device) -> str:
    """As people call it: "CPU", "MPS", or the GPU's own name."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type.upper()
