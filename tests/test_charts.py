from pages.parts.charts import words

LAYOUT = {"yaxis": {"title": {"text": "accuracy, %"}}, "xaxis": {"title": {"text": "epoch"}}}


def test_a_chart_says_its_newest_values() -> None:
    test = {"name": "test", "mode": "lines+markers", "y": [98.1, 99.4]}
    train = {"name": "train", "mode": "lines", "y": [97.0]}
    hidden = {"name": "a step", "mode": "lines", "y": [1.0], "showlegend": False}
    dots = {"name": "nets", "mode": "markers", "y": [3.0]}
    expected = "Chart: accuracy, % by epoch. Newest: test 99.4, train 97."
    assert words([test, train, hidden, dots, {"mode": "lines", "y": [2.0]}], LAYOUT) == expected


def test_an_empty_chart_says_its_axes() -> None:
    assert words([], LAYOUT).strip() == "Chart: accuracy, % by epoch."
