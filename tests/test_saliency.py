from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mnist_core.architecture.model import build
from mnist_core.probe.drawing import to_digit
from mnist_core.probe.inference import load_model, predict
from mnist_core.probe.saliency import METHODS, grad_cam, integrated_gradients, occlusion
from mnist_core.runs import checkpoint
from mnist_core.runs.checkpoint import Checkpoint, shipped_folder
from mnist_core.training.recipe import Recipe
from tests.strokes import STYLES, drawn, placed
from tests.test_inference import spec_of

SHIPPED = shipped_folder() / "task-2.safetensors"
DIGIT = to_digit(drawn(placed(STYLES[7][1], 220, 80, 60), 22)).digit
LINEAR = spec_of("linear", [{"kind": "flatten"}, {"kind": "linear", "out_features": 10}])


@pytest.fixture
def linear(tmp_path: Path) -> Path:
    torch.manual_seed(2)
    path = tmp_path / "linear.safetensors"
    checkpoint.save(path, Checkpoint(LINEAR, Recipe(epochs=1), build(LINEAR).state_dict()))
    return path


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("target", [7, 2])
def test_a_map_has_the_digits_size_and_finite_values(method: str, target: int) -> None:
    found = METHODS[method](SHIPPED, DIGIT, target)
    assert found.shape == (28, 28) and np.isfinite(found).all()
    assert found.any()


def test_integrated_gradients_add_up_to_the_difference_of_the_scores() -> None:
    ends = torch.from_numpy(np.stack([np.zeros_like(DIGIT), DIGIT]))[:, None]
    empty, full = Scores(load_model(SHIPPED))(ends).tolist()
    for target in range(10):
        found = integrated_gradients(SHIPPED, DIGIT, target)
        total = full[target] - empty[target]
        assert found.sum() == pytest.approx(total, abs=0.02 * max(1, abs(total)))
        assert not found[DIGIT == 0].any(), "paper is as in the empty picture"


def test_integrated_gradients_of_a_linear_net_are_weight_times_ink(linear: Path) -> None:
    weights = load_model(linear).get_submodule("linear_2").weight[3].numpy().reshape(28, 28)
    found = integrated_gradients(linear, DIGIT, 3)
    assert found == pytest.approx(weights * DIGIT / 0.3081, abs=1e-4)


def test_occlusion_is_what_predict_says_of_the_covered_digit() -> None:
    found = occlusion(SHIPPED, DIGIT, 7)
    before = predict(SHIPPED, DIGIT)[0, 7]
    for row, column in ((6, 12), (10, 15), (20, 13)):
        covered = DIGIT.copy()
        covered[row - 2 : row + 3, column - 2 : column + 3] = 0
        fall = before - predict(SHIPPED, covered)[0, 7]
        assert found[row, column] == pytest.approx(fall if (covered != DIGIT).any() else 0, abs=1e-5)
    assert not occlusion(SHIPPED, np.zeros((28, 28)), 7).any()


def test_grad_cam_of_a_net_without_maps_is_its_only_map(linear: Path) -> None:
    found = grad_cam(linear, DIGIT, 3)
    weights = load_model(linear).get_submodule("linear_2").weight[3].numpy()
    expected = np.maximum(weights.mean() * (DIGIT - 0.1307) / 0.3081, 0)
    assert found == pytest.approx(expected, abs=1e-5)
    assert grad_cam(SHIPPED, DIGIT, 7).min() >= 0


class Scores(nn.Module):
    """The model on grey values in [0, 1], as captum wants it."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.model((pixels - 0.1307) / 0.3081)


@pytest.mark.slow
@pytest.mark.parametrize("target", [7, 2])
def test_integrated_gradients_are_those_of_captum(target: int) -> None:
    from captum.attr import IntegratedGradients  # its import takes a second

    captum = IntegratedGradients(Scores(load_model(SHIPPED)))
    pixels = torch.from_numpy(DIGIT)[None, None]
    expected = captum.attribute(pixels, target=target, n_steps=256, method="riemann_middle")[0, 0].numpy()
    found = integrated_gradients(SHIPPED, DIGIT, target)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


@pytest.mark.slow
@pytest.mark.parametrize("target", [7, 2])
def test_grad_cam_is_that_of_captum(target: int) -> None:
    from captum.attr import LayerGradCam

    scores = Scores(load_model(SHIPPED))
    layer = scores.model.get_submodule("conv2d_31")  # the last whose maps are larger than 1×1
    captum = LayerGradCam(scores, layer)
    coarse = captum.attribute(torch.from_numpy(DIGIT)[None, None], target=target, relu_attributions=True)
    expected = (
        F.interpolate(coarse, size=(28, 28), mode="bilinear", align_corners=False)[0, 0].detach().numpy()
    )
    assert expected.any()
    found = grad_cam(SHIPPED, DIGIT, target)
    assert np.abs(found - expected).max() < 1e-4 * np.abs(expected).max()


def test_looking_changes_nothing() -> None:
    before = predict(SHIPPED, DIGIT)
    for method in METHODS.values():
        method(SHIPPED, DIGIT, 1)
    assert np.array_equal(predict(SHIPPED, DIGIT), before)
