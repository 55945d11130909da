"""The records keep the limits of their classes, and their rows are of these very nets."""

from __future__ import annotations

import pytest

from mnist_core.architecture.analysis import analyze
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import RECORDS, Record
from mnist_core.course.report import report

from .test_results import result

LIMITS = {  # params, epochs
    "record-under-20k": (19_999, 19),
    "record-under-8k": (7_999, 19),
    "record-fewest-params": (4_391, 19),
    "record-under-1k": (999, 200),
    "record-seconds": (19_999, 19),
}


def test_there_is_one_for_each_class() -> None:
    assert list(RECORDS) == list(LIMITS) and not RECORDS.keys() & EXPERIMENTS.keys()


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_it_keeps_the_limits(record: Record) -> None:
    analysis, (params, epochs) = analyze(record.spec), LIMITS[record.name]
    assert not analysis.problems and analysis.params == record.params <= params
    assert record.recipe.epochs <= epochs and not record.recipe.more
    assert record.recipe.validation_size == 0, "the final training has all images"
    assert record.recipe.precision != "auto", "so that no machine chooses for itself"
    assert record.seeds == 5


def test_the_page_has_them() -> None:
    rows = [result("record-seconds", seed, last) for seed, last in enumerate((0.9942, 0.9944, 0.9946), 1)]
    page = report(rows)
    line = next(line for line in page.splitlines() if "`record-seconds` | 16,794" in line)
    assert "| **99.44 ± 0.02**; 15.2 s | 99.42, 99.44, 99.46 | 100 A |" in line
    assert "So far 0 of 36" in page and "A: AMD EPYC" in page
