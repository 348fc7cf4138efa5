"""The commands as a user calls them: output, exit status and files."""

import csv
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.evaluation.evaluate import evaluate
from tests.training.test_train import SMALL

ROOT = Path(__file__).parents[2]
MTFL = markups.MARKUPS["mtfl_5"]
SET = [f"--set={assignment}" for assignment in (*SMALL, "epochs=3")]


def call(script, *arguments, **options):
    command = [sys.executable, ROOT / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **options)


def refused(result, status, *words):
    """One sentence on stderr that holds `words`, no traceback, and the exit status."""
    assert result.returncode == status, result.stderr
    assert "Traceback" not in result.stderr, result.stderr
    (line,) = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    for word in words:
        assert word in line, line


def write_faces(folder, count=24, splits=("train", "train", "val")):
    """A custom data set: synthetic faces as PNG files and a .csv with 5 points each."""
    folder.mkdir()
    columns = [f"{axis}{i}" for i in range(5) for axis in "xy"]
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *columns, "split"])
        for i, face in enumerate(synthetic.read("train", MTFL, count=count)):
            Image.fromarray(face.image).save(folder / f"{i}.png")
            points = [f"{value:.3f}" for value in face.landmarks.ravel()]
            writer.writerow([f"{i}.png", *points, splits[i % len(splits)]])
    return folder / "faces.csv"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """(the .csv, the run folder) of a short training on a custom data set."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_faces(folder / "data")
    result = call("train", *own(data), f"--workdir={folder / 'run'}", *SET)
    assert result.returncode == 0, result.stderr
    assert "val_nme" in result.stdout + result.stderr
    assert "model.keras" in result.stdout
    return data, folder / "run"


def own(data):
    return ["--dataset=csv", f"--data_dir={data}", "--markup=mtfl_5"]


@pytest.mark.parametrize("script", ["train", "evaluate", "export"])
def test_help_names_the_flags_and_what_they_mean(script):
    result = call(script, "--help")
    assert result.returncode == 0
    for flag in ("--dataset", "--data_dir", "--markup", "--seed", "--batch_size", "--num_threads"):
        assert flag in result.stdout.replace("--[no]", "--")


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
    refused(call(script, *arguments, cwd=tmp_path), status, *words)
    assert not list(tmp_path.iterdir())


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "empty").mkdir()
    result = call("train", "--dataset=wflw", "--data_dir=empty", cwd=tmp_path)
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
    there = {"cwd": work, "env": {**os.environ, "HOME": str(home)}}
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
    for limit, file in ((20_000, "model.keras"), (215_000, "best.npz")):
        limits = (limit, limit)
        full = {"preexec_fn": lambda both=limits: resource.setrlimit(resource.RLIMIT_FSIZE, both)}
        refused(call("train", *arguments, **full), 1, str(tmp_path), file)
        assert not list(tmp_path.rglob(file))
        assert not list(tmp_path.rglob(".*"))
    assert call("train", *arguments).returncode == 0


def test_ctrl_c_ends_with_a_sentence_and_the_run_goes_on(trained, tmp_path):
    data, _ = trained
    arguments = [*own(data), f"--workdir={tmp_path}", *SET, "--set=epochs=1000"]
    command = [sys.executable, ROOT / "train.py", *map(str, arguments)]
    metrics, rows = tmp_path / "metrics.csv", 1
    checkpoint = tmp_path / "checkpoints" / "last.npz"
    for _ in range(2):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            try:
                deadline = time.monotonic() + 120
                while not (checkpoint.exists() and metrics.read_text().count("\n") > rows):
                    assert process.poll() is None
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
            finally:
                process.kill()  # a failing test must not leave a training running
        assert process.returncode == 1
        assert "error: stopped" in errors
        assert "Traceback" not in errors
        assert ("resuming after epoch" in errors) == (rows > 1)
        rows = metrics.read_text().count("\n") + 1


def test_evaluation_writes_the_report_of_the_contract(trained, tmp_path):
    data, run = trained
    model = run / "model.keras"
    result = call(
        "evaluate",
        *own(data),
        f"--model={model}",
        "--normalizer=inter_pupil,box_diagonal",
        f"--output={tmp_path}",
    )
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "report.json").read_text())["rows"]
    assert [(row["reading"], row["normalizer"]) for row in rows] == [
        ("regressor", "inter_pupil"),
        ("regressor", "box_diagonal"),
        ("maps", "inter_pupil"),
        ("maps", "box_diagonal"),
    ]
    for row in rows:
        assert row["model"] == str(model)
        assert (row["dataset"], row["subset"], row["faces"]) == ("csv", "val", 8)
        assert row["nme_ci95"][0] <= row["nme"] <= row["nme_ci95"][1]
        assert {"median", "auc_08", "auc_10", "fr_08", "fr_10"} <= set(row)
    with (tmp_path / "per_face.csv").open(newline="") as file:
        faces = [row for row in csv.DictReader(file) if row["normalizer"] == "inter_pupil"]
    of_regressor = [float(row["nme"]) for row in faces if row["reading"] == "regressor"]
    assert np.mean(of_regressor) == pytest.approx(rows[0]["nme"], abs=1e-5)
    for name in ("ced", "responses", "samples", "per_landmark"):
        assert Image.open(tmp_path / f"{name}.png").size[0] > 300
    assert f"{100 * rows[0]['nme']:.2f}" in result.stdout


@pytest.mark.parametrize(
    ("flags", "normalizer"), [([], "box_size"), (["--normalizer=inter_ocular"], "inter_ocular")]
)
def test_frontal_faces_of_merl_rav_are_measured_by_their_boxes(flags, normalizer, tmp_path):
    """The default distance of the markup, between the eyes, would be available."""
    (face,) = synthetic.read("test", markups.MARKUPS["ibug_68"], count=1)
    path = tmp_path / "merl_rav_organized" / "frontal" / "testset" / "image00019.jpg"
    path.parent.mkdir(parents=True)
    Image.fromarray(face.image).save(path)
    path.with_suffix(".pts").write_text("".join(f"{x} {y}\n" for x, y in face.landmarks))
    data = ["--dataset=merl_rav", f"--data_dir={tmp_path}", "--subset=frontal"]
    result = call("evaluate", *data, "--model=mobile_68", *flags, f"--output={tmp_path / 'out'}")
    assert result.returncode == 0, result.stderr
    rows = json.loads((tmp_path / "out" / "report.json").read_text())["rows"]
    assert {row["normalizer"] for row in rows} == {normalizer}


def test_the_best_epoch_s_error_is_what_evaluation_finds(trained, tmp_path):
    data, run = trained
    result = call("evaluate", *own(data), f"--model={run / 'model.keras'}", f"--output={tmp_path}")
    assert result.returncode == 0, result.stderr
    row = json.loads((tmp_path / "report.json").read_text())["rows"][0]
    with (run / "metrics.csv").open(newline="") as file:
        best = min(float(row["val_nme"]) for row in csv.DictReader(file))
    assert row["nme"] == pytest.approx(best, rel=1e-4)


def test_the_seed_of_an_evaluation_draws_its_faces(trained, tmp_path):
    model = str(trained[1] / "model.keras")
    arguments = ["--dataset=synthetic", "--markup=mtfl_5", f"--model={model}", "--seed=3"]
    result = call("evaluate", *arguments, f"--output={tmp_path / 'called'}")
    assert result.returncode == 0, result.stderr
    faces = synthetic.read("val", MTFL, seed=3)
    evaluate(model, faces, tmp_path / "own")
    called, own = ((tmp_path / name / "per_face.csv").read_text() for name in ("called", "own"))
    assert called == own


@pytest.mark.parametrize(
    ("flag", "status", "words"),
    [
        ("--normalizer=inter_ear", 2, ["inter_ear", "inter_pupil", "box_size"]),
        ("--subset=trial", 1, ["trial", "val"]),  # another table could have it
        ("--markup=ibug_68", 1, ["faces.csv"]),
        ("--output=file", 1, ["file"]),
    ],
)
def test_evaluation_refuses_what_it_cannot_use(flag, status, words, trained, tmp_path):
    data, run = trained
    (tmp_path / "file").write_text("in the way")
    result = call("evaluate", *own(data), f"--model={run / 'model.keras'}", flag, cwd=tmp_path)
    refused(result, status, *words)


def test_a_model_of_other_points_is_refused(trained, tmp_path):
    _, run = trained
    arguments = [f"--model={run / 'model.keras'}", "--dataset=synthetic", f"--output={tmp_path}"]
    refused(call("evaluate", *arguments), 1, "mtfl_5", "ibug_68")


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
        "--workdir=run", *SET, "--set=epochs=1", cwd=tmp_path,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "randomly initialised" in result.stderr
    assert "regressor/head" in result.stderr
    assert "encoder" not in result.stderr
    assert "(eyes," in result.stdout
