"""Several trainings at once on one GPU, which a single small net leaves mostly idle."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

import torch

Item = TypeVar("Item")


def side_by_side(jobs: Iterable[Iterator[Item | None]], count: int) -> Iterator[Item]:
    """Advance up to `count` of these generators in turn, each on a CUDA stream of its own, until all end.

    Gives what they yield but None, which they yield when they have started something and could wait for it
    (see `engine.started`). A generator is asked for only when there is room for it. Without a GPU there are
    no streams, and nothing is gained.
    """
    waiting = iter(jobs)
    running: list[tuple[torch.cuda.Stream | None, Iterator[Item | None]]] = []
    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.synchronize()  # what was put there before is there for all of them
    while True:
        while len(running) < count and (job := next(waiting, None)) is not None:
            running.append((torch.cuda.Stream() if on_gpu else None, job))
        if not running:
            return
        for turn in tuple(running):
            stream, job = turn
            try:
                with torch.cuda.stream(stream):
                    item = next(job)
            except StopIteration:
                running.remove(turn)
                continue
            if item is not None:
                yield item
