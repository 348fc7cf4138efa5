"""An export into a folder that holds another."""

import json
import os
import shutil

import pytest

from evae_tf.artifacts.predictors import open_model
from evae_tf.errors import InputError
from evae_tf.exporting import parity
from evae_tf.exporting.export import export_model
from tests.exporting.tiny_model import noise_faces


@pytest.fixture
def old(exported, tmp_path):
    """(path of the Keras model, a folder of an earlier export)."""
    folder = tmp_path / "old"
    shutil.copytree(exported[1], folder)
    return exported[2], folder


def test_a_later_export_keeps_the_record_of_other_formats(old):
    model, folder = old
    before = json.loads((folder / "export.json").read_text())["files"]
    (entry,) = export_model(model, folder, ["tflite"], faces=noise_faces(3))
    assert entry["faces"] == 3
    expected = [entry if kept["format"] == "tflite" else kept for kept in before]
    assert json.loads((folder / "export.json").read_text())["files"] == expected


@pytest.mark.parametrize("name", ["saved_model", "tflite"])
def test_a_file_that_differs_does_not_replace_a_good_one(old, monkeypatch, name):
    (model, folder), before = old, contents(old[1])
    monkeypatch.setitem(parity.TOLERANCES, name, 0.0)
    with pytest.raises(InputError, match="differ from the Keras model"):
        export_model(model, folder, [name], faces=noise_faces(2))
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["saved_model", "tflite"])
def test_an_interrupted_export_leaves_the_old_files(old, monkeypatch, name):
    (model, folder), before = old, contents(old[1])

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(parity.Reference, "compare", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export_model(model, folder, [name], faces=noise_faces(2))
    assert contents(folder) == before


def test_an_export_that_is_killed_between_its_files_leaves_one_that_opens(old, monkeypatch):
    model, folder = old
    replace, moved = os.replace, []

    def once(source, target):
        if moved:
            raise KeyboardInterrupt
        moved.append(target)
        replace(source, target)

    monkeypatch.setattr("evae_tf.exporting.files.os.replace", once)
    with pytest.raises(KeyboardInterrupt):
        export_model(model, folder, ["tflite"], faces=noise_faces(2), outputs=["landmarks"])
    assert open_model(folder / "model.tflite").metadata.markup.name


def test_an_export_without_a_report_removes_that_of_the_old_files(old):
    model, folder = old
    (folder / "EXPORT_REPORT.md").write_text("of the old files")
    export_model(model, folder, ["tflite"], faces=noise_faces(2))
    assert not (folder / "EXPORT_REPORT.md").exists()


def contents(folder):
    """Every file below a folder, including hidden ones, by its path."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
