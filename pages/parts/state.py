"""What the lab remembers for one browser tab. The only user of `st.session_state`.

The design lives in the link (`?design=…&name=…`), so that a reload, the back button or another person with
the same link shows the same; undo and redo live here.
"""

from __future__ import annotations

import json
import time
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.architecture.text import from_text, to_text
from mnist_core.course.assignments import ASSIGNMENTS, FREE, Assignment
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.training.recipe import Recipe
from pages.parts.actions import Actions

START = "task-2"
CLONED = "as cloned"  # the recipe of the run that was cloned
MAX_UNDO = 200
CATCH_UP = 2.0  # seconds that a browser may take to show the link that it was given last


def begin() -> None:
    """Reads the link and writes the design back into it; call first in every run of the script."""
    memory = st.session_state
    link = _link()
    if "design" not in memory:
        memory.design = (EXPERIMENTS[START].spec, EXPERIMENTS[START].spec)
        memory.past, memory.future, memory.notice = [], [], None
        memory.links, memory.written = [("", "")], 0.0
        _read_assignment()
        if link:
            _follow(link)
            memory.past = []
    elif link and link != memory.links[-1] and not _late(link):
        _follow(link)
    write_link()


def begun() -> bool:
    """Whether `begin` has been called in this tab."""
    return "design" in st.session_state


def _link() -> tuple[str, str] | None:
    text = st.query_params.get("design")
    return None if text is None else (text, st.query_params.get("name", "untitled"))


def _late(link: tuple[str, str]) -> bool:
    """Whether a link is only the address bar catching up with quick edits, not a person going back."""
    memory = st.session_state
    return link in memory.links and time.monotonic() - memory.written < CATCH_UP


def _follow(link: tuple[str, str]) -> None:
    """Takes the design of a link; one that cannot be read leaves the design as it is and a notice."""
    memory = st.session_state
    try:
        spec = from_text(*link)
    except SpecError as error:
        memory.notice = f"The design in this link cannot be read, so you see another one. {error}"
        return
    known = {design[0]: design for design in (*memory.past, *memory.future)}
    _set_design(known.get(spec, (spec, spec)))


def write_link() -> None:
    """Puts the current design into the address bar."""
    spec, memory = current_spec(), st.session_state
    link = (to_text(spec), spec.name)
    if link != memory.links[-1]:
        memory.links, memory.written = [*memory.links, link][-20:], time.monotonic()
    fields = {"design": link[0], "name": link[1], "assignment": _assignment_text()}
    if locked():
        fields["lock"] = "1"
    if any(st.query_params.get(name) != text for name, text in fields.items()):
        st.query_params.update(fields)


def notice() -> str | None:
    """A message to show once."""
    text: str | None = st.session_state.notice
    st.session_state.notice = None
    return text


def set_notice(text: str) -> None:
    """A message that the next page shows once."""
    st.session_state.notice = text


# -- the design --


def current_spec() -> ModelSpec:
    """The design that all pages work on."""
    spec: ModelSpec = st.session_state.design[0]
    return spec


def baseline() -> ModelSpec:
    """The design that differences are counted from: what one last opened. Undo takes that back as well."""
    spec: ModelSpec = st.session_state.design[1]
    return spec


def set_spec(spec: ModelSpec, step: object = None) -> None:
    """Makes `spec` the current design; the former one can be had back by `undo`.

    Edits in a row with the same `step`, such as typing in one box, are undone together.
    """
    _set_design((spec, baseline()), step)


def open_spec(spec: ModelSpec) -> None:
    """Like `set_spec`, but differences are counted from here."""
    _set_design((spec, spec))


def _set_design(design: tuple[ModelSpec, ModelSpec], step: object = None) -> None:
    memory = st.session_state
    if design[0] != memory.design[0]:
        if step is None or step != memory.get("step"):
            memory.past = [*memory.past, memory.design][-MAX_UNDO:]
        memory.future, memory.step = [], step
    memory.design = design


def can_undo() -> bool:
    return bool(st.session_state.past)


def can_redo() -> bool:
    return bool(st.session_state.future)


def undo() -> None:
    memory = st.session_state
    if memory.past:
        memory.future = [*memory.future, memory.design]
        memory.design, memory.step = memory.past[-1], None
        memory.past = memory.past[:-1]


def redo() -> None:
    memory = st.session_state
    if memory.future:
        memory.past = [*memory.past, memory.design]
        memory.design = memory.future[-1]
        memory.future = memory.future[:-1]


# -- the run that Train shows --


def selected_run() -> str | None:
    """The name of the run: the link's, else the one that was looked at last."""
    memory, link = st.session_state, st.query_params.get("run")
    former, changed = memory.get("former_run", (None, 0.0))
    late = link == former and time.monotonic() - changed < CATCH_UP
    name: str | None = memory.get("run") if late or not link else link
    return name


def select_run(name: str | None) -> None:
    """Show this run, or none, and put it into the address bar."""
    memory, link = st.session_state, st.query_params.get("run")
    memory.run = name
    if link != name:
        memory.former_run = (link, time.monotonic())
    if name and link != name:
        st.query_params["run"] = name
    elif not name:
        st.query_params.pop("run", None)


def clone(name: str, spec: ModelSpec, recipe: Recipe, data: str) -> None:
    """Take design, recipe and data of the run called `name` into the forms; added epochs have no field."""
    open_spec(spec)
    times = st.session_state.get("times cloned", 0) + 1
    st.session_state["times cloned"] = times
    # Each has a form of its own, with nothing edited.
    st.session_state.cloned = (f"{name}, {times}", recipe.changed(more=()))
    put("recipe", CLONED)
    put("data", data)


def cloned() -> tuple[str, Recipe] | None:
    """What was cloned last: a name that no clone had before, and the run's recipe."""
    found: tuple[str, Recipe] | None = st.session_state.get("cloned")
    return found


def ask_for_page() -> None:
    """For callbacks of a fragment: draw the whole page again, not the fragment alone."""
    st.session_state.page_wanted = True


def page_is_wanted() -> bool:
    """Whether that was asked for; asks once."""
    return bool(st.session_state.pop("page_wanted", False))


def actions() -> Actions:
    """What this tab does that takes its time."""
    if "actions" not in st.session_state:
        st.session_state.actions = Actions()
    found: Actions = st.session_state.actions
    return found


def select_started() -> None:
    """Show the run that was started last, once; waits for one that is just being started."""
    done = actions()
    with done.lock:
        run = done.run
    if run and run != st.session_state.get("started"):
        st.session_state.started = run
        select_run(run)


# -- the assignment --


def assignment() -> Assignment:
    """What the design is checked against."""
    chosen: Assignment = st.session_state.asked
    return chosen


def set_assignment(chosen: Assignment) -> None:
    """Checks against another assignment from now on; a locked one stays."""
    if not locked():
        st.session_state.asked = chosen


def locked() -> bool:
    """Whether the link that one came by has fixed the assignment."""
    fixed: bool = st.session_state.locked
    return fixed


def _read_assignment() -> None:
    """Takes assignment and lock of the link that opened the tab."""
    memory, text = st.session_state, st.query_params.get("assignment", "")
    memory.locked, memory.asked = False, ASSIGNMENTS["under-20k"]
    if text in ASSIGNMENTS:
        memory.asked = ASSIGNMENTS[text]
    elif text:
        try:
            memory.asked = Assignment.model_validate({**FREE.model_dump(), **json.loads(text)})
        except (ValueError, TypeError, RecursionError):
            memory.notice = "The assignment in this link cannot be read; the usual one is used instead."
    memory.locked = "lock" in st.query_params


def _assignment_text() -> str:
    """The assignment as it stands in a link: its name, or the fields of one's own."""
    asked = assignment()
    if asked.name in ASSIGNMENTS:
        return asked.name
    usual = FREE.model_dump(mode="json")
    fields = {key: value for key, value in asked.model_dump(mode="json").items() if value != usual[key]}
    return json.dumps(fields, separators=(",", ":"))


def share_link() -> str:
    """The address of this design and assignment, for others."""
    spec = current_spec()
    fields = {"design": to_text(spec), "name": spec.name, "assignment": _assignment_text()}
    if locked() or value("lock_link"):
        fields["lock"] = "1"
    return f"{st.context.url or ''}?{urlencode(fields)}"


# -- widgets and components --


def value(key: str) -> Any:
    """What the widget or component with this key holds."""
    return st.session_state.get(key)


def put(key: str, value: Any) -> None:
    """Gives the widget with this key a value, before it is drawn."""
    st.session_state[key] = value


def trigger(key: str, name: str) -> Any:
    """The value that the component `key` just sent under `name`; for its callbacks."""
    return st.session_state[key][name]


def last_edit() -> int:
    """The stamp of the layer list's last edit that was made, 0 before the first."""
    stamp: int = st.session_state.get("last_edit", 0)
    return stamp


def take_edit(stamp: int) -> bool:
    """Whether the edit with this stamp is new; it then counts as made."""
    if stamp <= last_edit():
        return False
    st.session_state.last_edit = stamp
    return True


# -- the drawing --


def drawing() -> Any:
    """What is on the canvas of Draw, None before the first stroke; kept when one leaves the page."""
    return st.session_state.get("drawing")


def set_drawing(drawing: Any) -> None:
    st.session_state.drawing = drawing


def is_mounted(key: str) -> bool:
    """Whether the component with this key was on the page in the run before."""
    return key in st.session_state
