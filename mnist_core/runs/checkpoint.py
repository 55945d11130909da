"""One safe file: weights, the design they belong to, and how they were got.

A checkpoint is a safetensors file: eight bytes with the length of a JSON header, the header, raw numbers.
Nothing in it is ever executed or unpickled. Its metadata are strings: `format`, `version`, `spec`, `recipe`,
`figures`, the last three JSON. A file is taken only when its tensors are exactly those of its design.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.limits import MAX_PARAMS
from mnist_core.architecture.spec import ModelSpec, SpecError
from mnist_core.runs.files import replace_file, to_line
from mnist_core.training.recipe import Recipe, RecipeError

if TYPE_CHECKING:
    from torch import Tensor, nn

FORMAT, VERSION = "mnist-lab-checkpoint", "1"
SUFFIX = ".safetensors"
MAX_HEADER = 4 * 2**20  # bytes
MAX_FILE = 8 + MAX_HEADER + 2 * 4 * MAX_PARAMS  # bytes: as many buffers as parameters, in float32
PICKLES = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")  # torch.save, zipped and old


class CheckpointError(Exception):
    """Not a usable checkpoint; the message says which file, what is wrong and what to do."""


@dataclass(frozen=True)
class About:
    """What a checkpoint says of itself, without its weights. `figures` are described in figures.py."""

    spec: ModelSpec
    recipe: Recipe
    figures: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained model as data. `tensors` are the averaged weights and the buffers, by state-dict name."""

    spec: ModelSpec
    recipe: Recipe
    tensors: dict[str, Tensor]
    figures: dict[str, Any] = field(default_factory=dict)

    def model(self) -> nn.Module:
        """The model with these weights, on the CPU and in eval mode."""
        from mnist_core.architecture.model import build

        model = build(self.spec)
        model.load_state_dict(self.tensors)
        return model.eval()


def shipped_folder() -> Path:
    """`checkpoints/` beside the package."""
    return Path(__file__).parents[2] / "checkpoints"


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file as a whole or not at all. Raises OSError; what was there before then stays."""
    replace_file(path, to_bytes(checkpoint))


def to_bytes(checkpoint: Checkpoint) -> bytes:
    """The checkpoint as the content of a file; equal checkpoints give equal bytes."""
    from safetensors.torch import save as serialize

    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in checkpoint.tensors.items()}
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "spec": checkpoint.spec.to_json(),
        "recipe": checkpoint.recipe.to_json(),
        "figures": to_line(checkpoint.figures).decode().strip(),
    }
    return _in_order(serialize(tensors, metadata), metadata)


def _in_order(data: bytes, metadata: dict[str, str]) -> bytes:
    """The file with its metadata in this order: safetensors writes them in a random one."""
    length = int.from_bytes(data[:8], "little")
    header = {"__metadata__": metadata} | {
        name: entry for name, entry in json.loads(data[8 : 8 + length]).items() if name != "__metadata__"
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors start at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + data[8 + length :]


def load(path: Path) -> Checkpoint:
    """The checkpoint in a file. Raises CheckpointError for anything else, whatever it is."""
    describe(path)  # so that a wrong file is refused before it is read
    try:
        return from_bytes(path.read_bytes(), str(path))
    except OSError as error:
        raise _unreadable(path, error) from None


def from_bytes(data: bytes, where: str) -> Checkpoint:
    """The checkpoint in `data`; messages call it `where`. Raises CheckpointError."""
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import load as deserialize

    about = _about(data, len(data), where)
    try:
        tensors = deserialize(data)
    except (SafetensorError, ValueError, RuntimeError) as error:
        raise _damaged(where, str(error)) from None
    expected = _expected(about.spec)
    if set(tensors) != set(expected):
        odd = sorted(set(tensors) ^ set(expected))
        what = "is missing" if odd[0] in expected else "does not belong to the design"
        raise _refused(where, f"tensor {odd[0]!r} {what} ({len(odd)} such tensors)")
    for name, (shape, dtype) in expected.items():
        tensor = tensors[name]
        if tuple(tensor.shape) != shape or tensor.dtype != dtype:
            raise _refused(
                where,
                f"tensor {name!r} is {tensor.dtype} {tuple(tensor.shape)}; the design needs {dtype} {shape}",
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise _refused(
                where, f"tensor {name!r} holds values that are not numbers; its training had failed"
            )
    return Checkpoint(about.spec, about.recipe, tensors, about.figures)


def describe(path: Path) -> About:
    """What the file says of itself, read from its header alone. Raises CheckpointError."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            start = file.read(8)
            header = file.read(min(int.from_bytes(start, "little"), MAX_HEADER)) if len(start) == 8 else b""
    except OSError as error:
        raise _unreadable(path, error) from None
    return _about(start + header, size, str(path))


def _expected(spec: ModelSpec) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Name → (shape, dtype) of every tensor of the design's model, without taking memory for it."""
    import torch

    from mnist_core.architecture.model import build

    with torch.device("meta"):
        state = build(spec).state_dict()
    return {name: (tuple(tensor.shape), tensor.dtype) for name, tensor in state.items()}


def _about(data: bytes, size: int, where: str) -> About:
    """Check the header in `data` (a whole file's start) against the file's size, and read the metadata."""
    if data.startswith(PICKLES):
        raise _refused(
            where, "it is a pickled PyTorch file, which can run code when opened, under another name"
        )
    length = int.from_bytes(data[:8], "little")
    if len(data) < 9 or data[8:9] != b"{" or length > MAX_HEADER:
        raise _refused(where, "it is not a safetensors file")
    if size > MAX_FILE:
        raise _refused(where, f"it has {size:,} bytes; at most {MAX_FILE:,} are read")
    if len(data) < 8 + length:
        raise _damaged(where, f"it ends after {size:,} bytes, within its header of {length:,}")
    try:
        header = json.loads(data[8 : 8 + length])
    except (ValueError, RecursionError):
        raise _damaged(where, "its header is not JSON") from None
    end = max((_end(entry) for entry in _entries(header)), default=0)
    if size != 8 + length + end:
        raise _damaged(where, f"it has {size:,} bytes, but its header promises {8 + length + end:,}")
    metadata = header.get("__metadata__") if isinstance(header, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != FORMAT:
        raise _refused(
            where, "it is a safetensors file, but of another program: design and recipe are missing"
        )
    if metadata.get("version") != VERSION:
        raise _refused(where, f"its version is {metadata.get('version')!r}; this lab reads {VERSION!r}")
    return _parse(metadata, where)


def _entries(header: Any) -> Iterator[Any]:
    if isinstance(header, dict):
        yield from (entry for name, entry in header.items() if name != "__metadata__")


def _end(entry: Any) -> int:
    """Where a tensor's bytes end, as its header entry says; 0 when it says nothing sensible."""
    offsets = entry.get("data_offsets") if isinstance(entry, dict) else None
    last = offsets[-1] if isinstance(offsets, list) and offsets else 0
    return last if isinstance(last, int) and 0 <= last <= MAX_FILE else 0


def _parse(metadata: dict[str, Any], where: str) -> About:
    try:
        spec = ModelSpec.from_json(str(metadata.get("spec")))
        recipe = Recipe.from_json(str(metadata.get("recipe")))
        figures = json.loads(str(metadata.get("figures")))
    except (SpecError, RecipeError) as error:
        raise _refused(
            where, f"the {'design' if isinstance(error, SpecError) else 'recipe'} in it is broken: {error}"
        ) from None
    except (ValueError, RecursionError):
        raise _damaged(where, "the figures in it are not JSON") from None
    if problems := analyze(spec).problems:
        raise _refused(where, f"the design in it has problems. {problems[0]}")
    if not isinstance(figures, dict):
        raise _damaged(where, "the figures in it are not a JSON object")
    return About(spec, recipe, figures)


def _refused(where: str, why: str) -> CheckpointError:
    return CheckpointError(f"{where}: {why}. Choose a checkpoint that this lab has written ({SUFFIX}).")


def _damaged(where: str, why: str) -> CheckpointError:
    return CheckpointError(f"{where}: the file is damaged, {why}. Copy it again, or train the design anew.")


def _unreadable(path: Path, error: OSError) -> CheckpointError:
    return CheckpointError(
        f"{path}: cannot be read ({error.strerror or error}). Check the path, or choose another."
    )
