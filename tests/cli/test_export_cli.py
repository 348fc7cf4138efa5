"""`export.py` as a user calls it."""

import csv
import json
import subprocess
import sys

import cv2
import numpy as np
import pytest

from evae_tf.artifacts.predictors import open_model
from tests.commands import ROOT, call, start, write_model


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with model.keras for 5 points, and faces.csv with its images."""
    folder = tmp_path_factory.mktemp("cli")
    write_model(folder / "model.keras")
    rng = np.random.default_rng(2)
    with (folder / "faces.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", *(f"{axis}{i}" for i in range(5) for axis in "xy")])
        for i in range(6):
            name = f"{i}.png"
            cv2.imwrite(str(folder / name), rng.integers(0, 256, (60, 48, 3), dtype=np.uint8))
            writer.writerow([name, *rng.uniform(5, 43, 10).round(2)])
    return folder


def given(folder, *flags):
    return [f"--model={folder / 'model.keras'}", *flags]


def data_flags(folder):
    return ["--dataset=csv", f"--data_dir={folder / 'faces.csv'}", "--markup=mtfl_5"]


def test_export_writes_the_files_and_prints_a_table(folder, tmp_path):
    flags = [*data_flags(folder), "--formats=serving,saved_model,tflite", "--report"]
    done = start("export", *given(folder, *flags, f"--output={tmp_path}"))
    assert done.returncode == 0, done.stderr
    assert "6 faces of `csv`" in (tmp_path / "EXPORT_REPORT.md").read_text()
    files = json.loads((tmp_path / "export.json").read_text())["files"]
    assert [entry["path"] for entry in files] == ["1", "saved_model", "model.tflite"]
    for entry in files:
        assert entry["faces"] == 6
        assert open_model(tmp_path / entry["path"]).metadata.markup.name == "mtfl_5"
        (row,) = [line for line in done.stdout.splitlines() if line.startswith(f"{entry['path']} ")]
        assert f"{100 * entry['nme']:.2f}" in row


def test_faces_are_drawn_where_there_is_no_data_set(folder, tmp_path):
    """Faces are in the markup of the model, not in the default one of synthetic data."""
    flags = [f"--output={tmp_path}", "--formats=tflite_int8", "--outputs=landmarks"]
    done = start("export", *given(folder, *flags))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # no output of the converter
    (entry,) = json.loads((tmp_path / "export.json").read_text())["files"]
    assert entry["faces"] == 200


_STUBBED = """
import sys
from evae_tf.cli import export
from evae_tf.exporting import export as exporting
exporting.export_model = lambda *_, seed, batch_size, **__: exit(f"{seed} {batch_size}")
for words in ([], ["--seed=7", "--batch_size=5"]):
    sys.argv = ["export.py", "--model=mobile_5", *words]
    try:
        export.main()
    except SystemExit as ended:
        print(ended.code)
"""


def test_seed_and_batch_size_reach_the_export():
    """Called with a stub; the export itself has its own tests."""
    command = [sys.executable, "-c", _STUBBED]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.splitlines() == ["0 64", "7 5"], done.stderr


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("saved_model", "saved_model/saved_model.pb"),
        ("serving", "notes.txt"),
        ("tflite", "model.tflite"),
    ],
)
def test_a_full_disk_leaves_the_old_model(name, file, folder, tmp_path):
    """A limit on the file size simulates it; every write runs into it."""
    old = tmp_path / file
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"old")
    flags = [*data_flags(folder), f"--output={tmp_path}", f"--formats={name}"]
    done = call("export", *given(folder, *flags), file_limit=20_000)
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    sentence = done.stderr.splitlines()[-1]
    assert sentence.startswith(f"error: {tmp_path}")
    assert sentence.endswith(": cannot be written (File too large).")
    assert ".evae-" not in sentence
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [old]
    assert old.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("flags", "status", "words"),
    [
        (["--formats=coreml"], 2, ["coreml", "serving", "tflite_int8", "onnx"]),
        (["--outputs=landmarks,depth"], 2, ["depth", "landmarks", "response_maps"]),
        (["--outputs=response_maps"], 2, ["expected landmarks"]),
        (["--formats=tflite_int8"], 1, ["5 faces", "at least 10"]),
        (["--output=FOLDER/faces.csv"], 1, ["faces.csv", "cannot write"]),
        (["--model=FOLDER/faces.csv"], 1, ["faces.csv", "not a .keras file"]),
    ],
)
def test_a_wrong_call_is_one_sentence(folder, tmp_path, flags, status, words):
    flags = [flag.replace("FOLDER", str(folder)) for flag in flags]
    before = sorted(folder.iterdir())
    done = call("export", *given(folder, *data_flags(folder), f"--output={tmp_path}", *flags))
    assert done.returncode == status, done.stderr
    assert "Traceback" not in done.stderr
    (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
    assert all(word in sentence for word in words), sentence
    assert list(tmp_path.iterdir()) == []
    assert sorted(folder.iterdir()) == before
