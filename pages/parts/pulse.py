"""Looks at a run without a run of the page's script, which costs the browser more than all it draws.

Every few seconds the browser asks `answer` for what follows the run and is on the screen: how far it is, its
figures and curves, what it says of eight digits. What only the script can draw, a run that has ended, goes on
or stands otherwise, is news: then the browser asks for a run of the script.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from starlette.responses import JSONResponse
from starlette.routing import Route

from mnist_core.runs import store
from mnist_core.runs.store import RunView
from pages.parts import headline, runs, seeds, watch
from pages.parts.component import component, encoded, served

if TYPE_CHECKING:
    from starlette.requests import Request

WAITING_EVERY = 1.0  # seconds between two looks at a run that is about to begin, or to end
TRAINING_EVERY = 3.0  # and at one that trains: each look takes from it what it costs
LATER_EVERY = 5.0  # and at one that has trained for so many seconds, when curves move slowly
LATER = 60.0
RESTING_EVERY = 10.0  # and at one that rests or is done: it may go on in another tab
PIXELS = 28 * 28

_mount = component(__file__)


def pulse(shown: RunView, views: Sequence[RunView], limit: int | None, changes: bool, waits: bool) -> None:
    """Looks from now on at a run and at those that differ in their seed alone, all of them `views`.

    `limit`: the epochs that the assignment allows. `changes`: the script draws something that changes when an
    epoch ends. `waits`: something that will come right now, so that it runs at every look.
    """
    drawing = watch.drawing()
    data = {
        "url": served("pulse"),
        "shown": shown.run.name,
        "runs": [view.run.name for view in views],
        "drawing": "" if drawing is None else encoded(drawing),
        "limit": limit or "",
        "news": news(views),
        "epochs": epochs(views) if changes or len(views) > 1 else None,
        "every": every(views),
        "waits": waits and any(view.alive for view in views),
    }
    _mount(key="pulse", data=data, on_news_change=lambda: None)


def every(views: Sequence[RunView]) -> float:
    """Seconds until the next look."""
    alive = [view for view in views if view.alive]
    if not alive:
        return RESTING_EVERY
    spent = [view.status.seconds for view in alive if view.state == "training"]
    if not spent or any(view.wish for view in alive):
        return WAITING_EVERY
    return TRAINING_EVERY if min(spent) < LATER else LATER_EVERY


def news(views: Sequence[RunView]) -> str:
    """Changes when the runs stand otherwise, so that only the script can draw them."""
    return json.dumps([(view.state, view.wish, len(view.rates)) for view in views])


def epochs(views: Sequence[RunView]) -> str:
    """Changes when an epoch has ended and all that is known of it has been written down."""
    return json.dumps([view.status.figures.get("epochs") for view in views])


def route() -> Route:
    """Where the server answers looks."""
    return Route(served("pulse"), answer)


def answer(request: Request) -> JSONResponse:
    """Answers a look: `?run=…&run=…&shown=…&part=…&part=…&drawing=…&limit=…`, on a thread of its own."""
    query = request.query_params
    shown, drawing, limit = (query.get(name, "") for name in ("shown", "drawing", "limit"))
    return JSONResponse(look(shown, query.getlist("run"), query.getlist("part"), drawing, limit))


def look(
    shown: str, names: Sequence[str], wanted: Collection[str], drawing: str = "", limit: str = ""
) -> dict[str, Any]:
    """How the runs of these names stand, seconds until the next look, the wanted parts of the one shown."""
    found = [store.find(name) for name in names]
    views = {run.name: store.read(run) for run in found if run}
    if shown not in views or len(views) < len(names):  # one has just been deleted: the script will say so
        return {"news": "", "epochs": "", "every": WAITING_EVERY, "parts": {}}
    members = list(views.values())
    allowed = int(limit) if limit.isdecimal() and len(limit) < 6 else None
    parts = _parts(views[shown], members, wanted, _decoded(drawing), allowed) if views[shown].alive else {}
    return {"news": news(members), "epochs": epochs(members), "every": every(members), "parts": parts}


def _parts(
    view: RunView,
    members: Sequence[RunView],
    wanted: Collection[str],
    drawing: NDArray[np.uint8] | None,
    limit: int | None,
) -> dict[str, Any]:
    parts: dict[str, Any] = {}
    if "progress" in wanted:
        parts["progress"] = runs.progress_shown(view)
    if "headline" in wanted:
        parts["headline"] = headline.shown(runs.headline_of(view))
    if "fit" in wanted:
        parts["fit"] = watch.fit(view)
    if "accuracy" in wanted or "loss" in wanted:
        parts |= runs.curves_shown(view, seeds.bands(members), limit)
    if "live" in wanted:
        parts |= watch.live_shown(view, drawing)
    if "log" in wanted:
        parts["log"] = runs.log_shown(view)
    return parts


def _decoded(drawing: str) -> NDArray[np.uint8] | None:
    """The pixels that `encoded` made a text of; None when they are none."""
    try:
        pixels = np.frombuffer(base64.b64decode(drawing), np.uint8)
    except ValueError:
        return None
    return pixels.reshape(28, 28) if len(pixels) == PIXELS else None
