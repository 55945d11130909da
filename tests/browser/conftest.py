"""The real lab behind `streamlit run app.py`, and Chromium in front of it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    FloatRect,
    Locator,
    Page,
    TimeoutError,
    expect,
    sync_playwright,
)

from mnist_core.runs import store
from tests.conftest import ROOT

from . import chromium

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)


@dataclass(frozen=True)
class Lab:
    """A running lab: its address and its runs folder."""

    url: str
    runs: Path


@contextmanager
def serve(folder: Path) -> Iterator[Lab]:
    """The lab on a free port with its runs in `folder`; training takes the lab's usual data folder."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "app.py", f"--server.port={port}"]
    command += ["--server.fileWatcherType=none"]  # an edit of the source must not reload it mid-test
    own = {"MNIST_LAB_RUNS": "runs", "MNIST_LAB_HANDWRITING": "handwriting"}
    environment = os.environ | {name: str(folder / part) for name, part in own.items()}
    environment["CUDA_VISIBLE_DEVICES"] = ""  # runs of a known pace, which one can watch
    with open(folder / "server.log", "wb") as log:
        server = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    url = f"http://127.0.0.1:{port}"
    try:
        _wait_for(f"{url}/_stcore/health", server, folder / "server.log")
        yield Lab(url, folder / "runs")
    finally:
        server.terminate()
        server.wait(20)
        end_runs(folder / "runs")


def end_runs(folder: Path) -> None:
    """Workers outlive whoever started them: later tests would wait behind those of a test that failed."""
    for view in store.list_runs(folder):
        if view.alive and view.status.pid not in (0, os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(view.status.pid, signal.SIGKILL)


@pytest.fixture(autouse=True)
def nothing_goes_on(request: pytest.FixtureRequest) -> Iterator[None]:
    """Nothing trains on after its test."""
    yield
    if "lab" in request.fixturenames:
        end_runs(request.getfixturevalue("lab").runs)


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One lab for all tests."""
    with serve(tmp_path_factory.mktemp("lab")) as lab:
        yield lab


def _wait_for(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert server.poll() is None, f"the server ended: {log.read_text()}"
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(f"the server does not answer: {log.read_text()}")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    assert path, "no Chromium: run python tests/browser/chromium.py"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return context.new_page()


def to_page(page: Page, name: str) -> None:
    """Through the bar above: a page may have links of its own to other pages."""
    page.get_by_test_id("stTopNav").get_by_role("link", name=name).click()


def downloaded(page: Page, name: str) -> Path:
    """The file that this button gives. A click gets lost where the page is drawn anew just then."""
    for _ in range(5):
        try:
            with page.expect_download(timeout=8000) as download:
                page.get_by_role("button", name=name).click()
        except TimeoutError:
            continue
        return download.value.path()
    raise AssertionError(f"{name} gives no file")


def place(locator: Locator) -> FloatRect:
    """Where the element lies once it has stayed there for more than a second: a page moves while it fills."""
    seen: list[FloatRect | None] = []
    while len(seen) < 6 or seen[-1] is None or any(box != seen[-1] for box in seen[-6:]):
        assert len(seen) < 100, "it never comes to rest"
        seen.append(locator.bounding_box())
        locator.page.wait_for_timeout(300)
    return seen[-1]
