"""Numbers of a report that not every model or face has, recomputed from the model's outputs."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from evae_tf import geometry
from evae_tf.artifacts.predictors import open_model
from evae_tf.data.crops import cut_crops
from evae_tf.evaluation import calibration, metrics, readings
from tests.evaluation.reports import MTFL, report, without


def test_a_model_that_tells_how_sure_it_is_is_asked_whether_it_is_right(
    models, faces, reported_last
):
    """Every number recomputed from the model's outputs, with SciPy's distributions."""
    (row, *_), folder = reported_last
    predictor = open_model(models[-1])
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
    assert (folder / "uncertainty.png").exists()


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


def test_points_that_are_not_annotated_count_nowhere(models, faces, tmp_path):
    absent = [(1, 2), (1, 4), (3, 3), *((face, 2) for face in range(4, 9))]
    known = np.ones((9, 5), bool)
    for index in absent:
        known[index] = False
    incomplete = without(faces, *absent)
    for index, (face, point) in enumerate(absent):
        flags = incomplete[face].visible.copy()
        flags[point] = index > 0  # the first is hidden by the head, the others are not annotated
        incomplete[face] = dataclasses.replace(incomplete[face], visible=flags)
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
    hidden, doubt = ~np.stack([face.visible for face in incomplete]), 1 - outputs["visibility"]
    covered_ap = _average_precision(doubt[known], hidden[known])
    assert row["covered_ap"] == pytest.approx(covered_ap)
    flagged = known | hidden
    assert flagged.sum() == known.sum() + 1
    hidden_ap = _average_precision(doubt[flagged], hidden[flagged])
    assert row["visibility_ap"] == pytest.approx(hidden_ap), "the head's hidden points count"
    for name, points in (("nme_seen", known & ~hidden), ("nme_covered", known & hidden)):
        assert row[name] == pytest.approx(lengths[points].mean(), rel=1e-5)
