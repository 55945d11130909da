"""The command line as a person or a script uses it: output, messages and exit codes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from contextlib import chdir, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from mnist_core.architecture.analysis import analyze
from mnist_core.architecture.codegen import to_source
from mnist_core.cli import main, runs
from mnist_core.course.experiments import EXPERIMENTS
from mnist_core.probe.handwriting import keep
from mnist_core.runs import store, wishes
from mnist_core.runs.store import RunError

from .conftest import ROOT
from .strokes import STYLES, drawn, placed


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def lab(*arguments: str, **environment: str) -> Done:
    """One command in this process: PyTorch's import alone takes longer than most of them."""
    stdout, stderr = StringIO(), StringIO()
    with (
        redirect_stdout(stdout),
        redirect_stderr(stderr),
        chdir(ROOT),
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            code = main(arguments)
        except SystemExit as end:  # argparse's
            code = end.code if isinstance(end.code, int) else 1
    return Done(code, stdout.getvalue(), stderr.getvalue())


def test_analyze_prints_the_whole_analysis_as_json() -> None:
    done = lab("analyze", "task-2", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found == analyze(EXPERIMENTS["task-2"].spec).to_dict()
    assert (found["name"], found["params"], found["trainable_params"]) == ("task-2", 19_712, 19_712)
    keys = {"index", "kind", "output_shape", "params", "macs", "receptive_field", "jump", "start"}
    assert keys <= set(found["layers"][0])


def test_analyze_reads_files_and_finds_problems(tmp_path: Path) -> None:
    file = tmp_path / "design.json"
    file.write_text('{"layers": [{"kind": "conv2d", "out_channels": 1000000000, "kernel_size": 3}]}')
    done = lab("analyze", str(file), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["layer"] == 1
    assert "Layer 1 (conv2d): out_channels is 1,000,000,000; allowed are 1 to 4,096." in done.stderr
    file.write_text('{"layers": [{"kind": "conv3d"}]}')
    done = lab("analyze", str(file), "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problems"][0]["field"] == "kind"


@pytest.mark.parametrize("content", [None, b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_design_file_is_wrong_usage(content: bytes | None, tmp_path: Path) -> None:
    file = tmp_path / "design.json"
    if content is not None:
        file.write_bytes(content)
    done = lab("analyze", str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(file) in done.stderr and "Traceback" not in done.stderr


def test_code_and_experiments() -> None:
    assert lab("code", "task-2").stdout == to_source(EXPERIMENTS["task-2"].spec)
    listed = json.loads(lab("experiments", "--json").stdout)
    assert len(listed) == 36
    assert {"name", "source_id", "params", "exact", "published"} <= set(listed[0])
    shown = re.findall(r"^  (\S+)", lab("experiments").stdout, re.MULTILINE)
    assert shown == [one["name"] for one in listed]


def test_checkpoints_and_what_reproduce_refuses() -> None:
    listed = json.loads(lab("checkpoints", "--json").stdout)
    assert listed[0].keys() == {"name", "path", "params", "accuracy", "mean", "std", "seeds", "class"}
    assert "task-2" in [one["name"] for one in listed] and "task-2" in lab("checkpoints").stdout
    done = lab("reproduce", "--only", "no-such")
    assert done.returncode == 2 and "no-such" in done.stderr
    assert lab("reproduce", "--seeds", "0").returncode == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("fly",),
        ("analyze",),
        ("train", "task-2", "--recipe", "no-such"),
        ("train", "task-2", "--data", "synthetic", "--out", "."),
        ("export", "task-2", "--format", "html", "--out", "tests/.."),
    ],
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    done = lab(*arguments)
    assert done.returncode == 2 and done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_ctrl_c_stops_the_run_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So it does where the run cannot be asked: then it says why, and the run goes on."""
    stop, refused = wishes.request_stop, f"{tmp_path} is read-only"

    def press(seconds: float) -> None:
        monkeypatch.setattr(runs, "time", time)
        raise KeyboardInterrupt

    def refuse(folder: Path) -> None:
        raise RunError(refused)

    command = ["train", "conv4 relu gap flat fc10", "--data", "synthetic", "--epochs", "900"]
    for request, said in ((stop, "what is there is kept"), (refuse, refused)):
        monkeypatch.setattr(runs, "time", SimpleNamespace(sleep=press))
        monkeypatch.setattr(wishes, "request_stop", request)
        done = lab(*command, MNIST_LAB_RUNS=str(tmp_path))
        assert done.returncode == 1 and said in done.stderr
    (view,) = [view for view in store.list_runs(tmp_path) if view.alive]
    stop(view.run.folder)
    while store.read(view.run).alive:
        time.sleep(0.05)


def test_train_evaluate_predict(tmp_path: Path) -> None:
    design, out = tmp_path / "small.json", tmp_path / "small.safetensors"
    from mnist_core.architecture.text import from_text

    design.write_text(from_text("conv8 relu bn max2 conv8 relu bn gap flat fc10", "small").to_json())
    runs = {"MNIST_LAB_RUNS": str(tmp_path / "runs")}
    done = lab(
        "train", str(design), "--data", "synthetic", "--epochs", "1", "--out", str(out), "--json", **runs
    )
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert out.is_file() and trained["epochs"] == 1 and "epoch   1" in done.stderr

    done = lab("evaluate", str(out), "--data", "synthetic", "--json")
    found = json.loads(done.stdout)
    assert found["accuracy"] == pytest.approx(trained["test_accuracy"])
    assert (found["params"], found["images"]) == (
        analyze(from_text("conv8 relu bn max2 conv8 relu bn gap flat fc10")).params,
        2_000,
    )
    assert lab("evaluate", trained["run"], "--data", "synthetic", "--json", **runs).stdout == done.stdout

    pictures = [tmp_path / "one.png", tmp_path / "text.png"]
    strokes = np.full((200, 200), 255, np.uint8)
    strokes[40:160, 95:107] = 0
    Image.fromarray(strokes).save(pictures[0])
    pictures[1].write_text("not a picture")
    done = lab("predict", str(out), *map(str, pictures), "--json")
    assert done.returncode == 2 and "text.png" in done.stderr
    (answer,) = json.loads(done.stdout)
    assert answer["image"] == str(pictures[0]) and sum(answer["probabilities"]) == pytest.approx(1, abs=1e-5)
    assert answer["digit"] == int(np.argmax(answer["probabilities"]))


def test_predict_says_what_is_no_digit(tmp_path: Path) -> None:
    pictures = {
        "seven": drawn(placed(STYLES[7][0], 200, 90, 70), 20),
        "blank": np.full((99, 99), 255, np.uint8),
    }
    for name, pixels in pictures.items():
        Image.fromarray(pixels).save(tmp_path / f"{name}.png")
    files = [str(tmp_path / f"{name}.png") for name in pictures]
    done = lab("predict", "task-2", *files, "--json")
    seven, blank = json.loads(done.stdout)
    assert seven["digit"] == 7 and seven["warning"] is None
    assert blank["warning"] == "There is no digit in it."
    assert done.stderr == f"{files[1]}: There is no digit in it.\n"


def test_evaluate_on_ones_own_handwriting(tmp_path: Path) -> None:
    for figure, styles in STYLES.items():
        keep(drawn(placed(styles[0], 200, 90, 70), 20), figure, tmp_path / "mine")
    (tmp_path / "mine" / "4-broken.png").write_bytes(b"not a picture")
    done = lab("evaluate", "task-2", "--data", str(tmp_path / "mine"), "--json")
    found = json.loads(done.stdout)
    assert found["images"] == 10 and found["accuracy"] >= 0.9
    assert "left out" in done.stderr and "4-broken.png" in done.stderr
    for wrong in (tmp_path, tmp_path / "none"):
        done = lab("evaluate", "task-2", "--data", str(wrong))
        assert done.returncode == 2 and str(wrong) in done.stderr and "Traceback" not in done.stderr


def test_a_pickle_in_disguise_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "evil.safetensors"
    file.write_bytes(b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.")
    done = lab("evaluate", str(file))
    assert done.returncode == 2 and "pickled" in done.stderr
    assert lab("evaluate", "no-such-checkpoint").returncode == 2


@pytest.mark.parametrize("format", ["html", "onnx", "safetensors"])
def test_export(format: str, tmp_path: Path) -> None:
    out = tmp_path / f"mine.{format}"
    done = lab("export", "task-2", "--format", format, "--out", str(out), "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"file": str(out), "format": format, "bytes": out.stat().st_size}
    done = lab("export", "task-2", "--format", format, "--out", str(tmp_path / "none" / "mine"))
    assert done.returncode == 2 and "cannot be written" in done.stderr


def test_export_of_what_is_none() -> None:
    done = lab("export", "README.md", "--format", "html", "--out", "mine.html")
    assert done.returncode == 2 and "README.md" in done.stderr and not (ROOT / "mine.html").exists()


def test_files_of_results_that_are_none(tmp_path: Path) -> None:
    missing, wrong = tmp_path / "typo.jsonl", tmp_path / "wrong.jsonl"
    wrong.write_text("{}\n")
    for path, words in ((missing, "no such file"), (wrong, "not a file of results")):
        done = lab("reproduce", "--report", "--out", str(path))
        assert (done.returncode, done.stdout) == (2, "") and words in done.stderr
    done = lab("reproduce", "--only", "task-2", "--out", str(wrong))
    assert done.returncode == 2 and "not a file of results" in done.stderr
    done = lab("reproduce", "--ship", "--json", "--out", str(missing), MNIST_LAB_DATA=str(tmp_path))
    assert json.loads(done.stdout)["task-2"].startswith("waits: 0 of 5")


def test_output_of_the_real_command_is_utf_8_whatever_the_console_has() -> None:
    command = [sys.executable, "-m", "mnist_core"]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(
        [*command, "experiments"], cwd=ROOT, capture_output=True, check=True, env=environment
    )
    assert "7×7" in done.stdout.decode("utf-8")
    assert subprocess.run([*command, "fly"], cwd=ROOT, capture_output=True, check=False).returncode == 2


def test_a_checkpoint_whose_name_is_a_whole_design() -> None:
    done = lab("evaluate", "conv16 relu " * 30)
    assert done.returncode == 2 and "there is no such file" in done.stderr


def test_the_rate_range_of_a_net_with_a_teacher_that_is_not_there() -> None:
    recipe = '{"teacher": "nobody", "epochs": 1}'
    done = lab("rates", "conv8s4 gap flat fc10", "--recipe", recipe, "--data", "synthetic")
    assert done.returncode == 1 and "nobody.safetensors" in done.stderr
