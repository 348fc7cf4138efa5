"""`evaluate.py` as a user calls it: its report, and what it refuses."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.evaluation.evaluate import evaluate
from tests.commands import MTFL, call, own, refused, start


def test_evaluation_writes_the_report_of_the_contract(trained, tmp_path):
    data, run = trained
    model = run / "model.keras"
    result = start(
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


def frontal_of_merl_rav(folder):
    """Writes the data set with one face of 68 points, and returns the flags that name it."""
    (face,) = synthetic.read("test", markups.MARKUPS["ibug_68"], count=1)
    path = folder / "merl_rav_organized" / "frontal" / "testset" / "image00019.jpg"
    path.parent.mkdir(parents=True)
    Image.fromarray(face.image).save(path)
    path.with_suffix(".pts").write_text("".join(f"{x} {y}\n" for x, y in face.landmarks))
    return ["--dataset=merl_rav", f"--data_dir={folder}", "--subset=frontal"]


@pytest.mark.parametrize(
    ("flags", "normalizer"), [([], "box_size"), (["--normalizer=inter_ocular"], "inter_ocular")]
)
def test_frontal_faces_of_merl_rav_are_measured_by_their_boxes(flags, normalizer, tmp_path):
    """The default distance of the markup, between the eyes, would be available."""
    data = frontal_of_merl_rav(tmp_path)
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
    """Compared on the first ones, since drawing all of them again takes seconds."""
    model = str(trained[1] / "model.keras")
    arguments = ["--dataset=synthetic", "--markup=mtfl_5", f"--model={model}", "--seed=3"]
    result = call("evaluate", *arguments, f"--output={tmp_path / 'called'}")
    assert result.returncode == 0, result.stderr
    evaluate(model, synthetic.read("val", MTFL, count=5, seed=3), tmp_path / "own")
    called, expected = (errors_in(tmp_path / name) for name in ("called", "own"))
    assert (len(called), len(expected)) == (2 * 200, 2 * 5)  # in two readings
    assert {key: called[key] for key in expected} == pytest.approx(expected, abs=2e-6)


def errors_in(folder):
    """Dict of (reading, name of the face) to the error."""
    with (folder / "per_face.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return {(row["reading"], row["face"]): float(row["nme"]) for row in rows}


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
    result = call("evaluate", *own(data), f"--model={run / 'model.keras'}", flag, folder=tmp_path)
    refused(result, status, *words)


def test_a_model_of_other_points_is_refused(trained, tmp_path):
    arguments = [f"--model={trained[1] / 'model.keras'}", f"--output={tmp_path / 'out'}"]
    result = call("evaluate", *frontal_of_merl_rav(tmp_path / "data"), *arguments)
    refused(result, 1, "mtfl_5", "ibug_68")
