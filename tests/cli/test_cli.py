"""The commands as a user calls them: output, exit status and files."""

import json
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from evae_tf.version import VERSION
from tests.commands import MTFL, ROOT, SET, call, own, refused, write_faces


@pytest.mark.parametrize("script", ["train", "evaluate", "export"])
def test_help_names_the_flags_and_what_they_mean(script):
    result = call(script, "--help")
    assert result.returncode == 0
    for flag in ("--dataset", "--data_dir", "--markup", "--seed", "--batch_size", "--num_threads"):
        assert flag in result.stdout.replace("--[no]", "--")


@pytest.mark.parametrize(
    ("script", "flag"), [("train", "--version"), ("align", "-version"), ("train", "--version=true")]
)
def test_a_command_tells_its_version(script, flag):
    result = call(script, flag)
    assert (result.returncode, result.stdout, result.stderr) == (0, f"evae_tf {VERSION}\n", "")


@pytest.mark.parametrize(
    ("script", "arguments", "status", "words"),
    [
        ("train", ["--datset=300w"], 2, ["datset"]),
        ("train", ["--dataset=300W"], 2, ["300w", "synthetic", "wflw"]),
        ("train", ["--architecture=resnet"], 2, ["evae_cnn"]),
        ("train", ["stray"], 2, ["stray"]),
        ("train", ["--preset=best"], 2, ["best", "default", "paper"]),
        ("train", ["--set=epoch=2"], 2, ["epoch=2", "learning_rate"]),
        ("train", ["--set=epochs=two"], 2, ["epochs=two", "integer"]),
        ("train", ["--set=epochs=0"], 2, ["epochs=0", "1 and"]),
        ("train", ["--set=dataset=300w"], 2, ["--dataset"]),
        ("train", ["--set=decoder_strides=2,2,2"], 2, ["decoder_strides"]),
        ("train", ["--workdir="], 2, ["workdir", "expected a path"]),
        ("train", ["--architecture=wt"], 2, ["--init_from"]),
        ("train", ["--dataset=300w"], 2, ["--data_dir"]),
        ("train", ["--data_dir=faces"], 2, ["faces", "synthetic", "--dataset"]),
        ("train", ["--dataset=300w", "--data_dir=nowhere"], 1, ["nowhere"]),
        ("train", ["--dataset=csv", "--data_dir=faces.csv"], 2, ["--markup", "ibug_68"]),
        ("train", ["--dataset=mtfl", "--data_dir=.", "--markup=ibug_68"], 2, ["mtfl_5"]),
        ("train", ["--markup=ibug_86"], 2, ["ibug_86", "ibug_68"]),
        ("train", ["--markup=nowhere.json"], 1, ["nowhere.json"]),
        ("evaluate", ["--model=nowhere.keras"], 1, ["nowhere.keras"]),
        ("evaluate", ["--model="], 2, ["model", "expected a path"]),
        ("evaluate", ["--model=mobile_68,"], 2, ["model", "expected a path"]),
        ("evaluate", ["--subset=trial"], 2, ["trial", "train", "test"]),
        ("evaluate", ["--model=mobile_68", "--group_by=age"], 1, ["age", "yaw"]),
        ("export", ["--model=nowhere.keras"], 1, ["nowhere.keras"]),
        ("export", ["--formats=coreml"], 2, ["coreml", "tflite_int8"]),
        ("export", ["--formats="], 2, ["tflite_int8"]),
        ("export", ["--data_dir=faces"], 2, ["faces", "synthetic", "--dataset"]),
    ],
)
def test_a_wrong_call_gets_one_sentence(script, arguments, status, words, tmp_path):
    refused(call(script, *arguments, folder=tmp_path), status, *words)
    assert not list(tmp_path.iterdir())


def test_a_configuration_names_its_data_set_too(tmp_path):
    """The flag takes precedence; without any, the data set of the file is read."""
    (tmp_path / "c.json").write_text(call("train", "--dataset=wflw", "--print_config").stdout)
    again = call("train", "--config=c.json", "--print_config", folder=tmp_path).stdout
    assert json.loads(again)["dataset"] == "wflw"
    other = call(
        "train", "--config=c.json", "--dataset=mtfl", "--print_config", folder=tmp_path
    ).stdout
    assert json.loads(other)["dataset"] == "mtfl"
    refused(call("train", "--config=c.json", folder=tmp_path), 2, "wflw", "--data_dir")


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    result = call("train", "--dataset=wflw", "--data_dir=empty", folder=tmp_path)
    refused(result, 1, "empty", "wflw")


def test_a_truncated_training_image_is_named(tmp_path):
    data = write_faces(tmp_path / "data", count=6)
    image = tmp_path / "data" / "4.png"
    image.write_bytes(image.read_bytes()[:900])
    result = call("train", *own(data), f"--workdir={tmp_path / 'run'}", *SET)
    refused(result, 1, "4.png")


def test_a_tilde_is_the_home_folder_in_every_flag(trained, tmp_path):
    """The shell does not expand `~` after `=`; the commands would create a folder called `~`."""
    home, work = tmp_path / "home", tmp_path / "work"
    _, run = trained
    home.mkdir()
    work.mkdir()
    write_faces(home / "data")
    (home / "mine.json").write_text(json.dumps(MTFL.to_dict()))
    there = {"folder": work, "environment": {"HOME": str(home)}}
    faces = ["--dataset=csv", "--data_dir=~/data/faces.csv", "--markup=~/mine.json"]
    shutil.copy(run / "model.keras", home / "first.keras")
    done = call("train", *faces, *SET, "--workdir=~/run", "--init_from=~/first.keras", **there)
    assert done.returncode == 0, done.stderr
    measured = call("evaluate", *faces, "--model=mobile_5", "--output=~/report", **there)
    assert measured.returncode == 0, measured.stderr
    for name in ("run/model.keras", "report/report.json"):
        assert (home / name).exists()
    for script, model in (("evaluate", "mobile_5,~/none.keras"), ("export", "~/none.keras")):
        refused(call(script, f"--model={model}", **there), 1, str(home / "none.keras"))
    assert not list(work.iterdir())


def test_a_full_disk_keeps_what_was_there(trained, tmp_path):
    """A limit of the operating system on the file size simulates a full disk.

    AdamW's state makes the checkpoint larger than the model.
    """
    data, _ = trained
    arguments = [*own(data), f"--workdir={tmp_path}", *SET, "--set=epochs=2"]
    arguments.append("--set=optimizer=adamw")
    for limit, file in ((20_000, "model.keras"), (215_000, "last.npz")):
        refused(call("train", *arguments, file_limit=limit), 1, str(tmp_path), file)
        assert not list(tmp_path.rglob(file))
        assert not list(tmp_path.rglob(".*"))
    assert call("train", *arguments).returncode == 0


def test_a_stopped_training_ends_with_a_sentence_and_goes_on(trained, tmp_path):
    """By Ctrl-C during the first epochs, then by SIGTERM: each leaves a complete checkpoint."""
    arguments = [*own(trained[0]), f"--workdir={tmp_path}", *SET, "--set=epochs=1000"]
    command = [sys.executable, ROOT / "train.py", *map(str, arguments)]
    metrics, rows = tmp_path / "metrics.csv", 1
    checkpoint = tmp_path / "checkpoints" / "last.npz"
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                deadline = time.monotonic() + 120
                while not (checkpoint.exists() and metrics.read_text().count("\n") > rows):
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                process.send_signal(number)
                _, errors = process.communicate(timeout=60)
            finally:
                process.kill()  # a failing test must not leave a training running
        assert process.returncode == 1
        assert "error: stopped" in errors
        assert "Traceback" not in errors
        assert ("resuming after epoch" in errors) == (rows > 1)
        assert not list(tmp_path.rglob(".*"))
        assert np.load(checkpoint).files
        rows = metrics.read_text().count("\n") + 1


def test_another_set_of_points_starts_from_a_trained_model(trained, tmp_path):
    """A user-defined markup in a JSON file, and `wt` from a model with other points."""
    data, run = trained
    own_markup = {
        "name": "eyes_and_nose",
        "points": ["left", "right", "tip"],
        "flip_pairs": [[0, 1]],
        "normalizers": {"eyes": [0, 1]},
        "outline": [[0, 2], [1, 2]],
    }
    (tmp_path / "mine.json").write_text(json.dumps(own_markup))
    lines = data.read_text().splitlines()
    kept = [[*line.split(",")[:7], line.split(",")[-1]] for line in lines]
    (data.parent / "three.csv").write_text("\n".join(",".join(line) for line in kept))
    arguments = ["--dataset=csv", f"--data_dir={data.parent / 'three.csv'}", "--markup=mine.json"]
    result = call(
        "train", *arguments, "--architecture=wt", f"--init_from={run / 'model.keras'}",
        "--workdir=run", *SET, "--set=epochs=1", folder=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "randomly initialised" in result.stderr
    assert "regressor/head" in result.stderr
    assert "encoder" not in result.stderr
    assert "(eyes," in result.stdout
