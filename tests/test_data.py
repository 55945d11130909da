"""MNIST by torchvision's downloader, and everything that can go wrong on the way."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mnist_core.training import data
from mnist_core.training.data import Archive, DataError, Dataset, load_mnist

SHAPES = ((30, 28, 28), (30,), (20, 28, 28), (20,))


def idx(array: np.ndarray) -> bytes:
    """The IDX format: two zero bytes, type, rank, big-endian sides, values."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def small_archives() -> dict[Archive, bytes]:
    """Four archives like MNIST's, but of 30 and 20 images, with their true MD5."""
    rng = np.random.default_rng(0)
    made = {}
    for (real, shape), top in zip(zip(data.MNIST, SHAPES, strict=True), (256, 10, 256, 10), strict=True):
        content = gzip.compress(idx(rng.integers(0, top, shape, dtype=np.uint8)), mtime=0)
        made[Archive(real.name, hashlib.md5(content).hexdigest(), len(content), shape)] = content
    return made


SMALL = small_archives()


@dataclass
class Mirror:
    """A loopback HTTP server that serves `files` (name -> bytes) and notes what was asked for.

    torchvision asks twice for each file: once for redirections, once for the content.
    """

    files: dict[str, bytes]
    gets: list[str] = field(default_factory=list)
    url: str = ""
    delay_s: float = 0


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, mirror: Mirror, *args: Any) -> None:
        self.mirror = mirror
        super().__init__(*args)  # (request, address, server) as the server gives them

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self.mirror.gets.append(self.path.strip("/"))
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        content = self.mirror.files.get(self.path.strip("/"))
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            middle = len(content) // 2
            with contextlib.suppress(ConnectionError):  # whoever looks for redirections hangs up early
                self.wfile.write(content[:middle])
                time.sleep(self.mirror.delay_s)
                self.wfile.write(content[middle:])

    def log_message(self, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    served = Mirror({archive.name: content for archive, content in SMALL.items()})
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, served)) as server:
        served.url = f"http://127.0.0.1:{server.server_address[1]}/"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield served
        server.shutdown()


REFUSES = "http://127.0.0.1:9/"  # the discard port: nobody listens


def small(folder: Path, *mirrors: str, progress: data.Progress | None = None) -> Dataset:
    return load_mnist(folder, mirrors, progress, tuple(SMALL))


def put(folder: Path, contents: dict[Archive, bytes]) -> Path:
    raw = folder / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for archive, content in contents.items():
        (raw / archive.name).write_bytes(content)
    return raw


def test_archives_are_fetched_once_and_then_used(tmp_path: Path, mirror: Mirror) -> None:
    seen: list[tuple[int, int, str]] = []
    first = small(tmp_path, mirror.url, progress=lambda done, total, name: seen.append((done, total, name)))
    assert sorted(mirror.gets) == sorted(2 * [archive.name for archive in SMALL])
    for archive in SMALL:
        last = [(done, total) for done, total, name in seen if name == archive.name][-1]
        assert last == (archive.size, archive.size)
    again = small(tmp_path, REFUSES)
    assert len(mirror.gets) == 8
    assert torch.equal(first.train_images, again.train_images)


def test_values_come_through_unchanged(tmp_path: Path) -> None:
    put(tmp_path, SMALL)
    loaded = small(tmp_path)
    for tensor, content in zip(
        (loaded.train_images, loaded.train_labels, loaded.test_images, loaded.test_labels),
        SMALL.values(),
        strict=True,
    ):
        raw = gzip.decompress(content)[4 * (1 + tensor.ndim) :]
        assert tensor.flatten().tolist() == list(raw)
    assert loaded.train_images.dtype == torch.uint8 and loaded.train_labels.dtype == torch.int64
    assert (loaded.mean, loaded.std) == (0.1307, 0.3081)


def test_a_read_only_folder_with_the_archives_is_enough(tmp_path: Path) -> None:
    raw = put(tmp_path, SMALL)
    os.chmod(raw, 0o555)
    assert len(small(tmp_path, REFUSES).train_images) == 30
    assert sorted(path.name for path in raw.iterdir()) == sorted(archive.name for archive in SMALL)


def test_the_next_mirror_is_asked_when_one_fails(tmp_path: Path, mirror: Mirror) -> None:
    empty = f"{mirror.url}nothing-here/"
    assert len(small(tmp_path, REFUSES, empty, mirror.url).train_images) == 30


def test_ones_own_mirror_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MNIST_LAB_MIRROR", "http://10.0.0.1:8000/mnist")
    assert data.mirrors()[0] == "http://10.0.0.1:8000/mnist/" and len(data.mirrors()) == 3
    monkeypatch.delenv("MNIST_LAB_MIRROR")
    assert len(data.mirrors()) == 2


def test_the_mirrors_and_archives_are_torchvisions_own() -> None:
    from torchvision.datasets import MNIST

    assert list(data.mirrors()[-2:]) == MNIST.mirrors
    assert [(archive.name, archive.md5) for archive in data.MNIST] == MNIST.resources


def test_no_network(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        small(tmp_path, REFUSES)
    said = str(caught.value)
    assert "train-images-idx3-ubyte.gz is missing" in said and REFUSES in said and "refused" in said
    assert "MNIST_LAB_MIRROR" in said and "synthetic" in said


def test_a_damaged_archive_is_fetched_again(tmp_path: Path, mirror: Mirror) -> None:
    raw = put(tmp_path, SMALL)
    victim = raw / "train-labels-idx1-ubyte.gz"
    victim.write_bytes(victim.read_bytes()[:-7])
    assert len(small(tmp_path, mirror.url).train_labels) == 30
    assert set(mirror.gets) == {"train-labels-idx1-ubyte.gz"}


def test_a_damaged_archive_without_network(tmp_path: Path) -> None:
    raw = put(tmp_path, SMALL)
    (raw / "t10k-labels-idx1-ubyte.gz").write_bytes(b"<html>please log in</html>")
    with pytest.raises(DataError, match=r"t10k-labels-idx1-ubyte\.gz is damaged"):
        small(tmp_path, REFUSES)


def test_a_mirror_that_serves_something_else(tmp_path: Path, mirror: Mirror) -> None:
    mirror.files = dict.fromkeys(mirror.files, b"<html>please log in</html>")
    with pytest.raises(DataError, match="no mirror gave a good copy"):
        small(tmp_path, mirror.url)
    with pytest.raises(DataError, match="is damaged"):
        small(tmp_path, REFUSES)


def test_a_mirror_that_does_not_speak_http(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            for _ in range(2):
                connection, _ = server.accept()
                connection.recv(4096)
                connection.sendall(b"\x00\x01 no HTTP at all\r\n\r\n")
                connection.close()

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(DataError, match="no mirror gave a good copy"):
            small(tmp_path, f"http://127.0.0.1:{server.getsockname()[1]}/")


def test_an_archive_with_the_right_md5_but_the_wrong_array(tmp_path: Path) -> None:
    contents = dict(zip(SMALL, (gzip.compress(b"no IDX"), *list(SMALL.values())[1:]), strict=True))
    archives = tuple(
        Archive(archive.name, hashlib.md5(content).hexdigest(), len(content), archive.shape)
        for archive, content in contents.items()
    )
    put(tmp_path, contents)
    with pytest.raises(DataError, match="holds no IDX array"):
        load_mnist(tmp_path, (), None, archives)


def test_without_mirrors_nothing_is_fetched_and_no_fetch_waited_for(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="The first training on it fetches it"):
        small(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path, mirror: Mirror) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot take the MNIST archives.*MNIST_LAB_DATA"):
        small(tmp_path / "file", mirror.url)


def test_a_full_disk(tmp_path: Path, mirror: Mirror) -> None:
    """/dev/full is a device that is always full; elsewhere there is nothing to try."""
    raw = put(tmp_path, {})
    if Path("/dev/full").exists():
        (raw / "train-images-idx3-ubyte.gz").symlink_to("/dev/full")
        with pytest.raises(DataError, match=r"No space left on device.*MNIST_LAB_DATA"):
            small(tmp_path, mirror.url)


def test_an_unknown_name() -> None:
    with pytest.raises(DataError, match="use one of mnist, synthetic"):
        data.load("cifar")


def test_synthetic_needs_no_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path / "nothing"))
    loaded = data.load("synthetic")
    assert (len(loaded.train_images), len(loaded.test_images)) == (12_000, 2_000)
    assert loaded.name == "synthetic" and not (tmp_path / "nothing").exists()


@pytest.mark.slow
def test_two_processes_at_once_fetch_once(tmp_path: Path, mirror: Mirror) -> None:
    """The second waits for the first, and then finds everything there."""
    mirror.delay_s = 0.3
    code = (
        "import sys; from pathlib import Path; from tests.test_data import small; "
        "print(len(small(Path(sys.argv[1]), sys.argv[2]).train_images))"
    )
    root = Path(__file__).parents[1]
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path), mirror.url],
            cwd=root,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    assert [process.communicate(timeout=120)[0].split()[-1] for process in both] == ["30", "30"]
    assert sorted(mirror.gets) == sorted(2 * [archive.name for archive in SMALL])


@pytest.mark.mnist
def test_the_real_archives_served_by_a_mirror(
    tmp_path: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = data.data_folder() / "MNIST" / "raw"
    mirror.files = {archive.name: (raw / archive.name).read_bytes() for archive in data.MNIST}
    monkeypatch.setenv("MNIST_LAB_DATA", str(tmp_path))
    monkeypatch.setenv("MNIST_LAB_MIRROR", mirror.url)
    loaded = data.load("mnist")
    assert set(mirror.gets) == {archive.name for archive in data.MNIST}
    assert loaded.train_labels.bincount().tolist() == [
        5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949
    ]  # fmt: skip
    pixels = loaded.train_images.double() / 255
    assert abs(pixels.mean() - loaded.mean) < 1e-4 and abs(pixels.std() - loaded.std) < 1e-4
    asked = len(mirror.gets)
    again = data.load("mnist")
    assert len(mirror.gets) == asked, "what is there is not fetched again"
    assert torch.equal(again.test_images, loaded.test_images)
