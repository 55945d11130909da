"""The training data as tensors: real MNIST, or the built-in stand-in `synthetic`.

MNIST lies where torchvision puts it, `<folder>/MNIST/raw/*.gz`; archives that are there are used, missing or
damaged ones are fetched by torchvision's downloader. Archives are read straight into memory, so that a
read-only folder with the four archives is enough, and every load checks their MD5.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import os
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path

import filelock
import numpy as np
import torch
from torch import Tensor

from mnist_core.training import synthetic
from mnist_core.training.recipe import DATA_NAMES
from mnist_core.training.sample import data_folder

MEAN, STD = 0.1307, 0.3081  # of MNIST's training pixels as fractions of white; also used for synthetic
CLASSES = 10

_MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
_DOWNLOAD_ERRORS = (OSError, RuntimeError, ValueError, HTTPException)  # what torchvision lets through
_TIMEOUT_S = 20.0  # for a mirror that accepts and then says nothing; torchvision itself waits for ever
_DISK_ERRORS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
    errno.ENOTDIR,
    errno.EFBIG,
}

Progress = Callable[[int, int, str], None]
"""Called with (bytes done, bytes in all, file name) a few times a second while a file is fetched."""


class DataError(Exception):
    """The data cannot be had; the message says where, what is wrong and what to do."""


@dataclass(frozen=True)
class Archive:
    """One gzipped IDX file: its name, the MD5 of the archive, its bytes and the shape of what is inside."""

    name: str
    md5: str
    size: int
    shape: tuple[int, ...]


MNIST = (
    Archive("train-images-idx3-ubyte.gz", "f68b3c2dcbeaaa9fbdd348bbdeb94873", 9_912_422, (60_000, 28, 28)),
    Archive("train-labels-idx1-ubyte.gz", "d53e105ee54ea40749a09fcbcd1e9432", 28_881, (60_000,)),
    Archive("t10k-images-idx3-ubyte.gz", "9fb629c4189551a2d022fa330f9573f3", 1_648_877, (10_000, 28, 28)),
    Archive("t10k-labels-idx1-ubyte.gz", "ec29112dd5afa0611ce80d1b7f02629c", 4_542, (10_000,)),
)


@dataclass(frozen=True, eq=False)
class Dataset:
    """Images as uint8 (N, 28, 28), ink 255 on paper 0; labels as int64 (N,) in 0…9.

    A model's input is (image / 255 - mean) / std.
    """

    name: str
    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    mean: float = MEAN
    std: float = STD

    def on(self, device: torch.device) -> Dataset:
        """The same with its tensors on the device."""
        names = ("train_images", "train_labels", "test_images", "test_labels")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


def load(name: str, progress: Progress | None = None) -> Dataset:
    """The data set "mnist" or "synthetic". MNIST is fetched when it is not there yet. Raises DataError."""
    if name == "synthetic":
        return Dataset(name, *synthetic.digits())
    if name == "mnist":
        return load_mnist(data_folder(), mirrors(), progress)
    raise DataError(f"There is no data set {name!r}; use one of {', '.join(DATA_NAMES)}.")


def mirrors() -> tuple[str, ...]:
    """Where MNIST is fetched from, in this order; $MNIST_LAB_MIRROR comes first."""
    own = os.environ.get("MNIST_LAB_MIRROR", "").strip()
    return (own.rstrip("/") + "/", *_MIRRORS) if own else _MIRRORS


def load_mnist(
    folder: Path,
    mirrors: tuple[str, ...],
    progress: Progress | None = None,
    archives: tuple[Archive, ...] = MNIST,
) -> Dataset:
    """The four archives (train images, train labels, test images, test labels) as a Dataset.

    Without mirrors nothing is fetched, nor waited for. Raises DataError.
    """
    raw = folder / "MNIST" / "raw"
    if not all(_is_whole(raw / archive.name, archive) for archive in archives):
        if not mirrors:
            raise DataError(f"MNIST is not in {raw}, or not whole. The first training on it fetches it.")
        _fetch_missing(raw, mirrors, archives, progress)
    train_images, train_labels, test_images, test_labels = (_read(raw, archive) for archive in archives)
    return Dataset("mnist", train_images, train_labels.long(), test_images, test_labels.long())


def _is_whole(path: Path, archive: Archive) -> bool:
    try:
        if not path.is_file() or path.stat().st_size != archive.size:
            return False
        return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == archive.md5
    except OSError:
        return False


def _read(raw: Path, archive: Archive) -> Tensor:
    """The array in an archive. IDX: two zero bytes, type 8 = uint8, rank, big-endian sides, values."""
    path = raw / archive.name
    try:
        content = gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read ({error}). Delete it and load again.") from error
    rank = len(archive.shape)
    header = bytes([0, 0, 8, rank]) + np.array(archive.shape, dtype=">u4").tobytes()
    if not content.startswith(header) or len(content) != len(header) + int(np.prod(archive.shape)):
        raise DataError(f"{path} holds no IDX array of {archive.shape}. Delete it and load again.")
    values = torch.frombuffer(bytearray(content), dtype=torch.uint8, offset=len(header))
    return values.reshape(archive.shape)


def _fetch_missing(
    raw: Path, mirrors: tuple[str, ...], archives: tuple[Archive, ...], progress: Progress | None
) -> None:
    """Fetch what is missing or damaged. One process fetches, others wait for it and then find all there."""
    try:
        raw.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(raw / ".lock"):
            for archive in archives:
                if not _is_whole(raw / archive.name, archive):
                    _fetch(raw, mirrors, archive, progress)
    except OSError as error:
        raise _disk_error(raw, error) from error


def _fetch(raw: Path, mirrors: tuple[str, ...], archive: Archive, progress: Progress | None) -> None:
    damaged = (raw / archive.name).exists()
    reasons = []
    for mirror in mirrors:
        try:
            _download(f"{mirror}{archive.name}", raw, archive, progress)
            return
        except _DOWNLOAD_ERRORS as error:
            if isinstance(error, OSError) and error.errno in _DISK_ERRORS:
                raise _disk_error(raw, error) from error
            reasons.append(f"  {mirror}: {error}")
    state = "is damaged (its MD5 is not MNIST's)" if damaged else "is missing"
    raise DataError(
        f"{raw / archive.name} {state}, and no mirror gave a good copy:\n" + "\n".join(reasons) + "\n"
        "Check the network, name a mirror of your own in MNIST_LAB_MIRROR, put the four archives into that "
        'folder by hand, or use the built-in data set "synthetic".'
    )


def _download(url: str, raw: Path, archive: Archive, progress: Progress | None) -> None:
    """Fetch by torchvision, in a thread, while this one watches the file grow.

    So `progress` is called from the caller's own thread (which Streamlit needs).
    """
    from torchvision.datasets.utils import download_url  # here: importing torchvision takes seconds

    failure: list[Exception] = []

    def fetch() -> None:
        try:
            download_url(url, os.fspath(raw), filename=archive.name, md5=archive.md5)
        except _DOWNLOAD_ERRORS as error:
            failure.append(error)

    with _network_timeout():
        thread = threading.Thread(target=fetch, name=f"fetch {archive.name}", daemon=True)
        thread.start()
        lasts = True
        while lasts:  # the last report comes after the end, however soon that was
            thread.join(0.1)
            lasts = thread.is_alive()
            if progress is not None:
                progress(_size(raw / archive.name), archive.size, archive.name)
    if failure:
        raise failure[0]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


@contextmanager
def _network_timeout() -> Iterator[None]:
    """torchvision passes no timeout to urllib; the default for new sockets is the only handle."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _disk_error(raw: Path, error: OSError) -> DataError:
    return DataError(
        f"{raw} cannot take the MNIST archives: {error.strerror or error}. "
        "Free some space, or name a folder that can be written to in MNIST_LAB_DATA."
    )
