"""What is wrong with a recipe, in words: where, what is against what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from pydantic import ValidationError
from pydantic_core import ErrorDetails


@dataclass(frozen=True)
class RecipeProblem:
    """One thing wrong with a recipe. `field` is dotted ("augmentation.rotation"), "" for the whole."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class RecipeError(ValueError):
    """A recipe that cannot be used; `problems` names everything that is wrong with it at once."""

    def __init__(self, problems: tuple[RecipeProblem, ...]) -> None:
        self.problems = problems
        super().__init__("The recipe cannot be used:\n" + "\n".join(f"  {problem}" for problem in problems))


def refused(message: str) -> RecipeError:
    """A RecipeError about the recipe as a whole."""
    return RecipeError((RecipeProblem("", message),))


def explained(error: ValidationError, known_fields: Callable[[tuple[str, ...]], list[str]]) -> RecipeError:
    """Pydantic's findings in the lab's words. `known_fields(path)` lists the fields at `path`."""
    return RecipeError(tuple(_problem(finding, known_fields) for finding in error.errors(include_url=False)))


def _problem(finding: ErrorDetails, known_fields: Callable[[tuple[str, ...]], list[str]]) -> RecipeProblem:
    path = tuple(str(part) for part in finding["loc"])
    field, message, got = ".".join(path), finding["msg"], finding.get("input")
    match finding["type"]:
        case "json_invalid":
            return RecipeProblem("", f'this is not JSON ({message}); expected an object like {{"epochs": 3}}')
        case "extra_forbidden":
            close = difflib.get_close_matches(path[-1], known_fields(path[:-1]), n=1)
            hint = f"did you mean {close[0]}?" if close else "take it out"
            return RecipeProblem(_short(field), f"there is no such field; {hint}")
        case "value_error":
            return RecipeProblem(field, message.removeprefix("Value error, "))
        case "model_type":
            return RecipeProblem(field, f"is {_short(repr(got))}; expected an object with fields")
    allowed = message.replace("Input", "it", 1)
    return RecipeProblem(field, f"is {_short(repr(got))}; {allowed}")


def _short(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "…"
