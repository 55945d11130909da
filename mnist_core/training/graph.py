"""Training steps on CUDA as one CUDA graph: recorded once, then started by a single call.

A small net's step is some hundred operations of a few microseconds, and starting them one by one takes
longer than they do. A graph has all of them: augmentation, forward, backward, sums, optimizer and average.
It is replayed on the same addresses, so all that changes from step to step lies in tensors that are written
before: the batch, the rate, the average's share, and the seeds (PyTorch copies those of the two generators
to the device before each replay, so that seeding anew before every step holds as it does without a graph).

PyTorch's fused optimizers read the rate from a tensor, but not the momentum. Where the schedule moves it, the
graph ends with the gradients, and the optimizer's and the average's few fused operations follow it.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from mnist_core.training.schedule import Rate
from mnist_core.training.splits import Splits
from mnist_core.training.state import TrainingState
from mnist_core.training.step import Step

_WARM_UP = 3  # steps before the recording: libraries choose their ways, the optimizer gets its state


def stepper(state: TrainingState, splits: Splits) -> Callable[[Tensor, int, Rate], Tensor]:
    """What takes the steps of this training on its device: see `Step.__call__`."""
    step = Step(state, splits)
    return GraphStep(FixedStep(step)) if state.device.type == "cuda" else step


class FixedStep:
    """A step on full batches that reads all that changes from tensors at fixed addresses, on any device.

    `whole`: the optimizer and the average belong to it; else only all before them.
    """

    def __init__(self, step: Step) -> None:
        self.step, self.state = step, step.state
        recipe, device = self.state.recipe, self.state.device
        self.whole = not (recipe.schedule == "one_cycle" and recipe.cycle_momentum)
        self.batch = torch.zeros(recipe.batch_size, dtype=torch.int64, device=device)
        self.learning_rate = torch.zeros((), device=device)
        self.averaged = self.state.averaged()[0]
        # a fused operation wants a share for every value: they are read from one block, in every shape
        self.share = torch.zeros(max((tensor.numel() for tensor in self.averaged), default=0), device=device)
        self.shares = [self.share.as_strided(tensor.shape, tensor.stride()) for tensor in self.averaged]

    def write(self, batch: Tensor, number: int, rate: Rate) -> None:
        """Say which step comes next; as `Step.__call__`."""
        self.step.seed(number)
        self.batch.copy_(batch)
        self.learning_rate.fill_(rate.learning_rate)
        self.share.fill_(self.state.share(number + 1))
        self.state.set_rate(rate)

    def take(self) -> Tensor:
        """Take the step, or start of it, that was written; its loss. This is what a graph records."""
        loss = self.step.gradients(self.batch)
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

    def __call__(self, batch: Tensor, number: int, rate: Rate) -> Tensor:
        """As `Step.__call__`; the loss is valid until the next call."""
        if len(batch) != len(self.fixed.batch):
            return self.fixed.step(batch, number, rate)
        self.fixed.write(batch, number, rate)
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
        graph.register_generator_state(self.fixed.step.generator)
        self._promise(True)
        try:
            # the outer context: when recording fails, older versions of PyTorch leave their stream in place
            with torch.cuda.stream(torch.cuda.current_stream()), torch.cuda.graph(graph, stream=self.stream):
                self.loss = self.fixed.take()
        except RuntimeError as error:
            self._remark(f"no CUDA graph ({str(error).splitlines()[0]}), so that steps take longer to start")
        else:
            self.graph = graph
            self.gradients = [(parameter, parameter.grad) for parameter in state.model.parameters()]
            self._remark("steps as one CUDA graph" if self.fixed.whole else "gradients as one CUDA graph")
        finally:
            self._promise(False)

    def _promise(self, capturable: bool) -> None:
        """Adam wants to be told that it is recorded, and complains when it is told so and is not."""
        for group in self.fixed.state.optimizer.param_groups:
            group["capturable"] = capturable

    def _remark(self, text: str) -> None:
        state = self.fixed.state
        state.remark = f"{state.remark}; {text}" if state.remark else text
