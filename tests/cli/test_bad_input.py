"""What users give that cannot be used, for each command that may get it.

One sentence that names the file, what was found and what was expected; a status that is not 0; and
nothing half written. `test_cli`, `test_align_cli` and `test_export_cli` have the rows of single
commands.
"""

import csv
import io
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import matplotlib.cbook
import pytest

from evae_tf import config, markups
from evae_tf.align.video_writing import video_file
from evae_tf.config_text import override
from evae_tf.data.images import read_image
from evae_tf.geometry import BOX_COLUMNS
from evae_tf.models.build import build_model
from tests.cli.test_cli import ROOT, SET, call, own, refused, write_faces

SCRIPTS = ("train", "evaluate", "export")
PORTRAIT = Path(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
FAULTY = 5  # a face of the subset val, whose row is number 7


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A folder with data/faces.csv and model.keras, a small network that was not trained."""
    folder = tmp_path_factory.mktemp("good")
    write_faces(folder / "data", count=12)
    sizes = ["input_size=32", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    network = build_model(override(config.Config(), sizes), markups.MARKUPS["mtfl_5"])
    network.save(folder / "model.keras")
    return folder


@pytest.fixture
def folder(good, tmp_path):
    """A copy to damage."""
    return shutil.copytree(good, tmp_path / "given")


def words_of(script, folder, output, **replaced):
    """The arguments of a command that works, unless some are replaced."""
    usual = {
        "train": {"workdir": output},
        "evaluate": {"model": folder / "model.keras", "output": output},
        "export": {"model": folder / "model.keras", "formats": "tflite", "output": output},
        "align": {"input": PORTRAIT, "model": folder / "model.keras", "output": output},
    }[script]
    data = [] if script == "align" else own(folder / "data" / "faces.csv")
    chosen = [f"--{name}={value}" for name, value in (usual | replaced).items()]
    return [*data, *chosen, *(SET if script == "train" else [])]


def files_in(folder):
    return [path for path in Path(folder).rglob("*") if path.is_file()]


@pytest.mark.parametrize("script", ["evaluate", "export"])
def test_a_folder_of_faces_that_is_missing_or_empty(script, tmp_path):
    (tmp_path / "empty").mkdir()
    for dataset, data in (("300w", "nowhere"), ("wflw", "empty"), ("mtfl", "empty")):
        words = [f"--dataset={dataset}", f"--data_dir={data}", "--model=mobile_68"]
        refused(call(script, *words, cwd=tmp_path), 1, data)
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]


def changed(rows, **cells):
    """Other cells in the row of the faulty face."""
    rows[FAULTY] |= cells


def with_box(rows, *faulty):
    """A box for each face, from its points, and another one for the faulty face."""
    for number, row in enumerate(rows):
        points = [float(row[f"{axis}{i}"]) for axis in "xy" for i in range(5)]
        box = [min(points[:5]), min(points[5:]), max(points[:5]), max(points[5:])]
        row |= dict(zip(BOX_COLUMNS, faulty if number == FAULTY else box, strict=True))


def without_a_point(rows):
    for row in rows:
        del row["x4"], row["y4"]


FAULTS = {
    "no number": (lambda rows: changed(rows, x1="wide"), "row 7: ", "x1 is 'wide'"),
    "NaN": (lambda rows: changed(rows, x1="nan"), "row 7: ", "nan for both"),
    "too few points": (without_a_point, "has 4 points", "mtfl_5 has 5"),
    "a point outside": (
        lambda rows: changed(rows, x4="9999", y4="9999"),
        "row 7: ",
        "pixels outside the image",
    ),
    "a box of no area": (lambda rows: with_box(rows, 9, 9, 9, 60), "row 7: ", "no area"),
    "a box outside": (
        lambda rows: with_box(rows, -90, -90, -20, -20),
        "row 7: ",
        "outside the image",
    ),
    "a row twice": (lambda rows: rows.append(rows[FAULTY]), "row 14: ", "the same as row 7"),
}


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize("fault", FAULTS)
def test_faces_that_cannot_be_used(fault, script, folder, tmp_path):
    damage, *words = FAULTS[fault]
    table = folder / "data" / "faces.csv"
    rows = list(csv.DictReader(io.StringIO(table.read_text())))
    damage(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    table.write_text(text.getvalue())
    refused(call(script, *words_of(script, folder, tmp_path / "out")), 1, str(table), *words)
    assert not [path for path in files_in(tmp_path / "out") if path.name != "config.json"]


@pytest.mark.parametrize("script", SCRIPTS)
@pytest.mark.parametrize(("end", "found"), [(900, "truncated"), (0, "empty")])
def test_images_that_cannot_be_read(end, found, script, folder, tmp_path):
    image = folder / "data" / f"{FAULTY}.png"
    image.write_bytes(image.read_bytes()[:end])
    refused(call(script, *words_of(script, folder, tmp_path / "out")), 1, str(image), found)
    assert not [path for path in files_in(tmp_path / "out") if path.name != "config.json"]


def planted(path, marker):
    """Puts a layer that runs code in place of the encoder."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    record = json.loads(members["config.json"])
    code = {"module": "builtins", "class_name": "exec", "config": f"open({str(marker)!r}, 'w')"}
    record["config"]["evae"]["config"]["encoder"] = {**code, "registered_name": None}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, json.dumps(record) if name == "config.json" else content)


@pytest.mark.parametrize("script", [*SCRIPTS, "align"])
@pytest.mark.parametrize(
    ("fault", "word"),
    [("cut", "model.keras"), ("text", "not a .keras file"), ("code", "not safe")],
)
def test_models_that_cannot_be_used(fault, word, script, folder, tmp_path):
    path, marker = folder / "model.keras", tmp_path / "ran"
    if fault == "code":
        planted(path, marker)
    else:
        path.write_bytes(path.read_bytes()[:-2000] if fault == "cut" else b"a cat")
    replaced = {"init_from": path} if script == "train" else {}
    refused(call(script, *words_of(script, folder, tmp_path / "out", **replaced)), 1, word)
    assert not marker.exists()
    assert not files_in(tmp_path / "out")


@pytest.mark.parametrize("script", [*SCRIPTS, "align"])
def test_a_folder_that_cannot_be_written(script, folder, tmp_path):
    (tmp_path / "file").write_text("in the way")
    words = words_of(script, folder, tmp_path / "file" / "out")
    refused(call(script, *words), 1, "out: cannot write to this folder")
    assert (tmp_path / "file").read_text() == "in the way"


def full(limit):
    """For `preexec_fn`: a limit of the operating system on files, in place of a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def test_a_full_disk_leaves_the_old_report(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "ced.png").write_text("old")
    words = words_of("evaluate", folder, out)
    refused(call("evaluate", *words, preexec_fn=full(9000)), 1, ".png: cannot be written (File")
    assert (out / "ced.png").read_text() == "old"
    assert not list(out.glob(".*"))
    assert call("evaluate", *words).returncode == 0
    assert (out / "ced.png").stat().st_size > 9000


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A video of 60 frames whose drawn copy is larger than 100 kB."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    portrait = read_image(PORTRAIT)[:480, :480]
    with video_file(path, 25.0) as write:
        for shift in range(60):
            write(portrait[shift % 20 :][:448].copy())
    return path


@pytest.mark.parametrize("kind", ["photo", "video"])
def test_a_full_disk_leaves_no_picture_or_video(kind, clip, tmp_path):
    source = PORTRAIT if kind == "photo" else clip
    words = [f"--input={source}", f"--output={tmp_path / 'out'}", "--model=mobile_5"]
    done = call("align", *words, preexec_fn=full(30_000))
    refused(done, 1, f"_landmarks{'.jpg' if kind == 'photo' else '.mp4'}: cannot be written (")
    (done_list,) = files_in(tmp_path / "out")
    assert done_list.read_text() == ""
    assert call("align", *words).returncode == 0
    found = {path.suffix for path in files_in(tmp_path / "out")}
    assert found == {".json", ".jsonl", ".jpg" if kind == "photo" else ".mp4"}


def interrupted(script, words, started):
    """Starts a command, presses Ctrl-C as soon as `started()`; returns (status, stderr)."""
    command = [sys.executable, ROOT / f"{script}.py", *map(str, words)]

    def heed_ctrl_c():  # background jobs of a script ignore it
        signal.signal(signal.SIGINT, signal.SIG_DFL)

    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, preexec_fn=heed_ctrl_c
    ) as process:
        try:
            deadline = time.monotonic() + 120
            while not started():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
        finally:
            process.kill()  # a failing test must not leave it running
    return process.returncode, errors


@pytest.mark.parametrize("script", ["evaluate", "export", "align"])
def test_ctrl_c_ends_with_a_sentence_and_nothing_half_written(script, clip, good, tmp_path):
    out = tmp_path / "out"
    replaced = {"input": clip, "model": "mobile_5"} if script == "align" else {}
    words = words_of(script, good, out, **replaced)
    status, errors = interrupted(script, words, lambda: out.exists() and any(out.iterdir()))
    assert status == 1, errors
    assert "error: stopped" in errors
    assert "Traceback" not in errors
    assert not list(out.glob(".*"))
    for path in out.glob("*.json"):
        json.loads(path.read_text())
    assert not list(out.glob("*.mp4"))
