"""The figure of the Compare page: what it holds, what stands at its edge, what lies at one place."""

from __future__ import annotations

from typing import Any

import pytest

from mnist_core.course.compare import Entry, Kind
from mnist_core.course.experiments import EXPERIMENTS
from pages.parts.scatter import next_at, scatter_shown

SPEC = EXPERIMENTS["task-2"].spec
ACCURACIES = (0.992, 0.993, 0.9935, 0.994, 0.995, 0.975)


def entry(
    name: str, accuracy: float, params: int, deviation: float | None = None, kind: Kind = "yours"
) -> Entry:
    return Entry(f"{kind}/{name}", kind, name, SPEC, params, 1, accuracy, None, 2, deviation)


def points(*entries: Entry) -> tuple[dict[str, dict[str, Any]], dict[str, Any]]:
    """The points that are drawn, by their entry's key, and the layout."""
    figure = scatter_shown("figure", entries, None, large=True)
    found = {}
    for trace in figure["traces"]:
        bars = trace["error_y"]
        columns = trace["y"], trace["text"], trace["marker"]["symbol"], bars["array"], bars["arrayminus"]
        for place, *values in zip(trace["customdata"], *columns, strict=True):
            names = ("y", "text", "symbol", "up", "down")
            found[place[0]] = {"place": place, **dict(zip(names, values, strict=True))}
    return found, figure["layout"]


def test_one_that_collapsed_stands_at_the_lower_edge_and_squeezes_nobody() -> None:
    sound = [entry(f"sound {i}", accuracy, 5_000 + 1_000 * i, 0.001) for i, accuracy in enumerate(ACCURACIES)]
    drawn, layout = points(*sound, entry("collapsed", 0.8746, 7_216, 0.14), entry("chance", 0.1, 9_000))
    bottom, top = layout["yaxis"]["range"]
    assert 0.965 < 1 - 10**-bottom < 0.975
    poorest = drawn["yours/sound 5"]
    assert (poorest["text"], poorest["symbol"]) == ("", "square")
    for key, figure in (("yours/collapsed", "87.5"), ("yours/chance", "10.0")):
        point = drawn[key]
        assert (point["text"].strip(), point["symbol"]) == (figure, "triangle-down")
        assert bottom < point["y"] < bottom + 0.05 * (top - bottom) and point["up"] == point["down"] == 0


def test_where_all_are_poor_the_figure_holds_them() -> None:
    drawn, _ = points(*(entry(f"{i}", 0.9 + i / 100, 5_000 + i) for i in range(3)))
    assert {point["symbol"] for point in drawn.values()} == {"square"}


@pytest.mark.parametrize("deviation", [0.0005, 0.005, 0.5])
def test_bars_end_at_the_edge_of_the_figure(deviation: float) -> None:
    drawn, layout = points(entry("one", 0.994, 9_000, deviation))
    bottom, top = layout["yaxis"]["range"]
    (point,) = drawn.values()
    assert bottom <= point["y"] - point["down"] < point["y"] < point["y"] + point["up"] <= top


def test_what_lies_at_one_place_is_chosen_by_one_click_after_the_other() -> None:
    drawn, _ = points(
        entry("net", 0.9942, 12_734, kind="published"),
        entry("net", 0.9942, 12_734, 0.0004, kind="reproduced"),
        entry("near", 0.99421, 12_700, kind="reproduced"),
        entry("apart", 0.993, 12_734, kind="shipped"),
    )
    place = drawn["reproduced/near"]["place"]
    assert place == ["reproduced/near", "published/net", "reproduced/net"]
    assert set(drawn["published/net"]["place"]) == set(drawn["reproduced/net"]["place"]) == set(place)
    assert drawn["shipped/apart"]["place"] == ["shipped/apart"]
    clicked, chosen, seen = None, "shipped/apart", []
    for _ in range(4):
        chosen = next_at(place, clicked, chosen)
        clicked = place[0]
        seen.append(chosen)
    assert seen == [*place, place[0]]
    # Another point first, or another choice in between: the click means its own point.
    assert next_at(place, "shipped/apart", "published/net") == "reproduced/near"
    assert next_at(place, place[0], "shipped/apart") == "reproduced/near"
