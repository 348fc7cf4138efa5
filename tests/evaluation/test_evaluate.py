"""Evaluation of every kind of model, as a Keras file and as an exported file."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from evae_tf import geometry, markups
from evae_tf.artifacts import keras_file
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.evaluation import metrics
from evae_tf.evaluation.evaluate import evaluate, format_table
from evae_tf.exporting.export import export_model
from evae_tf.models import response_maps
from tests.evaluation.reports import report, without


def test_each_architecture_is_read_as_what_it_gives(reported):
    rows, folder = reported
    readings = [
        (row["model"].split("/")[-1].removesuffix(".keras"), row["reading"]) for row in rows
    ]
    assert readings == [
        ("cnn", "regressor"),
        ("fcn", "maps"),
        ("evae", "maps"),
        ("fcn_cnn", "regressor"),
        ("fcn_cnn", "maps"),
        ("evae_cnn", "regressor"),
        ("evae_cnn", "maps"),
    ]
    assert (folder / "responses.png").exists()
    assert all(row["model"] in format_table(rows) for row in rows)


def test_the_numbers_are_those_of_the_model_s_own_outputs(models, faces, reported):
    rows = [row for row in reported[0] if row["model"] == models[-1]]
    model = keras_file.load_model(models[-1])
    crops = cut_crops(faces, size=48, margin=model.metadata["crop_margin"])
    outputs = model.predict(np.float32(crops.images) / 255, verbose=0)
    maps = keras.ops.convert_to_tensor(outputs["response_maps"])
    read_off = keras.ops.convert_to_numpy(response_maps.soft_argmax(maps))
    true = np.stack([face.landmarks for face in faces])
    distance = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
    for row, fractions in zip(rows, (outputs["landmarks"], read_off), strict=True):
        predicted = geometry.crop_to_image(fractions, crops.squares)
        errors = metrics.nme(predicted, true, distance)
        assert row["nme"] == pytest.approx(errors.mean(), rel=1e-4)
        assert row["fr_08"] == pytest.approx((errors > 0.08).mean())


@pytest.mark.parametrize("index", [0, 1, 4])
def test_exported_files_without_maps_are_evaluated_too(index, models, faces, reported, tmp_path):
    export_model(models[index], tmp_path, ["tflite"], faces=faces)
    expected, *_ = [row for row in reported[0] if row["model"] == models[index]]
    (row,) = report([str(tmp_path / "model.tflite")], faces, tmp_path / "tflite")
    assert row["nme"] == pytest.approx(expected["nme"], rel=1e-3)
    assert not (tmp_path / "tflite" / "responses.png").exists()


def test_a_model_that_predicts_no_numbers_is_refused(models, faces, tmp_path):
    model = keras_file.load_model(models[0])
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(tmp_path / "broken.keras")
    with pytest.raises(InputError, match=r"broken\.keras.*landmarks contains NaN"):
        report([str(tmp_path / "broken.keras")], faces, tmp_path / "report")
    assert not list((tmp_path / "report").iterdir())


def test_disturbed_boxes_are_always_the_same_ones(models, faces, reported, tmp_path):
    runs = [report(models[:1], faces, tmp_path / str(i), box_jitter=True) for i in range(2)]
    still = reported[0][0]
    assert still["model"] == runs[0][0]["model"]
    assert runs[0] == runs[1]
    assert runs[0][0]["box_jitter"]
    assert runs[0][0]["nme"] != still["nme"]


def test_groups_have_rows_of_their_own(models, faces, reported_last, tmp_path):
    """Each row equals a report of its faces alone."""
    light = [
        dataclasses.replace(face, attributes={"light": "dark" if index in (1, 4, 5) else "day"})
        for index, face in enumerate(faces)
    ]
    rows = report(models[-1:], light, tmp_path / "all", group_by=["light", "light"])
    whole, whole_maps, dark, dark_maps, day, day_maps = rows
    ungrouped, folder = reported_last
    assert [whole, whole_maps] == ungrouped
    assert (dark["group_by"], dark["group"], dark["faces"]) == ("light", "dark", 3)
    assert (day["group"], day["faces"]) == ("day", 6)
    alone, alone_maps = report(models[-1:], [faces[i] for i in (1, 4, 5)], tmp_path / "alone")
    for part, own in ((dark, alone), (dark_maps, alone_maps)):
        assert {*part} - {*own} == {"group_by", "group"}
        for key, value in own.items():  # rounding depends on the batch size
            assert part[key] == (
                value if isinstance(value, str) else pytest.approx(value, rel=1e-5)
            )
    assert (tmp_path / "all" / "by_group.png").exists()
    report(models[-1:], light[:3], tmp_path / "all")
    assert not (tmp_path / "all" / "by_group.png").exists()
    assert not (folder / "by_group.png").exists()
    assert "light: dark" in format_table(rows)


def test_a_face_without_the_points_of_the_normalizer_is_named(models, faces, tmp_path):
    incomplete = without(faces, (5, 1))
    with pytest.raises(InputError, match=f"{incomplete[5].name}: inter_pupil needs .*box_size"):
        report(models[:1], incomplete, tmp_path / "report", normalizers=["inter_pupil"])
    assert not list(tmp_path.iterdir())
    (row,) = report(models[:1], incomplete, tmp_path)  # unless one is asked for
    assert row["normalizer"] == "box_size"


def test_one_model_needs_no_list_and_rows_say_what_they_are_told(models, faces, reported, tmp_path):
    description = {"dataset": "mine", "subset": "evening"}
    (row,) = evaluate(Path(models[0]), faces, tmp_path, description=description)
    assert row == {**reported[0][0], **description}
    assert row["model"] == models[0]


def test_no_model_and_no_face_are_refused(models, faces, tmp_path):
    with pytest.raises(InputError, match="no model"):
        evaluate([], faces, tmp_path)
    with pytest.raises(InputError, match="faces is empty"):
        evaluate(models[:1], [], tmp_path)
    assert not list(tmp_path.iterdir())


def test_faces_of_two_markups_are_refused(models, faces, tmp_path):
    others = synthetic.read("val", markups.MARKUPS["aflw_19"], count=1)
    with pytest.raises(InputError, match="aflw_19.*mtfl_5.*one markup"):
        evaluate(models[:1], [*faces, *others], tmp_path)
    assert not list(tmp_path.iterdir())
