"""The effective receptive field of a trained net: what its units really look at, within what they can see.

After Luo, Li, Urtasun and Zemel, "Understanding the Effective Receptive Field in Deep Convolutional Neural
Networks" (NeurIPS 2016): the mean absolute gradient of the unit in the middle of a map with respect to the
input, here over real digits and summed over the map's channels.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mnist_core.training.data import MEAN, STD

Field = NDArray[np.float32]


def effective_fields(model: nn.Module, images: NDArray[np.uint8]) -> dict[int, Field]:
    """Layer number → (H, W) in [0, 1], 1 at the strongest pixel, for every layer whose output is a map.

    `model` is one that `build` has made; `images` are (N, H, W) digits, a few dozen will do.
    """
    outputs: dict[int, Tensor] = {}

    def keep(number: int) -> Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]:
        return lambda _module, _inputs, output: outputs.__setitem__(number, output)

    hooks = [
        module.register_forward_hook(keep(int(name.rsplit("_", 1)[1])))
        for name, module in model.named_modules()
        if name and name.rsplit(".", 1)[-1] not in ("body", "branch")
    ]
    inputs = ((torch.from_numpy(images.copy()).float() / 255 - MEAN) / STD).unsqueeze(1).requires_grad_()
    try:
        model.eval()(inputs)
        return {n: _field(output, inputs) for n, output in sorted(outputs.items()) if output.dim() == 4}
    finally:
        for hook in hooks:
            hook.remove()


def _field(output: Tensor, inputs: Tensor) -> Field:
    middle = output[:, :, output.shape[2] // 2, output.shape[3] // 2]
    total = torch.zeros_like(inputs)
    # One gradient a channel would be exact; a few random signs estimate the mean of their magnitudes.
    generator = torch.Generator().manual_seed(0)
    for _ in range(_SIGNS):
        signs = torch.randint(0, 2, middle.shape[1:], generator=generator).float() * 2 - 1
        (gradient,) = torch.autograd.grad((middle * signs).sum(), inputs, retain_graph=True)
        total += gradient.abs()
    field = total.mean(dim=(0, 1)).numpy()
    largest = float(field.max())
    return (field / largest if largest > 0 else field).astype(np.float32)


_SIGNS = 4
