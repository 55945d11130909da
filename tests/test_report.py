"""docs/results.md is what the committed rows say, and says nothing else."""

from __future__ import annotations

import re
from dataclasses import replace

from mnist_core.course.records import RECORDS
from mnist_core.course.report import PAGE, report
from mnist_core.course.results import read_results

from .test_results import result


def cells(page: str, name: str) -> list[str]:
    """The row of an experiment."""
    (line,) = re.findall(rf"^\| `{name}`.*$", page, re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


def said(page: str, name: str) -> str:
    """The list below an experiment's name."""
    (lines,) = re.findall(rf"^- `{name}`\n((?:  - .*\n)+)", page, re.MULTILINE)
    return str(lines)


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
    assert "Differs" not in said(page, "task-2")


def test_a_difference_is_marked_and_a_shorter_training_said() -> None:
    page = report([result(last=0.9901), result("ten-steps-01-setup", last=0.9884, epochs=3)])
    assert "**Differs**: 0.44 points below the published 99.45" in said(page, "task-2")
    assert "- Below it, over the last 5 epochs, too: `task-2`." in page
    last = replace(result(last=0.9901), test_accuracy=(0.9948,) * 18 + (0.9901,))
    assert "- Below it in the last epoch alone: `task-2`." in report([last])
    assert cells(page, "ten-steps-01-setup")[6] == "**98.84** after 3 epochs"
    assert "Compared after fewer epochs: `ten-steps-01-setup`." in page
    assert "Differs" not in said(page, "ten-steps-01-setup")  # 98.83 was published for epoch 3
    twin = replace(result("session-5-base", epochs=3), same_as="ten-steps-01-setup")
    assert "The same layers and recipe as `ten-steps-01-setup`" in said(report([twin]), "session-5-base")


def test_a_collapsed_seed_is_named_in_the_table_and_reaches_nothing() -> None:
    lasts = (0.9752, 0.774, 0.975)
    page = report([result("session-5-step-3", seed, last) for seed, last in enumerate(lasts, 1)])
    assert cells(page, "session-5-step-3")[6] == "**90.81 ± 11.61** (97.51 without seed 2, collapsed)"
    assert "Of the 1 with a published figure, 0 reach it" in page
    assert (
        "- Below it by a seed that collapsed: `session-5-step-3` (97.51 without seed 2, collapsed)." in page
    )


def test_a_gpus_seconds_are_the_clocks() -> None:
    page = report([result(seed=1), replace(result(seed=2), machine="NVIDIA H200")])
    assert cells(page, "task-2")[-1] == "100 A, 120 B"
