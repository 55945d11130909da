from __future__ import annotations

import base64
import json
import re

import numpy as np
import pytest

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.export.html_file import net_data, to_html
from mnist_core.runs.checkpoint import CheckpointError, load, shipped_folder
from tests.test_inference import LAYERS, spec_of, untrained

MEGABYTE = 1_000_000
SMALL = [name for name, one in EXPERIMENTS.items() if one.params < 20_000]


@pytest.mark.parametrize("name", SMALL)
def test_nets_under_20k_stay_under_a_megabyte(name: str) -> None:
    assert len(to_html(untrained(EXPERIMENTS[name].spec))) < MEGABYTE


def test_nothing_is_fetched_from_anywhere() -> None:
    page = to_html(load(shipped_folder() / "task-2.safetensors")).decode()
    assert not re.search(r"https?:|//\w+\.\w|@import|url\(|src=|\bfetch\(|XMLHttpRequest|\bimport\b", page)
    assert "default-src 'none'" in page
    assert "19,712 params, 99.56 % of MNIST’s test digits named right" in page


def test_the_weights_are_in_it_as_they_are() -> None:
    checkpoint = load(shipped_folder() / "task-2.safetensors")
    data = net_data(checkpoint)
    numbers = np.frombuffer(base64.b64decode(data["weights"]), "<f4")
    assert sum(size for _, size in data["tensors"]) == len(numbers)
    at = 0
    for name, size in data["tensors"]:
        assert np.array_equal(numbers[at : at + size], checkpoint.tensors[name].numpy().ravel())
        at += size


def test_a_hostile_name_stays_a_name() -> None:
    name = "</title></script><script>alert(1)</script>$data${style}&"
    page = to_html(untrained(spec_of(name, LAYERS))).decode()
    assert "alert(1)</script>" not in page and page.count("<script") == 2
    (data,) = re.findall(r'type="application/json">(.*?)</script>', page, re.S)
    assert json.loads(data)["unsure"] == 0.8


def test_other_inputs_are_refused() -> None:
    spec = spec_of("colour", [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}], (3, 8, 8))
    with pytest.raises(CheckpointError, match=r"colour.*digit"):
        to_html(untrained(spec))
