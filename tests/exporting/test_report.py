"""The report of an export, compared with values recomputed from the files."""

import json
import re

import numpy as np
import pytest

from evae_tf import config, geometry, markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.evaluation import metrics
from evae_tf.exporting import report, timing
from evae_tf.exporting.export import export_model
from evae_tf.exporting.faces import ExportFaces
from evae_tf.exporting.formats import FILES
from evae_tf.models.build import build_model

FORMATS = ["saved_model", "tflite", "tflite_int8"]


@pytest.fixture(scope="module")
def faces():
    return synthetic.read("val", markups.MARKUPS["ibug_68"], count=12)


@pytest.fixture(scope="module")
def reported(tmp_path_factory, faces):
    """(entries, folder) of an export of `mobile_68` with its report."""
    folder = tmp_path_factory.mktemp("out")
    given = ExportFaces(faces, dataset="synthetic")
    with pytest.MonkeyPatch.context() as fewer:
        fewer.setattr(report, "_ROUNDS", 20)  # of 200, since no test here compares the times
        return export_model("mobile_68", folder, FORMATS, faces=given, report=True), folder


@pytest.fixture(scope="module")
def rows(reported):
    """The cells of the table by file name."""
    lines = (reported[1] / "EXPORT_REPORT.md").read_text().splitlines()
    header, *table = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in lines
        if line.startswith("| ")
    )
    return {cells[0].strip("`"): dict(zip(header, cells, strict=True)) for cells in table}


def errors_of(path, faces):
    predictor = open_model(path)
    crops = cut_crops(
        faces, size=predictor.metadata.input_size, margin=predictor.metadata.crop_margin
    )
    landmarks = geometry.crop_to_image(
        predictor.predict(crops.model_input())["landmarks"], crops.squares
    )
    true = np.stack([face.landmarks for face in faces])
    return metrics.nme(landmarks, true, np.linalg.norm(true[:, 36] - true[:, 45], axis=-1))


def test_losses_are_those_of_the_files(reported, faces):
    entries, folder = reported
    exact = errors_of(folder / "saved_model", faces)
    for entry in entries:
        errors = errors_of(folder / entry["path"], faces)
        assert entry["nme"] == pytest.approx(errors.mean(), rel=1e-4)
        assert entry["loss"] == pytest.approx(errors.mean() / exact.mean() - 1, abs=1e-4)
        low, high = entry["loss_ci95"]
        assert low <= entry["loss"] <= high
        # The usual interval of a mean, which the bootstrap must approximate.
        spread = np.std((errors - exact) / exact.mean()) / np.sqrt(len(faces))
        assert high - low == pytest.approx(2 * 1.96 * spread, rel=0.35, abs=1e-4)


def test_the_table_has_a_row_for_every_file(reported, rows):
    entries, folder = reported
    assert list(rows) == [*(FILES[name] for name in FORMATS), "int8 throughout"]
    for entry in entries:
        row = rows[entry["path"]]
        assert row["MB"] == f"{entry['bytes'] / 1e6:.2f}"
        assert row["error %"].startswith(f"{100 * entry['nme']:.2f} (")
        assert row["loss %"].startswith(f"{100 * entry['loss']:+.2f} (")
    assert (folder / "EXPORT_REPORT.png").read_bytes().startswith(b"\x89PNG")
    assert not (folder / "int8_throughout.tflite").exists()
    assert json.loads((folder / "export.json").read_text())["files"] == entries


def test_times_and_memory_are_measured_where_litert_runs(rows):
    for name, row in rows.items():
        measured = [row["ms, 1 thread"], row["ms, 2 threads"], row["peak MB"]]
        if name == "saved_model":
            assert measured == ["-", "-", "-"]
        else:
            assert all(0 < float(cell) < 1000 for cell in measured)
    # It has four times the weight bytes, all of which a run reads.
    assert float(rows["model.tflite"]["peak MB"]) > float(rows["model_int8.tflite"]["peak MB"])


def test_int8_to_the_end_differs_more(rows):
    """For this reason the kept file has its readout in float."""
    kept, throughout = (
        float(rows[name]["difference"]) for name in ("model_int8.tflite", "int8 throughout")
    )
    assert throughout > 1.2 * kept


def test_the_report_names_what_it_was_measured_on(reported):
    text = (reported[1] / "EXPORT_REPORT.md").read_text()
    assert "`mobile_68` on 12 faces of `synthetic`; error normalised by `inter_ocular`" in text
    (operations,) = re.findall(r"- `model.tflite`: (.*)", text)
    assert "CONV_2D" in operations
    assert "2 DEPTH_TO_SPACE" in operations  # from the strided transposed convolutions


def test_a_file_that_does_more_takes_longer(reported, tmp_path, faces):
    """Compared with a network of a hundredth of the multiplications, in the same precision."""
    sizes = ["input_size=32", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    small = override(config.Config(), sizes)
    build_model(small, markups.MARKUPS["ibug_68"]).save(tmp_path / "model.keras")
    export_model(tmp_path / "model.keras", tmp_path, ["tflite"], faces=faces)
    contents = [(folder / "model.tflite").read_bytes() for folder in (reported[1], tmp_path)]
    seconds = timing.interleaved(contents, 15)
    assert seconds.shape == (15, 2)
    assert np.median(seconds[:, 0]) > np.median(seconds[:, 1]) > 0
