"""Several trainings at once on one GPU, which a single small net leaves mostly idle."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

Result = TypeVar("Result")
Job = Callable[[threading.Event], Result]
"""Work that ends early when the event is set."""


def side_by_side(jobs: Sequence[Job[Result]]) -> list[Result]:
    """Do each job in a thread with a CUDA stream of its own; what they give, in their order.

    What another thread has put on the GPU before is there for all of them. The first failure sets the event
    of all, and is raised when they have ended.
    """
    halt = threading.Event()

    def work(job: Job[Result]) -> Result:
        try:
            with torch.cuda.stream(torch.cuda.Stream()):
                return job(halt)
        except BaseException:
            halt.set()
            raise

    torch.cuda.synchronize()
    with ThreadPoolExecutor(len(jobs)) as pool:
        try:
            return [done.result() for done in [pool.submit(work, job) for job in jobs]]
        except BaseException:  # an interrupted wait, too, must not wait for all that is left
            halt.set()
            raise
