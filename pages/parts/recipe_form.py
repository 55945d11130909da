"""The recipe as a form: a named recipe, its main fields, and the rest behind a button."""

from __future__ import annotations

import math
from typing import Any, get_args

import streamlit as st

from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.course.records import RECORDS
from mnist_core.probe.catalog import shipped_entries
from mnist_core.training.recipe import RECIPES, Augmentation, Recipe, RecipeError
from pages.parts import state

_WHAT = {
    "fast": "Good nets of under 20,000 params know 99 % after one epoch, 99.4 % after three: try it first.",
    "course": "Plain SGD with momentum and a constant rate, as most of the course's notebooks.",
    "task-2": "The published recipe of that net: 19 epochs of SGD with rotations of ± 10°.",
    "published": "What the document of the net used that you opened.",
    "record": "What the record of the lab that you opened was trained with.",
    state.CLONED: "What the run had that was cloned, without epochs that were added to it.",
    "best": "19 epochs of one-cycle AdamW with augmentation and averaged weights: the highest accuracy.",
}


def recipe_form() -> Recipe | None:
    """The recipe as chosen and edited; None (and a message) while it cannot be used.

    A published experiment or a record brings its own recipe, which also its edited and renamed copy has.
    """
    recipes, design = dict(RECIPES), state.baseline().name
    for own, known in (("published", EXPERIMENTS), ("record", RECORDS)):
        if design in known and known[design].recipe not in RECIPES.values():
            recipes[own] = known[design].recipe
    cloned = state.cloned()
    if cloned:
        recipes[state.CLONED] = cloned[1]
    name = st.selectbox(
        "recipe",
        list(recipes),
        key="recipe",
        bind="query-params",
        width=130,
        help="How to train.\n\n" + "\n\n".join(f"**{key}**: {text}" for key, text in _WHAT.items()),
    )
    base = recipes[name]
    name = _namespace(name)
    fields: dict[str, Any] = {
        "epochs": _whole(name, "epochs", base.epochs, 1, 10_000, 90),
        "learning_rate": _real(name, "learning_rate", base.learning_rate, 115),
    }
    with st.popover(
        "More", icon=":material/tune:", help="Optimizer, schedule, augmentation, averaging, device"
    ):
        fields |= _more(name, base)
    try:
        return base.changed(**fields)
    except RecipeError as error:
        st.error("  \n".join(map(str, error.problems)), icon=":material/error:")
        return None


def use_rate(rate: float) -> None:
    """Put a learning rate into the form; for callbacks."""
    state.put(f"{_namespace(state.value('recipe'))}.learning_rate", rate)


def _namespace(name: str) -> str:
    """What the keys of the form's fields begin with: another recipe has fields of its own."""
    if name in ("published", "record"):
        return f"{state.baseline().name} {name}"
    cloned = state.cloned()
    return f"{name} {cloned[0]}" if cloned and name == state.CLONED else name


def _more(name: str, base: Recipe) -> dict[str, Any]:
    steps, rate, images = st.columns(3)
    fields: dict[str, Any] = {}
    with rate:
        fields["schedule"] = _choice(name, "schedule", base.schedule)
        fields |= _schedule(name, base, fields["schedule"])
        fields["ema_decay"] = _real(name, "ema_decay", base.ema_decay)
        fields["label_smoothing"] = _real(name, "label_smoothing", base.label_smoothing)
    with steps:
        fields["optimizer"] = _choice(name, "optimizer", base.optimizer)
        fields["batch_size"] = _whole(name, "batch_size", base.batch_size, 1, 10_000)
        cycled = fields["schedule"] == "one_cycle" and base.cycle_momentum
        for field in ("base_momentum", "max_momentum") if cycled else ("momentum",):  # what acts
            fields[field] = _real(name, field, getattr(base, field))
        fields["nesterov"] = base.nesterov and fields["optimizer"] == "sgd" and fields.get("momentum") != 0
        fields["weight_decay"] = _real(name, "weight_decay", base.weight_decay)
        fields["device"] = _choice(name, "device", base.device)
        fields["seed"] = _whole(name, "seed", base.seed, 0, 2**31 - 1)
    with images:
        fields["augmentation"] = _augmentation(name, base.augmentation)
        fields["dropout"] = _dropout(name, base.dropout)
        fields["teacher"] = _teacher(name, base.teacher)
        fields["validation_size"] = _whole(name, "validation_size", base.validation_size, 0, 59_000)
    if rest := _rest(base, fields):
        st.caption(f"This recipe also has {rest}.")
    return fields


def _rest(base: Recipe, fields: dict[str, Any]) -> str:
    """What a recipe says beyond the form's fields and the usual, in words."""
    shown = {*fields, "epochs", "learning_rate", "more"}
    own = base.model_dump(mode="json", exclude_defaults=True)
    geometric = ("rotation", "translation", "shear", "scale")
    rest = {name: value for name, value in own.items() if name not in shown}
    rest |= {name: value for name, value in own.get("augmentation", {}).items() if name not in geometric}
    said = {name: ("off", "on")[value] if isinstance(value, bool) else value for name, value in rest.items()}
    return ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in said.items())


def _dropout(name: str, value: float | None) -> float | None:
    return st.number_input(
        "dropout",
        0.0,
        0.99,
        value,
        step=0.01,
        format="%g",
        placeholder="as designed",
        key=f"{name}.dropout",
        persist_state="session",
        help=_help("dropout"),
    )


def _teacher(name: str, value: str | None) -> str | None:
    options = [None, *(entry.path.stem for entry in shipped_entries())]
    if value not in options:
        options.append(value)
    return st.selectbox(
        "teacher",
        options,
        options.index(value),
        format_func=lambda option: option or "none",
        placeholder="none",
        key=f"{name}.teacher",
        persist_state="session",
        help=_help("teacher"),
    )


def _augmentation(name: str, base: Augmentation) -> dict[str, Any]:
    """The geometric part, the rest as the recipe has it."""
    zoom = max(0.0, round(base.scale[1] - 1, 6))
    fields = base.model_dump(mode="json") | {
        "rotation": _real(name, "augmentation.rotation", base.rotation, label="rotation ±, degrees"),
        "translation": _real(name, "augmentation.translation", base.translation, label="translation ±"),
        "shear": _real(name, "augmentation.shear", base.shear, label="shear ±, degrees"),
    }
    chosen = _real(
        name, "augmentation.zoom", zoom, label="zoom ±", what="Zoom by a factor of 1 ± up to this."
    )
    return fields if chosen == zoom else fields | {"scale": [1 - chosen, 1 + chosen]}


def _schedule(name: str, base: Recipe, schedule: str) -> dict[str, Any]:
    """The fields that belong to this schedule alone."""
    match schedule:
        case "step":
            return {
                "step_size": _whole(name, "step_size", base.step_size, 1, 10_000),
                "gamma": _real(name, "gamma", base.gamma),
            }
        case "multi_step":
            text = st.text_input(
                "milestones",
                ", ".join(map(str, base.milestones or (5, 10))),
                key=f"{name}.milestones",
                persist_state="session",
                help=Recipe.model_fields["milestones"].description,
            )
            parts = text.replace(",", " ").replace(";", " ").split()
            milestones = [int(part) if part.isdecimal() else part for part in parts]  # others are refused
            return {"milestones": milestones, "gamma": _real(name, "gamma", base.gamma)}
        case "one_cycle":
            return {
                "pct_start": _real(name, "pct_start", base.pct_start),
                "div_factor": _real(name, "div_factor", base.div_factor),
                "final_div_factor": _real(name, "final_div_factor", base.final_div_factor),
            }
        case "cosine":
            return {"eta_min": _real(name, "eta_min", base.eta_min)}
        case "plateau":
            return {
                "patience": _whole(name, "patience", base.patience, 0, 10_000),
                "factor": _real(name, "factor", base.factor),
            }
    return {}


_HELP = {
    "optimizer": "How a gradient becomes a step: SGD with momentum, Adam, AdamW (Adam with decoupled decay).",
    "device": "Where it is trained: auto takes a GPU where there is one, else the CPU.",
    "schedule": "How the learning rate changes: not at all, in steps, up and down once, along a cosine, "
    "or whenever the loss stays flat.",
}


def _help(field: str) -> str | None:
    inner = field.partition(".")[2]
    known = Augmentation.model_fields[inner] if inner else Recipe.model_fields[field]
    return known.description or _HELP.get(field)


def _whole(name: str, field: str, value: int, low: int, high: int, width: int | None = None) -> int:
    return st.number_input(
        field.replace("_", " "),
        low,
        high,
        value,
        key=f"{name}.{field}",
        persist_state="session",
        help=_help(field),
        width=width or "stretch",
    )


def _real(
    name: str, field: str, value: float, width: int | None = None, label: str = "", what: str = ""
) -> float:
    return st.number_input(
        label or field.replace("_", " "),
        0.0,
        value=float(value),
        step=_step(value),
        format="%g",
        key=f"{name}.{field}",
        persist_state="session",
        help=what or _help(field),
        width=width or "stretch",
    )


def _step(value: float) -> float:
    """What a press on + or − changes: a tenth of the value's power of ten, 0.01 where the value is 0."""
    return 10.0 ** (math.floor(math.log10(value)) - 1) if value > 0 else 0.01


def _choice(name: str, field: str, value: str) -> str:
    options: tuple[str, ...] = get_args(Recipe.model_fields[field].annotation)
    return st.selectbox(
        field.replace("_", " "),
        options,
        options.index(value),
        key=f"{name}.{field}",
        persist_state="session",
        help=_help(field),
    )
