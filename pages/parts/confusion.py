"""The confusion matrix: which digit is taken for which. A cell that is chosen comes back to Python."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pages.parts import state
from pages.parts.component import component

_mount = component(__file__)


def confusion(counts: NDArray[np.int64]) -> None:
    """Show the matrix (10, 10): rows the true digits, columns what the net says."""
    cell = chosen_cell()
    _mount(
        key="confusion",
        data={"counts": counts.tolist(), "cell": list(cell) if cell else None},
        on_cell_change=_remember,
    )


def chosen_cell() -> tuple[int, int] | None:
    """(true digit, what the net says) of the cell that was chosen last, None when there is none."""
    match state.value("confusion_cell"):
        case [int(true), int(said)] if 0 <= true <= 9 and 0 <= said <= 9:
            return true, said
    return None


def _remember() -> None:
    state.put("confusion_cell", state.trigger("confusion", "cell"))
