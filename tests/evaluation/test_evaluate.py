"""Evaluation of every kind of model, as a Keras file and as an exported file."""

import dataclasses
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from scipy import stats

from evae_tf import geometry, markups
from evae_tf.artifacts import keras_file
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, metrics, readings
from evae_tf.evaluation.evaluate import evaluate, format_table
from evae_tf.exporting.export import export_model
from evae_tf.models import response_maps
from evae_tf.models.build import build_model
from tests.training.test_train import small

MTFL = markups.MARKUPS["mtfl_5"]
ARCHITECTURES = ("cnn", "fcn", "evae", "fcn_cnn", "evae_cnn")


@pytest.fixture(scope="module")
def faces():
    return synthetic.read("val", MTFL, count=9)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Untrained models of every architecture; the tests check which outputs are evaluated."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for seed, architecture in enumerate(ARCHITECTURES):
        keras.utils.set_random_seed(seed)
        paths.append(folder / f"{architecture}.keras")
        build_model(small(architecture=architecture), MTFL).save(paths[-1])
    return [str(path) for path in paths]


def report(models, faces, folder, **options):
    evaluate(models, faces, folder, **options)
    text = (folder / "report.json").read_text()
    return json.loads(text, parse_constant=_refuse)["rows"]


def _refuse(constant):
    """As strict parsers do: NaN and Infinity are not JSON, though Python accepts them."""
    raise AssertionError(f"report.json holds {constant}")


def test_each_architecture_is_read_as_what_it_gives(models, faces, tmp_path):
    rows = report(models, faces, tmp_path)
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
    assert (tmp_path / "responses.png").exists()
    assert all(row["model"] in format_table(rows) for row in rows)


def test_the_numbers_are_those_of_the_model_s_own_outputs(models, faces, tmp_path):
    rows = [row for row in report(models, faces, tmp_path) if "evae_cnn" in row["model"]]
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
def test_exported_files_without_maps_are_evaluated_too(index, models, faces, tmp_path):
    export_model(models[index], tmp_path, ["tflite"], faces=faces)
    keras_rows = report([models[index]], faces, tmp_path / "keras")
    rows = report([str(tmp_path / "model.tflite")], faces, tmp_path / "tflite")
    assert len(rows) == 1
    assert rows[0]["nme"] == pytest.approx(keras_rows[0]["nme"], rel=1e-3)
    assert not (tmp_path / "tflite" / "responses.png").exists()


def test_a_model_that_tells_how_sure_it_is_is_asked_whether_it_is_right(models, faces, tmp_path):
    """Every number recomputed from the model's outputs, with SciPy's distributions."""
    model, (row, *_) = models[-1], report(models[-1:], faces, tmp_path)
    predictor = open_model(model)
    metadata = predictor.metadata
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    outputs = predictor.predict(crops.model_input())
    true = np.stack([face.landmarks for face in faces])
    distance = metrics.normalizing_distance("inter_pupil", true, None, MTFL)
    errors = geometry.crop_to_image(outputs["landmarks"], crops.squares) - true
    errors /= distance[:, None, None]
    covariance = outputs["covariance"] * (crops.squares[:, 2] / distance)[:, None, None, None] ** 2

    pairs = list(zip(errors.reshape(-1, 2), covariance.reshape(-1, 2, 2), strict=True))
    nll = [-stats.multivariate_normal(cov=c).logpdf(e) for e, c in pairs]
    assert row["nll"] == pytest.approx(np.mean(nll), rel=1e-4)
    inside = [stats.chi2(2).cdf(e @ np.linalg.inv(c) @ e) for e, c in pairs]
    for level in (50, 80, 90, 95):
        assert row[f"coverage_{level}"] == pytest.approx(np.mean(np.array(inside) <= level / 100))
    assert -1 <= row["spread_error_correlation"] <= 1
    assert row["nme_surest_points"] > 0
    assert row["nme_surest_faces"] > 0
    hidden = ~np.concatenate([face.visible for face in faces])
    scores = 1 - outputs["visibility"].ravel()
    assert row["visibility_ap"] == pytest.approx(_average_precision(scores, hidden))
    assert (tmp_path / "uncertainty.png").exists()


def _average_precision(scores, positive):
    """By its definition: the mean precision at each positive's own score."""
    found = [positive[scores >= score].mean() for score in scores[positive]]
    return np.mean(found)


def test_without_flags_or_covariance_the_report_does_not_pretend(models, faces, tmp_path):
    unflagged = [dataclasses.replace(face, visible=None) for face in faces]
    certain, unsure, maps = report([models[0], models[-1]], unflagged, tmp_path)
    assert "coverage_50" in unsure
    assert "visibility_ap" not in unsure
    for row in (certain, maps):
        assert not {"coverage_50", "nll", "visibility_ap"} & set(row)


def test_what_the_faces_leave_undefined_is_not_in_the_report(models, faces, tmp_path, monkeypatch):
    """Faces without hidden points; one face on which all points have equal uncertainty."""
    seen = [dataclasses.replace(face, visible=np.ones(5, bool)) for face in faces]
    row, _ = report(models[-1:], seen, tmp_path / "seen")
    assert "visibility_ap" not in row
    assert "spread_error_correlation" in row
    original = readings.read

    def read(*arguments, **options):
        reading, _ = original(*arguments, **options)
        covariance = np.broadcast_to(np.float32(1e-4 * np.eye(2)), (1, 5, 2, 2))
        return [dataclasses.replace(reading, covariance_crop=covariance)]

    monkeypatch.setattr(readings, "read", read)
    (row,) = report(models[-1:], seen[:1], tmp_path / "sure")
    assert "nll" in row
    assert "spread_error_correlation" not in row


def test_a_model_that_predicts_no_numbers_is_refused(models, faces, tmp_path):
    model = keras_file.load_model(models[0])
    model.set_weights([np.full_like(weight, np.nan) for weight in model.get_weights()])
    model.save(tmp_path / "broken.keras")
    with pytest.raises(InputError, match=r"broken\.keras.*landmarks contains NaN"):
        report([str(tmp_path / "broken.keras")], faces, tmp_path / "report")
    assert not list((tmp_path / "report").iterdir())


def test_disturbed_boxes_are_always_the_same_ones(models, faces, tmp_path):
    runs = [report(models[:1], faces, tmp_path / str(i), box_jitter=True) for i in range(2)]
    still = report(models[:1], faces, tmp_path / "still")
    assert runs[0] == runs[1]
    assert runs[0][0]["box_jitter"]
    assert runs[0][0]["nme"] != still[0]["nme"]


def without(faces, *absent):
    """The faces without the annotations of the points (face, point)."""
    landmarks = np.stack([face.landmarks for face in faces])
    visible = np.stack([face.visible for face in faces])
    for index in absent:
        landmarks[index] = np.nan
        visible[index] = False
    return [
        dataclasses.replace(face, landmarks=points, visible=flags)
        for face, points, flags in zip(faces, landmarks, visible, strict=True)
    ]


def test_points_that_are_not_annotated_count_nowhere(models, faces, tmp_path):
    absent = [(1, 2), (1, 4), (3, 3), *((face, 2) for face in range(4, 9))]
    known = np.ones((9, 5), bool)
    for index in absent:
        known[index] = False
    incomplete = without(faces, *absent)
    row, *_ = report(models[-1:], incomplete, tmp_path)

    predictor = open_model(models[-1])
    crop = {"size": predictor.metadata.input_size, "margin": predictor.metadata.crop_margin}
    crops = cut_crops(faces, **crop)
    outputs = predictor.predict(crops.model_input())
    true = np.stack([face.landmarks for face in faces])
    distance = np.linalg.norm(true[:, 0] - true[:, 1], axis=1)
    off = (geometry.crop_to_image(outputs["landmarks"], crops.squares) - true) / distance[
        :, None, None
    ]
    lengths = np.linalg.norm(off, axis=-1)
    errors = [own[good].mean() for own, good in zip(lengths, known, strict=True)]
    assert row["nme"] == pytest.approx(np.mean(errors), rel=1e-5)
    assert row["median"] == pytest.approx(np.median(errors), rel=1e-5)
    scale = (crops.squares[:, 2] / distance)[:, None, None, None]
    off, covariance = off[known], (outputs["covariance"] * scale**2)[known]
    assert row["nll"] == pytest.approx(calibration.gaussian_nll(off, covariance), rel=1e-4)
    inside = calibration.coverage(calibration.mahalanobis(off, covariance), 0.8)
    assert row["coverage_80"] == pytest.approx(inside)
    hidden, doubt = ~np.stack([face.visible for face in faces]), 1 - outputs["visibility"]
    covered_ap = _average_precision(doubt[known], hidden[known])
    assert row["covered_ap"] == pytest.approx(covered_ap)
    hidden_ap = _average_precision(doubt.ravel(), (hidden | ~known).ravel())
    assert row["visibility_ap"] == pytest.approx(hidden_ap), "the head's hidden points count"
    for name, points in (("nme_seen", known & ~hidden), ("nme_covered", known & hidden)):
        assert row[name] == pytest.approx(lengths[points].mean(), rel=1e-5)


def test_groups_have_rows_of_their_own(models, faces, tmp_path):
    """Each row equals a report of its faces alone."""
    light = [
        dataclasses.replace(face, attributes={"light": "dark" if index in (1, 4, 5) else "day"})
        for index, face in enumerate(faces)
    ]
    rows = report(models[-1:], light, tmp_path / "all", group_by=["light", "light"])
    whole, whole_maps, dark, dark_maps, day, day_maps = rows
    assert [whole, whole_maps] == report(models[-1:], faces, tmp_path / "whole")
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
    assert not (tmp_path / "whole" / "by_group.png").exists()
    assert "light: dark" in format_table(rows)


def test_a_face_without_the_points_of_the_normalizer_is_named(models, faces, tmp_path):
    incomplete = without(faces, (5, 1))
    with pytest.raises(InputError, match="inter_pupil of face 5 .*box_size"):
        report(models[:1], incomplete, tmp_path / "report", normalizers=["inter_pupil"])
    assert not list(tmp_path.iterdir())
    (row,) = report(models[:1], incomplete, tmp_path)  # unless one is asked for
    assert row["normalizer"] == "box_size"


def test_one_model_needs_no_list_and_rows_say_what_they_are_told(models, faces, tmp_path):
    description = {"dataset": "mine", "subset": "evening"}
    (row,) = evaluate(Path(models[0]), faces, tmp_path / "path", description=description)
    (same,) = evaluate(models[0], faces, tmp_path / "name")
    assert row == {**same, **description}
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
