"""What users give that cannot be used, for each command that may get it.

One sentence that names the file, what was found and what was expected; a status that is not 0; and
nothing half written. `test_cli`, `test_align_cli` and `test_export_cli` have the rows of single
commands, `test_stopped` has full disks and Ctrl-C.
"""

import csv
import io
import json
import shutil
import zipfile

import pytest

from evae_tf.geometry import BOX_COLUMNS
from tests.commands import call, files_in, refused, words_of

SCRIPTS = ("train", "evaluate", "export")
FAULTY = 5  # a face of the subset val, whose row is number 7


@pytest.fixture
def folder(good, tmp_path):
    """A copy to damage."""
    return shutil.copytree(good, tmp_path / "given")


@pytest.mark.parametrize("script", ["evaluate", "export"])
def test_a_folder_of_faces_that_is_missing_or_empty(script, tmp_path):
    (tmp_path / "empty").mkdir()
    for dataset, data in (("300w", "nowhere"), ("wflw", "empty"), ("mtfl", "empty")):
        words = [f"--dataset={dataset}", f"--data_dir={data}", "--model=mobile_68"]
        refused(call(script, *words, folder=tmp_path), 1, data)
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
