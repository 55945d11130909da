import pytest

from mnist_core.runs.curves import Curves
from mnist_core.runs.seeds import Band
from pages.parts.charts import accuracy_shown, loss_shown, words

LAYOUT = {"yaxis": {"title": {"text": "accuracy, %"}}, "xaxis": {"title": {"text": "epoch"}}}


def test_a_chart_says_its_newest_values() -> None:
    test = {"name": "test", "mode": "lines+markers", "y": [98.1, 99.4]}
    train = {"name": "train", "mode": "lines", "y": [97.0]}
    hidden = {"name": "a step", "mode": "lines", "y": [1.0], "showlegend": False}
    dots = {"name": "nets", "mode": "markers", "y": [3.0]}
    expected = "Chart: accuracy, % by epoch. Newest: test 99.4, train 97."
    assert words([test, train, hidden, dots, {"mode": "lines", "y": [2.0]}], LAYOUT) == expected


@pytest.mark.parametrize(
    ("epochs", "limit", "end", "named"),
    [(3, 20, 3, False), (15, 20, 20, True), (20, 20, 20, True), (40, 20, 40, True), (40, None, 40, False)],
)
def test_the_limit_on_epochs_is_a_line_where_a_run_comes_near_it(
    epochs: int, limit: int | None, end: int, named: bool
) -> None:
    empty = Curves((), (), (), (), (), (), (), ())
    accuracy = accuracy_shown(empty, epochs, "a run", limit=limit)["layout"]
    loss = loss_shown(empty, epochs, "a run", limit=limit)["layout"]
    for layout in (accuracy, loss):
        assert layout["xaxis"]["range"] == pytest.approx([0, 1.02 * end])
        assert [shape["x0"] for shape in layout["shapes"] if shape["x0"] == shape["x1"]] == [limit] * named
        assert any("limit: 20 epochs" in one["text"] for one in layout["annotations"]) == named
    assert accuracy["shapes"][0]["y0"] == 99.4


def test_train_loss_stands_by_step_and_by_epoch_and_seeds_have_a_band_that_a_logarithm_can_show() -> None:
    curves = Curves(((0.5, 1.0),), ((0.5, 1.0),), ((1, 0.2),), ((1, 0.1),), (), (), (), ())
    band = [Band(1, 0.11, 0.01), Band(2, 0.03, 0.05)]
    traces = loss_shown(curves, 2, "a run", band)["traces"]
    shown = {trace["name"]: trace["y"] for trace in traces if trace.get("name")}
    expected = {"train by step": [1.0], "train": [0.2], "test": [0.1], "mean of seeds": [0.11, 0.03]}
    assert shown == {"train, a step": [1.0], **expected}
    low, high = (trace["y"] for trace in traces if trace.get("line") == {"width": 0})
    assert low == pytest.approx([0.1, 0.003]) and high == pytest.approx([0.12, 0.08])


def test_an_empty_chart_says_its_axes() -> None:
    assert words([], LAYOUT).strip() == "Chart: accuracy, % by epoch."
