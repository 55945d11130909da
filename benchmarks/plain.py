"""A published experiment in plain PyTorch and torchvision, image by image: does it end where the lab's ends?

    python benchmarks/plain.py NAME [--seed N] [--epochs N] [--data mnist|synthetic] [--json]

Nothing of the lab takes part but the reading of MNIST, the experiment's layers as PyTorch source and the
fields of its recipe. It is float32, with torchvision's RandomRotation on each image and torch's own SGD and
schedules; experiments with another augmentation are refused. 15 epochs take about 13 minutes of one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import torch  # noqa: E402
import torch.nn.functional as F  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.optim import lr_scheduler  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402
from torchvision.transforms import Compose, Normalize, RandomRotation  # noqa: E402

from mnist_core.architecture.codegen import to_source  # noqa: E402
from mnist_core.course.experiments import EXPERIMENTS, Experiment  # noqa: E402
from mnist_core.training.augmentation import Augmentation  # noqa: E402
from mnist_core.training.data import load  # noqa: E402
from mnist_core.training.recipe import Recipe  # noqa: E402


def schedule(optimizer: torch.optim.Optimizer, recipe: Recipe, steps: int) -> tuple[Any, bool]:
    """torch's schedule, and whether it advances after each batch rather than each epoch."""
    match recipe.schedule:
        case "one_cycle":
            rate, epochs = recipe.learning_rate, recipe.epochs
            return lr_scheduler.OneCycleLR(optimizer, rate, epochs=epochs, steps_per_epoch=steps), True
        case "multi_step":
            return lr_scheduler.MultiStepLR(optimizer, list(recipe.milestones), recipe.gamma), False
        case "step":
            return lr_scheduler.StepLR(optimizer, recipe.step_size, recipe.gamma), False
        case "none":
            return lr_scheduler.ConstantLR(optimizer, 1.0), False
    raise SystemExit(f"The schedule {recipe.schedule} is not known here.")


def train(experiment: Experiment, seed: int, epochs: int, name: str) -> list[dict[str, float]]:
    """Test and train accuracy and test loss after each epoch."""
    recipe, data = experiment.recipe, load(name)
    own = recipe.augmentation
    rotates = Augmentation(rotation=own.rotation, interpolation=own.interpolation, fill=own.fill)
    if own != rotates or (own.rotation and own.interpolation != "nearest"):  # RandomRotation's own
        raise SystemExit(f"{experiment.name} has another augmentation than a rotation.")
    torch.manual_seed(seed)
    names: dict[str, Any] = {"__name__": "net"}
    exec(to_source(experiment.spec), names)
    model: nn.Module = names["Net"]()
    normalize = Normalize(data.mean, data.std)
    change = Compose([RandomRotation(own.rotation, fill=own.fill), normalize])

    def batch(pairs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        return torch.stack([change(image) for image, _ in pairs]), torch.stack([label for _, label in pairs])

    train_images, test_images = (
        images.unsqueeze(1).float() / 255 for images in (data.train_images, data.test_images)
    )
    loader = DataLoader(
        TensorDataset(train_images, data.train_labels), recipe.batch_size, shuffle=True, collate_fn=batch
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum)
    rates, each_batch = schedule(optimizer, recipe, len(loader))
    rows = []
    for epoch in range(1, epochs + 1):
        model.train()
        right = 0
        for inputs, labels in loader:
            optimizer.zero_grad()
            outputs = F.log_softmax(model(inputs), 1)
            F.nll_loss(outputs, labels).backward()
            optimizer.step()
            if each_batch:
                rates.step()
            right += int((outputs.argmax(1) == labels).sum())
        if not each_batch:
            rates.step()
        model.eval()
        with torch.no_grad():
            outputs = torch.cat([F.log_softmax(model(part), 1) for part in normalize(test_images).split(500)])
        row = {
            "epoch": epoch,
            "test_accuracy": float((outputs.argmax(1) == data.test_labels).float().mean()),
            "test_loss": float(F.nll_loss(outputs, data.test_labels)),
            "train_accuracy": right / len(train_images),
        }
        rows.append(row)
        print(
            f"epoch {epoch}: test {row['test_accuracy']:.2%}, loss {row['test_loss']:.4f}, "
            f"train {row['train_accuracy']:.2%}",
            file=sys.stderr,
            flush=True,
        )
    return rows


def main() -> None:
    """Train it, print the last epoch and the mean of the last five, or JSON."""
    parser = argparse.ArgumentParser(description="A published experiment in plain PyTorch and torchvision.")
    parser.add_argument("name", choices=EXPERIMENTS, metavar="NAME")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--data", choices=("mnist", "synthetic"), default="mnist")
    parser.add_argument("--json", action="store_true", help="print JSON")
    wanted = parser.parse_args()
    experiment = EXPERIMENTS[wanted.name]
    rows = train(experiment, wanted.seed, wanted.epochs or experiment.recipe.epochs, wanted.data)
    if wanted.json:
        print(json.dumps({"name": wanted.name, "seed": wanted.seed, "epochs": rows}, indent=2))
        return
    late = [row["test_accuracy"] for row in rows[-5:]]
    print(f"{wanted.name}, seed {wanted.seed}: {late[-1]:.2%}, last five {100 * sum(late) / len(late):.3f} %")


if __name__ == "__main__":
    main()
