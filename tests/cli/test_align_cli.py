"""align.py as a user calls it, with the shipped model."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from tests.commands import ROOT, start
from tests.portrait import PORTRAIT


def align(*words):
    return start("align", *words, cwd=ROOT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two good photos, one without a face, two that cannot be read."""
    folder = tmp_path_factory.mktemp("photos")
    photo = Image.open(PORTRAIT)
    photo.save(folder / "portrait.jpg")
    photo.convert("L").save(folder / "grey.png")
    Image.new("RGB", (90, 60)).save(folder / "dark.png")
    (folder / "cut.jpg").write_bytes(PORTRAIT.read_bytes()[:9000])
    (folder / "empty.png").touch()
    (folder / "notes.txt").write_text("no photo")
    return folder


@pytest.fixture(scope="module")
def aligned(folder, tmp_path_factory):
    """(the finished call, its output folder)"""
    output = tmp_path_factory.mktemp("aligned")
    return align(f"--input={folder}", f"--output={output}"), output


def test_a_folder_is_done_and_what_cannot_be_read_is_listed(aligned):
    done, output = aligned
    assert done.returncode == 1
    assert "5 photos: 2 faces" in done.stdout
    assert "1 without a face, 2 failed" in done.stdout
    assert done.stderr.strip().splitlines()[-1].startswith("error: 2 files could not be processed")
    assert {path.name for path in output.glob("*.json")} == {
        "portrait.json",
        "grey.json",
        "dark.json",
    }
    errors = (output / "errors.csv").read_text()
    assert "cut.jpg" in errors
    assert "empty.png" in errors
    assert "notes.txt" not in errors
    record = json.loads((output / "portrait.json").read_text())
    assert (record["width"], record["height"]) == Image.open(PORTRAIT).size
    assert len(record["faces"][0]["landmarks"]) == 68
    assert json.loads((output / "dark.json").read_text())["faces"] == []
    with Image.open(output / "portrait_landmarks.jpg") as picture:
        assert picture.size == Image.open(PORTRAIT).size
    assert not list(output.glob(".*")), "temporary files were left behind"


def test_what_is_done_is_not_done_again_unless_asked(folder, aligned):
    _, output = aligned
    target = output / "portrait.json"
    record = json.loads(target.read_text())
    target.write_text(json.dumps({**record, "faces": ["mine"]}))
    again = align(f"--input={folder}", f"--output={output}")
    assert "3 skipped" in again.stdout
    assert json.loads(target.read_text())["faces"] == ["mine"]
    align(f"--input={folder / 'portrait.jpg'}", f"--output={output}", "--overwrite")
    assert json.loads(target.read_text()) == {**record, "image": str(folder / "portrait.jpg")}


@pytest.mark.parametrize("file_format", ["pts", "csv"])
def test_other_formats_are_written(file_format, tmp_path):
    done = align(
        f"--input={PORTRAIT}", f"--output={tmp_path}", f"--format={file_format}", "--draw="
    )
    assert done.returncode == 0, done.stderr
    name = {"pts": "grace_hopper.pts", "csv": "landmarks.csv"}[file_format]
    assert {path.name for path in tmp_path.iterdir()} == {name, "done.jsonl"}


def test_the_best_faces_above_a_score_are_kept(tmp_path):
    """Two portraits side by side."""
    portrait = np.array(Image.open(PORTRAIT))
    Image.fromarray(np.concatenate([portrait, portrait], axis=1)).save(tmp_path / "two.png")
    counts = []
    for words in ([], ["--max_faces=1"], ["--min_score=1"]):
        call = [f"--input={tmp_path / 'two.png'}", f"--output={tmp_path}", "--draw=", "--overwrite"]
        assert align(*call, *words).returncode == 0
        counts.append(len(json.loads((tmp_path / "two.json").read_text())["faces"]))
    assert counts == [2, 1, 0]
    for word in ("--max_faces=0", "--min_score=1.5"):
        done = align(*call, word)
        assert done.returncode == 2
        assert word.partition("=")[0].strip("-") in done.stderr


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ([], 2, "--input"),
        (["--input="], 2, "expected a path"),
        (["--input=nosuch.jpg"], 1, "nosuch.jpg"),
        (["--input=camera:x"], 2, "camera:0"),
        (["--input=docs/mobile"], 1, "at least one photo"),
        ([f"--input={PORTRAIT}", "--draw=dots"], 2, "'points', 'ellipses', 'ids', 'box'"),
        ([f"--input={PORTRAIT}", "--model=nosuch"], 1, "mobile_68"),
        ([f"--input={PORTRAIT}", "--output=README.md/x"], 1, "README.md"),
        ([f"--input={PORTRAIT}", "--detector=boxes"], 2, "--detector_model=FILE.csv"),
        ([f"--input={PORTRAIT}", "--detector=yunet"], 2, "--detector_model"),
        ([f"--input={PORTRAIT}", "--detector=yunet", "--detector_model=no.onnx"], 1, "no.onnx"),
        ([f"--input={PORTRAIT}", "--detector_model=boxes.csv"], 2, "auto takes no file"),
        ([f"--input={PORTRAIT}", "--format=xml"], 2, "json"),
        (["--input=a.mp4"], 1, "a.mp4"),
    ],
)
def test_bad_calls_get_one_sentence(words, status, message):
    done = align(*words)
    assert done.returncode == status
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert message in line
    assert "Traceback" not in done.stderr


def test_a_tilde_is_the_home_folder(tmp_path):
    """The shell does not expand `~` after `=`."""
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    (home / "me.jpg").write_bytes(PORTRAIT.read_bytes())
    columns = "image,box_x_min,box_y_min,box_x_max,box_y_max\n"
    (home / "boxes.csv").write_text(f"{columns}me.jpg,130,60,350,330\n")
    assets = ROOT / "assets"
    for name in ("mobile_5.tflite", "mobile_5.json", "detector.tflite"):
        (home / name).symlink_to(assets / name)
    calls = [
        ["--input=~/me.jpg", "--model=~/mobile_5.tflite", "--output=~/a"],
        ["--input=~/*.jpg", "--detector=boxes", "--detector_model=~/boxes.csv", "--output=~/b"],
        ["--input=~", "--detector=tflite", "--detector_model=~/detector.tflite", "--output=~/c"],
    ]
    for words in calls:
        there = {"cwd": work, "env": {**os.environ, "HOME": str(home)}}
        done = start("align", "--draw=", *words, **there)
        assert done.returncode == 0, done.stderr
    assert all((home / name / "me.json").exists() for name in "abc")
    assert not list(work.iterdir())


def test_what_is_left_out_of_a_folder_is_counted(tmp_path):
    Image.open(PORTRAIT).save(tmp_path / "a.jpg")
    for name in ("b.heic", "c.HEIC", "d.pdf"):
        (tmp_path / name).touch()
    for name in ("more", "again", ".hidden"):
        (tmp_path / name).mkdir()
    done = align(f"--input={tmp_path}", f"--output={tmp_path / 'out'}")
    assert done.returncode == 0
    assert "2 .heic, 1 .pdf, 2 subfolders\n" in done.stdout


def test_four_runs_at_once_lose_no_row(tmp_path):
    """Only one of them may write; the others end with an error, or come later."""
    calls = []
    for index in range(4):
        Image.open(PORTRAIT).save(tmp_path / f"{index}.jpg")
        words = [f"--input={tmp_path / f'{index}.jpg'}", f"--output={tmp_path / 'out'}"]
        command = [sys.executable, "align.py", *words, "--format=csv", "--draw="]
        calls.append(subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True))
    errors = [call.communicate()[1] for call in calls]
    done = [call.returncode == 0 for call in calls]
    rows = (tmp_path / "out" / "landmarks.csv").read_text().splitlines()[1:]
    assert len(rows) == sum(done) > 0
    for finished, error in zip(done, errors, strict=True):
        assert finished or "another run is writing" in error


def test_a_run_killed_at_any_moment_is_finished_by_the_next(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for index in range(24):
        Image.open(PORTRAIT).resize((256, 300)).save(photos / f"{index:02}.jpg")
    words = [f"--input={photos}", f"--output={tmp_path / 'out'}"]
    command = [sys.executable, "align.py", *words]
    done = tmp_path / "out" / "done.jsonl"
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL) as process:
        while not (done.exists() and done.read_text().count("\n") >= 5):
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    finished = done.read_text().count("\n")
    assert finished < 24
    assert f"{24 - finished} photos: {24 - finished} faces" in align(*words).stdout
    expected = {"done.jsonl"}
    expected |= {f"{index:02}{end}" for index in range(24) for end in (".json", "_landmarks.jpg")}
    assert {path.name for path in (tmp_path / "out").iterdir()} == expected
    for path in (tmp_path / "out").glob("*.json"):
        assert len(json.loads(path.read_text())["faces"]) == 1
