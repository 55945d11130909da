"""The book of a search: its trials in a journal file, and what they say together.

The journal is Optuna's, one line an operation; several searches and several processes share one. Lines are
only ever appended, under a lock that the operating system frees when its holder dies, and what a crash has
torn is cut off. Nothing is ever unpickled.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna
from filelock import FileLock
from optuna.pruners import SuccessiveHalvingPruner
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, TrialState

from mnist_core.runs import locks
from mnist_core.runs.files import drop_torn_line
from mnist_core.training import data

JOURNAL = "journal.jsonl"
TRIED = "tried"  # the attribute in which a trial keeps what it is
SECONDS = "processor_seconds"
_SET = "fixed_params"  # where optuna keeps what a trial was set to
_KEEP_ONE_IN = 2  # of the trials at 1, 2, 4 … epochs
_UNREADABLE = (ValueError, KeyError, TypeError, AttributeError, AssertionError)  # what optuna lets through


class SearchError(Exception):
    """The search cannot be read or go on; the message says where, what is wrong and what to do."""


@dataclass(frozen=True)
class Settings:
    """What makes one search: the same settings are the same search, which then goes on.

    Designs have fewer than `params` params and, where it is given, at most `macs` multiplications. Each is
    trained for `epochs` on the first `images` of the training images. `seed` is that of every training and,
    with the trial's number, of what is drawn.
    """

    params: int = 20_000
    epochs: int = 3
    images: int = 27_500
    macs: int | None = None
    seed: int = 1
    data: str = "mnist"

    @property
    def name(self) -> str:
        """The name of the study in the journal; also fit for a file."""
        macs = f"-{self.macs}-macs" if self.macs else ""
        size = f"{self.data}-{self.params}-params{macs}"
        return f"{size}-{self.epochs}-epochs-{self.images}-images-seed-{self.seed}"


@dataclass(frozen=True)
class Outcome:
    """A trial that has ended. `accuracies` are those on the validation images after each epoch, fractions.

    `design` is in the compact text form, `recipe` the fields that differ from the course's default;
    `processor_seconds` are those of its training.
    """

    number: int
    design: str
    params: int
    macs: int
    accuracies: tuple[float, ...]
    recipe: dict[str, Any]
    pruned: bool
    processor_seconds: float

    @property
    def accuracy(self) -> float:
        """Of the last epoch; 0 where not even one was reached."""
        return self.accuracies[-1] if self.accuracies else 0.0

    def to_dict(self) -> dict[str, Any]:
        """What `search --json` prints of a trial."""
        return asdict(self) | {"validation_accuracy": self.accuracy}


def search_folder() -> Path:
    """Where searches lie: `search` in the data folder."""
    return data.data_folder() / "search"


def open_study(settings: Settings, folder: Path) -> optuna.Study:
    """The study of this search, made if it is not there. Raises SearchError and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    pruner = SuccessiveHalvingPruner(min_resource=1, reduction_factor=_KEEP_ONE_IN)
    storage = _storage(folder / JOURNAL)
    return optuna.create_study(
        storage=storage, pruner=pruner, study_name=settings.name, direction="maximize", load_if_exists=True
    )


def read_study(settings: Settings, folder: Path) -> optuna.Study:
    """The study of this search, which must be there. Raises SearchError and OSError."""
    path = folder / JOURNAL
    if not path.is_file():
        raise SearchError(f"{path}: there is no such file, so no search has been begun there.")
    storage = _storage(path)
    names = optuna.get_all_study_names(storage)
    if settings.name not in names:
        raise SearchError(f"{path} holds no search {settings.name}; there are: {', '.join(names) or 'none'}.")
    return optuna.load_study(study_name=settings.name, storage=storage)


def _storage(path: Path) -> JournalStorage:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        return JournalStorage(JournalFileBackend(str(path), _Lock(path)))
    except _UNREADABLE as error:
        raise SearchError(
            f"{path} is no journal of searches, or has been damaged ({error}). Move it away to begin anew."
        ) from None


class _Lock(JournalFileOpenLock):
    """Whoever appends to the journal holds it; the operating system frees it when its holder dies."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, FileLock(path.with_suffix(".lock"))

    def acquire(self) -> bool:
        self._lock.acquire()
        drop_torn_line(self._path)
        return True

    def release(self) -> None:
        self._lock.release()


def trial_lock(settings: Settings, folder: Path, number: int) -> Path:
    """The lock that is held exactly while the trial is being trained."""
    return folder / f"{settings.name}-trial-{number}.lock"


def give_up_the_dead(study: optuna.Study, settings: Settings, folder: Path) -> int:
    """Trials whose process has died become failed, which count for nothing; gives how many others live.

    A design that was set beforehand, not drawn, waits to be tried again.
    """
    alive = 0
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        path = trial_lock(settings, folder, trial.number)
        if locks.is_held(path):
            alive += 1
        else:
            study.tell(trial.number, state=TrialState.FAIL)
            if _SET in trial.system_attrs:
                study.enqueue_trial(trial.system_attrs[_SET])
            path.unlink(missing_ok=True)
    return alive


def outcomes(study: optuna.Study) -> tuple[Outcome, ...]:
    """The trials that have ended, in the order of their numbers."""
    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return tuple(outcome_of(trial) for trial in ended)


def outcome_of(trial: FrozenTrial) -> Outcome:
    """What a trial that has ended says."""
    return Outcome(
        number=trial.number,
        accuracies=tuple(trial.intermediate_values[epoch] for epoch in sorted(trial.intermediate_values)),
        pruned=trial.state == TrialState.PRUNED,
        processor_seconds=trial.user_attrs[SECONDS],
        **trial.user_attrs[TRIED],
    )


def best(found: Iterable[Outcome], count: int = 10) -> tuple[Outcome, ...]:
    """The trials that went to the last epoch, the most accurate first; of equals, the smaller first."""
    whole = (outcome for outcome in found if not outcome.pruned)
    return tuple(sorted(whole, key=lambda outcome: (-outcome.accuracy, outcome.params))[:count])


def front(found: Iterable[Outcome]) -> tuple[Outcome, ...]:
    """The Pareto front, the smallest first: no other has as few params and is as accurate."""
    chosen: list[Outcome] = []
    whole = (outcome for outcome in found if not outcome.pruned)
    for outcome in sorted(whole, key=lambda outcome: (outcome.params, -outcome.accuracy)):
        if not chosen or outcome.accuracy > chosen[-1].accuracy:
            chosen.append(outcome)
    return tuple(chosen)
