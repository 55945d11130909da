"""How commands end and print: exit codes, refusals, JSON."""

from __future__ import annotations

import json
from typing import Any

FINE, FAILED, WRONG = 0, 1, 2


class Refusal(Exception):
    """Ends the command with a message on stderr and an exit code."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=1))
