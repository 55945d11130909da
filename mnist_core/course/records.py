"""Nets of our own under the courses' limits, one for each class of records, as data in `records.json`.

They were found on 50,000 training images, judged by the other 10,000, and then trained on all 60,000 with
five seeds by `reproduce`, like the published experiments. Nothing about them is selected on the test set but
for what `remark` tells.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_core.course.experiments import EXPERIMENTS, Experiment

DOCUMENT = "Records"


@dataclass(frozen=True)
class Record(Experiment):
    """A net and its recipe. `title` is the class in words, `known` the best published figure, `bar` what we
    set out to reach: the mean of five seeds' last epochs. `remark` says how the net was found. `measured` is
    what it reaches in its class's own terms, where these are neither params nor accuracy.
    """

    known: str
    bar: str
    measured: str = ""

    @property
    def seeds(self) -> int:
        return 5


def _read() -> dict[str, Record]:
    rows = json.loads(Path(__file__).with_name("records.json").read_text(encoding="utf-8"))
    same: dict[str, Any] = {"document": DOCUMENT, "source_id": "", "exact": True, "published": {}}
    return {row["name"]: Record(recipe_fields=row.pop("recipe"), **same, **row) for row in rows}


RECORDS = _read()
ALL: dict[str, Experiment] = EXPERIMENTS | RECORDS
"""Every net that has a name of its own, with the recipe that belongs to it."""
