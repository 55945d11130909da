"""Which pixels of a digit a net's answer rests on, in three ways that need not agree.

integrated gradients  Sundararajan, Taly, Yan 2017: the gradient of the digit's score, summed along the way
                      from an empty picture to the digit. The shares add up to the difference of the scores.
occlusion             Zeiler, Fergus 2014: how much the probability falls when a patch is covered.
Grad-CAM              Selvaraju et al. 2017: the last maps that still have places, weighted with how much the
                      score rises with each of them.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from mnist_core.probe.inference import load_model, one_thread, predict
from mnist_core.training.data import MEAN, STD

Heat = NDArray[np.float32]  # over the digit, (28, 28): above 0 speaks for the target, below 0 against it

PATHS = 256  # points on the way from the empty picture to the digit
PATCH = 5  # pixels: side of what is covered at a time


def integrated_gradients(path: Path | str, digit: ArrayLike, target: int) -> Heat:
    """Each pixel's share of the target's score (its logit) against an empty picture."""
    model, pixels = load_model(path), _pixels(digit)
    # The middle of each of the steps, which is exact for a score that is linear or quadratic in between.
    along = (torch.arange(PATHS) + 0.5) / PATHS
    inputs = (along.view(-1, 1, 1, 1) * pixels).requires_grad_()
    with one_thread(), torch.enable_grad():
        scores = _scores(model, inputs)[:, target]
        (gradients,) = torch.autograd.grad(scores.sum(), inputs)
    heat: Heat = (gradients.mean(dim=0) * pixels[0])[0].detach().numpy()
    return heat


def occlusion(path: Path | str, digit: ArrayLike, target: int) -> Heat:
    """By how much the target's probability falls when the 5×5 pixels around a pixel are blacked out."""
    pixels = np.asarray(digit, dtype=np.float32)
    reach = PATCH // 2
    padded = np.pad(pixels, reach)
    covered, places = [], []
    for row in range(28):
        for column in range(28):
            if padded[row : row + PATCH, column : column + PATCH].any():
                one = padded.copy()
                one[row : row + PATCH, column : column + PATCH] = 0
                covered.append(one[reach:-reach, reach:-reach])
                places.append((row, column))
    heat = np.zeros((28, 28), np.float32)
    if covered:
        before = predict(path, pixels)[0, target]
        falls = before - predict(path, np.stack(covered))[:, target]
        heat[tuple(np.transpose(places))] = falls
    return heat


def grad_cam(path: Path | str, digit: ArrayLike, target: int) -> Heat:
    """Where the last maps larger than 1×1 speak for the target; only what speaks for it is shown."""
    model, pixels = load_model(path), _pixels(digit)
    children = list(model.children())
    with one_thread(), torch.enable_grad():
        x, last = _normalised(pixels), 0
        for index, child in enumerate(children):
            x = child(x)
            if x.dim() == 4 and x.shape[2] * x.shape[3] > 1:
                last = index + 1
        maps = nn.Sequential(*children[:last])(_normalised(pixels)).detach().requires_grad_()
        score = nn.Sequential(*children[last:])(maps)[0, target]
        (gradient,) = torch.autograd.grad(score, maps)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    cam = F.relu((weights * maps.detach()).sum(dim=1, keepdim=True))
    heat: Heat = F.interpolate(cam, size=(28, 28), mode="bilinear", align_corners=False)[0, 0].numpy()
    return heat


def _pixels(digit: ArrayLike) -> Tensor:
    return torch.as_tensor(np.asarray(digit, dtype=np.float32)).reshape(1, 1, 28, 28)


def _normalised(pixels: Tensor) -> Tensor:
    return (pixels - MEAN) / STD


def _scores(model: nn.Module, pixels: Tensor) -> Tensor:
    """(N, 10) for digits (N, 1, 28, 28) in [0, 1]: logits, or log-probabilities where the design ends so."""
    scores: Tensor = model(_normalised(pixels))
    return scores


METHODS = {
    "Integrated gradients": integrated_gradients,
    "Occlusion": occlusion,
    "Grad-CAM": grad_cam,
}
