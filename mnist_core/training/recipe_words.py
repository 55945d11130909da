"""A recipe in words: what it does in a sentence, and the fields that act in it."""

from __future__ import annotations

from mnist_core.training.augmentation import Augmentation
from mnist_core.training.recipe import Recipe

_OPTIMIZERS = {"sgd": "SGD", "adam": "Adam", "adamw": "AdamW"}
_SCHEDULES = {
    "none": "at a constant rate of {rate}",
    "step": "at a rate that begins at {rate} and falls in steps",
    "multi_step": "at a rate that begins at {rate} and falls in steps",
    "one_cycle": "at a rate that rises to {rate} and falls again",
    "cosine": "at a rate that falls from {rate} along a cosine",
    "plateau": "at a rate that begins at {rate} and falls when the loss stays flat",
}


def sentence(recipe: Recipe) -> str:
    """How it trains, for somebody who has not seen its fields."""
    epochs = "1 epoch" if recipe.epochs == 1 else f"{recipe.epochs} epochs"
    added = f", and {_added(recipe)}" if recipe.more else ""
    rate = _SCHEDULES[recipe.schedule].format(rate=f"{recipe.learning_rate:g}")
    changed = "changed at random in every epoch" if recipe.augmentation.active else "as they are"
    averaged = (
        f" What is tested are the weights' averages over about the last {_span(recipe)} steps."
        if recipe.ema_decay
        else ""
    )
    return (
        f"{epochs} of {_OPTIMIZERS[recipe.optimizer]} in batches of {recipe.batch_size:,}, {rate}{added}. "
        f"The training digits are shown {changed}.{averaged}"
    )


def acting(recipe: Recipe) -> dict[str, str]:
    """The fields that have an effect, by what they are called on the screen, each in words."""
    said = {
        "epochs": f"{recipe.epochs}" + (f", then {_added(recipe)}" if recipe.more else ""),
        "batch size": f"{recipe.batch_size:,}",
        "optimizer": _optimizer(recipe),
        "learning rate": f"{recipe.learning_rate:g}",
        "schedule": _schedule(recipe),
        "augmentation": _augmentation(recipe.augmentation),
        "dropout": "" if recipe.dropout is None else f"{recipe.dropout:g} in every dropout layer",
        "label smoothing": f"{recipe.label_smoothing:g}" if recipe.label_smoothing else "",
        "teacher": f"{recipe.teacher}, in place of the labels" if recipe.teacher else "",
        "averaging": f"of the weights, decay {recipe.ema_decay:g}" if recipe.ema_decay else "none",
        "validation": f"{recipe.validation_size:,} training images" if recipe.validation_size else "",
        "seed": f"{recipe.seed}",
        "precision": recipe.precision,
    }
    return {name: text for name, text in said.items() if text}


def _added(recipe: Recipe) -> str:
    return ", ".join(f"{more.epochs} more at {more.learning_rate:g}" for more in recipe.more)


def _span(recipe: Recipe) -> str:
    return f"{round(1 / (1 - recipe.ema_decay)):,}"


def _optimizer(recipe: Recipe) -> str:
    parts = [_OPTIMIZERS[recipe.optimizer]]
    if recipe.schedule == "one_cycle" and recipe.cycle_momentum:
        parts.append(f"momentum {recipe.max_momentum:g} → {recipe.base_momentum:g} → {recipe.max_momentum:g}")
    else:
        parts.append(f"momentum {recipe.momentum:g}")
    if recipe.nesterov:
        parts.append("Nesterov")
    if recipe.weight_decay:
        where = "" if recipe.decay_all else ", not of biases and norms"
        parts.append(f"weight decay {recipe.weight_decay:g}{where}")
    return ", ".join(parts)


def _schedule(recipe: Recipe) -> str:
    match recipe.schedule:
        case "step":
            return f"× {recipe.gamma:g} every {recipe.step_size} epochs"
        case "multi_step":
            return f"× {recipe.gamma:g} after epochs {', '.join(map(str, recipe.milestones))}"
        case "one_cycle":
            start = recipe.learning_rate / recipe.div_factor
            end, part = start / recipe.final_div_factor, _percent(recipe.pct_start)
            form = "linear" if recipe.anneal_strategy == "linear" else "cosine"
            back = f"back to {start:.3g} as fast, " if recipe.three_phase else ""
            return (
                f"one cycle, {form}: from {start:.3g} up to {recipe.learning_rate:g} in the first {part} "
                f"of the steps, {back}down to {end:.3g}"
            )
        case "cosine":
            return f"cosine, down to {recipe.eta_min:g}"
        case "plateau":
            return f"× {recipe.factor:g} after {recipe.patience} epochs without a gain"
    return "none: the rate is constant"


def _augmentation(of: Augmentation) -> str:
    low, high = of.scale
    cropped = f"{_percent(of.center_crop_probability)} of the images"
    changes = {
        f"rotation ± {of.rotation:g}°": of.rotation,
        f"translation ± {of.translation:g}": of.translation,
        f"zoom {low:g}–{high:g}": of.scale != (1, 1),
        f"shear ± {of.shear:g}°": of.shear,
        f"centre crop of {of.center_crop} px in {cropped}": of.crops,
        f"brightness ± {of.brightness:g}": of.brightness,
        f"contrast ± {of.contrast:g}": of.contrast,
        f"erasing in {_percent(of.erasing)} of the images": of.erasing,
    }
    said = ", ".join(text for text, acts in changes.items() if acts)
    first = _augmentation(of.before) if of.before and of.before.active else ""
    return "; then ".join(filter(None, (first, said))) or "none"


def _percent(share: float) -> str:
    return f"{100 * share:g} %"
