"""Finds a Chromium for the browser tests: the system's, else Playwright's own, else Debian's package.

`python tests/browser/chromium.py` installs one where there is none and prints its path.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from playwright.sync_api import sync_playwright

PATIENCE = 180  # seconds for a download that a closed network may never answer
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def find() -> str | None:
    """The path of an installed Chromium, or None. CHROMIUM names one of your own."""
    for path in (os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)):
        if path and Path(path).exists():
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


def install() -> None:
    """Playwright's own Chromium; where that cannot be downloaded, Debian's package."""
    command = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]
    with suppress(subprocess.TimeoutExpired):
        if subprocess.run(command, check=False, timeout=PATIENCE).returncode == 0:
            return
    if shutil.which("apt-get"):
        sudo = [] if os.geteuid() == 0 else ["sudo"]
        subprocess.run([*sudo, "apt-get", "update", "-qq"], check=True)
        subprocess.run([*sudo, "apt-get", "install", "-y", "-qq", "chromium"], check=True)


if __name__ == "__main__":
    if not find():
        install()
    found = find()
    print(found or "No Chromium found: install one, or name it in CHROMIUM.")
    sys.exit(0 if found else 1)
