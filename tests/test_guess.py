import numpy as np
import pytest

from benchmarks.drawings import unsure
from mnist_core.probe.inference import UNSURE, predict
from mnist_core.runs.checkpoint import shipped_folder
from mnist_core.training.data import load
from pages.parts.guess import DOUBT, percent


def test_what_counts_as_not_sure() -> None:
    probabilities = np.full((4, 10), (1 - UNSURE) / 9)
    probabilities[[0, 1], [3, 5]] = UNSURE
    probabilities[[2, 3], [3, 5]] = UNSURE - 0.1
    assert unsure(probabilities, np.array([3, 9, 3, 9])) == {"digits": 2, "wrong": 1, "others_wrong": 1}


@pytest.mark.parametrize(
    ("probability", "text"),
    [(0, "0.0 %"), (0.0002, "<0.1 %"), (0.978, "97.8 %"), (0.99991, ">99.9 %"), (1, "100.0 %")],
)
def test_a_probability_in_words(probability: float, text: str) -> None:
    assert percent(probability) == text


@pytest.mark.mnist
def test_the_figures_on_the_page_are_those_of_the_shipped_net(mnist_folder: object) -> None:
    data = load("mnist")
    said = predict(shipped_folder() / "task-2.safetensors", data.test_images.numpy() / np.float32(255))
    found = unsure(said, data.test_labels.numpy())
    assert f"task-2 is not sure of {found['digits']} and names {found['wrong']} of those wrong" in DOUBT
    others = f"of the other {10_000 - found['digits']:,} it names {found['others_wrong']} wrong"
    assert others in DOUBT
