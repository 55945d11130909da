"""What an assignment says of a run."""

from __future__ import annotations

from mnist_core.architecture.analysis import analyze
from mnist_core.course.assignments import Assignment, RunFacts, check
from mnist_core.runs.figures import number
from mnist_core.runs.store import RunView

_WORDS = {True: "met", False: "**not met**", None: "open"}


def facts_of(view: RunView) -> RunFacts | None:
    """What the verdicts need to know of the run; None until it is done on MNIST."""
    if view.state != "done" or view.data != "mnist":
        return None
    read = (number(line, "test_accuracy") for line in view.epochs)
    return RunFacts(len(view.epochs), [accuracy if accuracy >= 0 else None for accuracy in read])


def grading(view: RunView, assignment: Assignment) -> str:
    """The verdicts on the run and its design, as a section in Markdown; "" for a run without a design."""
    if view.spec is None:
        return ""
    verdicts = check(analyze(view.spec), assignment, facts_of(view))
    lines = (f"- {_WORDS[verdict.met]}: {verdict.name}. {verdict.reason}".rstrip() for verdict in verdicts)
    return f"## Assignment: {assignment.title}\n\n" + "\n".join(lines)
