"""benchmarks/kills.py with a few kills: kill -9 of worker and server at random moments loses nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.conftest import ROOT


@pytest.mark.slow
def test_a_run_survives_kills_at_random_moments() -> None:
    command = [sys.executable, "benchmarks/kills.py", "--kills", "2", "--seed", "5", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["resumes"] == 2 and told["equal"] is True and told["lost_lines"] == 0
    assert (told["of_worker"], told["of_server"], told["of_both"]) == (1, 1, 1)
