"""docs/results.md is what the committed rows say, and says nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.findings import before, changes, difference, finding
from mnist_core.course.records import RECORDS
from mnist_core.course.report import PAGE, outcomes, report
from mnist_core.course.results import read_results

from .test_results import result


def cells(page: str, name: str) -> list[str]:
    """The row of an experiment."""
    (line,) = re.findall(rf"^\| `{name}`.*$", page, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def sentence(page: str, name: str) -> str:
    (line,) = re.findall(rf"^- `{name}`: .*$", page, re.MULTILINE)
    return line


def test_the_page_is_what_the_command_writes_from_the_rows() -> None:
    assert PAGE.read_text(encoding="utf-8") == report(read_results()), (
        "docs/results.md is not that of the rows: run python -m mnist_core reproduce --report"
    )


def test_without_rows_every_experiment_is_not_run_yet() -> None:
    page = report(())
    assert page.count("not run yet") == 36 + len(RECORDS) and "So far 0 of 36" in page
    assert cells(page, "task-2")[1:7] == ["19,712", "19", "99.45", "99.45 (16, 19)", "–", "not run yet"]


def test_the_row_of_an_experiment_with_three_seeds() -> None:
    seeds = [result(seed=seed, last=last) for seed, last in ((1, 0.9939), (2, 0.9941), (3, 0.9943))]
    page = report(seeds)
    assert cells(page, "task-2")[6:] == [
        "**99.41 ± 0.02**",
        "3",
        "99.39 (19), 99.41 (19), 99.43 (19)",
        "0, 1, 1",
        "98.00",
        "100 A",
    ]
    assert "So far 1 of 36 experiments have been trained here, with 3 of 96 seeds. Of the 1 with" in page
    assert "- A: AMD EPYC, CPU, 1 thread, PyTorch 2.15.0" in page
    assert "Differs" not in sentence(page, "task-2")


def test_a_difference_is_marked_and_a_shorter_training_said() -> None:
    page = report([result(last=0.9901), result("ten-steps-01-setup", last=0.9884, epochs=3)])
    assert "**Differs**: 0.44 points below the published 99.45." in sentence(page, "task-2")
    assert "Below it: `task-2`." in page
    assert "moves between 99.00 and 99.01 here, between" not in page  # 99.36 is the lowest of its last five
    restless = replace(result(last=0.9901), test_accuracy=(0.99,) * 16 + (0.9941, 0.99, 0.9901))
    said = "over the last 5, test accuracy moves between 99.00 and 99.41 here, between"
    assert said in sentence(report([restless]), "task-2")
    assert cells(page, "ten-steps-01-setup")[6] == "**98.84** after 3 epochs"
    assert "Compared after fewer epochs: `ten-steps-01-setup`." in page
    short = outcomes([result("ten-steps-01-setup", last=0.9884, epochs=3)])
    assert "above the published 98.83 after 3 epochs" in difference(short["ten-steps-01-setup"], short)
    assert "Differs" not in sentence(page, "ten-steps-01-setup")  # 98.83 was published for epoch 3
    twin = replace(result("session-5-base", epochs=3), same_as="ten-steps-01-setup")
    assert "The same layers and recipe as `ten-steps-01-setup`" in sentence(report([twin]), "session-5-base")


def test_the_step_before_and_what_it_changed() -> None:
    def step(name: str) -> tuple[str, list[str]]:
        old = before(EXPERIMENTS[name])
        assert old
        return old.name, changes(old, EXPERIMENTS[name])

    for first in ("task-2", "session-5-base", "ten-steps-early-best"):
        assert before(EXPERIMENTS[first]) is None
    assert step("ten-steps-04-batch-norm") == (
        "ten-steps-03-lighter",
        ["params 10,790 → 10,970", "+7 batch_norm2d"],
    )
    assert step("twelve-k-higher-dropout") == ("twelve-k-final", ["dropout 0.069 → 0.1"])
    assert step("twelve-k-bn-before-relu")[1] == ["the layers in another order"]
    assert step("ten-steps-03-lighter")[1][1].startswith("channels 32, 64, 128")
    assert step("drill-down-5-fully-connected")[1][1:] == [
        "the layers in another order",
        "channels 8, 16, 8, 10, 10, 16, 10 → 8, 16, 8, 10, 16, 16, 10",
        "dropout 0.2 → 0.05",
    ]
    assert "milestones 13 → 8, 11, 14" in step("session-5-step-4")[1]
    assert "a first pass of rotation 6, fill 0.003922" in step("drill-down-6-augmentation")[1]
    assert step("ten-steps-10-one-cycle")[1] == ["batch_size 128 → 64", "schedule none → one_cycle"]
    assert step("ten-steps-08-without-dropout")[1] == ["−2 dropout"]


def test_over_and_underfitting_as_the_page_train_says_it() -> None:
    """Of several seeds, by their mean curves."""
    name = "ten-steps-04-batch-norm"
    seeds = [
        replace(
            result(name, seed=seed, last=test),
            train_accuracy=(0.997,) * 15,
            test_loss=(0.03,) * 15,
            train_loss=(0.01,) * 15,
        )
        for seed, test in ((1, 0.991), (2, 0.992), (3, 0.993))
    ]
    assert "Overfitting: train 99.70 %, test 99.20 %" in finding(EXPERIMENTS[name], outcomes(seeds))
    assert "Neither over- nor underfitting" in finding(EXPERIMENTS[name], outcomes(seeds[2:]))
    short = outcomes([result("ten-steps-01-setup", last=0.9891, epochs=3)])
    said = finding(EXPERIMENTS["ten-steps-01-setup"], short)
    assert said.startswith("After 3 of 15 epochs: ") and "train 98.00 %, test 98.91 %" in said


def test_what_a_step_brought_is_told_for_both() -> None:
    def said(now: float) -> str:
        rows = [result("ten-steps-03-lighter", last=0.987), result("ten-steps-04-batch-norm", last=now)]
        return finding(EXPERIMENTS["ten-steps-04-batch-norm"], outcomes(rows))

    assert "test accuracy +0.60 points here, +0.58 points as published." in said(0.993)
    assert "test accuracy +0.28 points here (within chance), +0.58 points as published." in said(0.9898)
    assert "test accuracy −0.29 points here, +0.58" in said(0.9841)


def test_seeds_that_happen_to_lie_close_together() -> None:
    """± 0.01 in one experiment, ± 0.05 in the others: 0.07 points below the published figure."""
    close = [result("session-5-step-5", seed=n, last=0.9931 + 0.0001 * (n - 2)) for n in (1, 2, 3)]
    others = [
        result(name, seed=n, last=0.99 + 0.0005 * (n - 2))
        for name in ("ten-steps-07-capacity", "ten-steps-09-rotation")
        for n in (1, 2, 3)
    ]
    known = outcomes([*close, *others])
    said = difference(known["session-5-step-5"], known)
    assert "lie within ± 0.01; with the ± 0.05 that is usual here" in said
    alone = outcomes(close)
    assert "No reason is known" in difference(alone["session-5-step-5"], alone)
