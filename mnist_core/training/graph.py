"""Training steps on CUDA as one CUDA graph: recorded once, then started by a single call.

A small net's step is some hundred operations of a few microseconds, and starting them one by one takes
longer than they do. A graph has them all: forward, backward, sums, optimizer and average. It is replayed on
the same addresses, so all that changes from step to step lies in tensors that are written before: images and
labels, the rate, the average's share, and the seed (PyTorch copies that of its generator to the device before
each replay, so that seeding anew before every step holds as it does without a graph). The images of many
steps are augmented at once, as that takes a GPU hardly longer than those of one.

PyTorch's fused optimizers read the rate from a tensor, but not the momentum. Where the schedule moves it, the
graph ends with the gradients, and the optimizer's and the average's few fused operations follow it.

Several trainings may share a GPU, each on a stream of its own: see streams.py.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mnist_core.training.randomness import DROPOUT, seed_default, seed_of
from mnist_core.training.schedule import Rate
from mnist_core.training.splits import Splits
from mnist_core.training.state import TrainingState
from mnist_core.training.step import Step

AHEAD = 32  # steps whose images are augmented at once
_WARM_UP = 3  # steps before the recording: libraries choose their ways, the optimizer gets its state

Stepper = Callable[[Tensor, int, int, Rate], Tensor]
"""What takes the steps of a training: see `Step.__call__`."""


def stepper(state: TrainingState, splits: Splits) -> Stepper:
    """What takes the steps of this training on its device."""
    step = Step(state, splits)
    return GraphStep(FixedStep(step)) if state.device.type == "cuda" else step


class FixedStep:
    """A step on full batches that reads all that changes from tensors at fixed addresses, on any device.

    `whole`: the optimizer and the average belong to it; else only all before them. `ahead`: of how many steps
    the images are augmented at once.
    """

    def __init__(self, step: Step, ahead: int = AHEAD) -> None:
        self.step, self.state, self.ahead = step, step.state, ahead
        recipe, device = self.state.recipe, self.state.device
        self.whole = not (recipe.schedule == "one_cycle" and recipe.cycle_momentum)
        shape = (recipe.batch_size, 1, *step.splits.train_images.shape[1:])
        self.inputs = torch.zeros(shape, device=device).contiguous(memory_format=torch.channels_last)
        self.labels = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
        self.learning_rate = torch.zeros((), device=device)
        self.averaged = self.state.averaged()[0]
        # a fused operation wants a share for every value: they are read from one block, in every shape
        self.share = torch.zeros(max((tensor.numel() for tensor in self.averaged), default=0), device=device)
        self.shares = [self.share.as_strided(tensor.shape, tensor.stride()) for tensor in self.averaged]
        self.ready = range(0)  # the run's steps whose images lie in `images`
        self.images: tuple[Tensor, Tensor] = (self.inputs, self.labels)

    def write(self, order: Tensor, place: int, number: int, rate: Rate) -> None:
        """Say which step comes next; as `Step.__call__`. The seed is the last thing that is written."""
        if number not in self.ready:
            self._look_ahead(order, place, number)
        size = len(self.labels)
        start = (number - self.ready.start) * size
        for fixed, images in zip((self.inputs, self.labels), self.images, strict=True):
            fixed.copy_(images[start : start + size])
        self.learning_rate.fill_(rate.learning_rate)
        self.share.fill_(self.state.share(number + 1))
        self.state.set_rate(rate)
        seed_default(self.state.device, seed_of(self.state.recipe.seed, DROPOUT, number))

    def _look_ahead(self, order: Tensor, place: int, number: int) -> None:
        """Augment the images of some steps, the same ones from whichever of them a run goes on."""
        size, first = len(self.labels), place - place % self.ahead
        numbers = order[first * size : (first + self.ahead) * size]
        begin = number - place + first
        self.images = self.step.look(numbers, begin)
        self.ready = range(begin, begin + len(numbers) // size)

    def take(self) -> Tensor:
        """Take the step, or start of it, that was written; its loss. This is what a graph records."""
        loss = self.step.gradients(self.inputs, self.labels)
        if self.whole:
            for group in self.state.optimizer.param_groups:
                group["lr"] = self.learning_rate
            self.state.optimizer.step()
            self.state.update_average(self.shares)
        return loss

    def end(self, number: int, rate: Rate) -> None:
        """What is not in `take`."""
        if not self.whole:
            self.step.change(number, rate)


class GraphStep:
    """Takes steps on CUDA: the first ones and batches of another size one by one, all others as a graph.

    Every call takes one real step, so that recording changes nothing. Where PyTorch cannot record, the run
    goes on without a graph. `remark` of the state says which it is.
    """

    def __init__(self, fixed: FixedStep) -> None:
        self.fixed = fixed
        self.stream = torch.cuda.Stream(fixed.state.device)  # recording is not allowed on the default one
        self.left = _WARM_UP
        self.graph: torch.cuda.CUDAGraph | None = None
        self.loss = fixed.learning_rate  # until the graph has one
        self.gradients: list[tuple[Tensor, Tensor | None]] = []

    def __call__(self, order: Tensor, place: int, number: int, rate: Rate) -> Tensor:
        """As `Step.__call__`; the loss is valid until the next call."""
        size = self.fixed.state.recipe.batch_size
        if (place + 1) * size > len(order):
            return self.fixed.step(order, place, number, rate)
        self.fixed.write(order, place, number, rate)
        if self.left == 0:
            self._record()
        self.left -= 1
        if self.graph is not None:
            self.graph.replay()
            for parameter, gradient in self.gradients:  # a step without the graph has put others there
                parameter.grad = gradient
            loss = self.loss
        else:
            loss = self._aside()
        self.fixed.end(number, rate)
        return loss

    def _aside(self) -> Tensor:
        """Take the step on the stream of the recording, before and after all else."""
        self.stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self.stream):
            loss = self.fixed.take()
        torch.cuda.current_stream().wait_stream(self.stream)
        return loss

    def _record(self) -> None:
        state, graph = self.fixed.state, torch.cuda.CUDAGraph()
        self._promise(True)
        self.stream.wait_stream(torch.cuda.current_stream())
        try:
            with torch.cuda.stream(self.stream):
                # not torch.cuda.graph, which waits for all other trainings on the device
                graph.capture_begin(capture_error_mode="thread_local")
                try:
                    self.loss = self.fixed.take()
                finally:
                    graph.capture_end()
        except RuntimeError as error:
            self._forget_recording()
            self._remark(f"no CUDA graph ({str(error).splitlines()[0]}), so that steps take longer to start")
        else:
            self.graph = graph
            self.gradients = [(parameter, parameter.grad) for parameter in state.model.parameters()]
            self._remark("steps as one CUDA graph" if self.fixed.whole else "gradients as one CUDA graph")
        finally:
            self._promise(False)
        torch.cuda.current_stream().wait_stream(self.stream)

    def _forget_recording(self) -> None:
        """A recording that failed leaves PyTorch's generator in it, unable to draw: it gets another state."""
        device = self.fixed.state.device
        fresh = torch.Generator(device).manual_seed(torch.cuda.initial_seed())
        torch.cuda.default_generators[device.index or 0].graphsafe_set_state(fresh.graphsafe_get_state())

    def _promise(self, capturable: bool) -> None:
        """Adam wants to be told that it is recorded, and complains when it is told so and is not."""
        for group in self.fixed.state.optimizer.param_groups:
            group["capturable"] = capturable

    def _remark(self, text: str) -> None:
        state = self.fixed.state
        state.remark = f"{state.remark}; {text}" if state.remark else text
