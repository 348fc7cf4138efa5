"""Metrics against cases worked by hand and closed forms."""

import math

import numpy as np
import pytest

from evae_tf import markups
from evae_tf.errors import InputError
from evae_tf.evaluation import metrics


def _faces_68():
    """Two faces of `ibug_68` with known eyes; the other points are noise."""
    landmarks = np.random.default_rng(0).uniform(0, 90, (2, 68, 2)).astype(np.float32)
    landmarks[0, 36], landmarks[0, 45] = (10, 20), (40, 60)  # 30, 40 apart: distance 50
    landmarks[1, 36], landmarks[1, 45] = (5, 8), (17, 3)  # 12, 5 apart: distance 13
    return landmarks


BOXES = np.float32([[10, 20, 19, 36], [0, 0, 3, 4]])  # 9 x 16 and 3 x 4


def test_normalizing_distances_worked_by_hand():
    markup, landmarks = markups.MARKUPS["ibug_68"], _faces_68()
    distance = metrics.normalizing_distance("inter_ocular", landmarks, BOXES, markup)
    np.testing.assert_allclose(distance, [50, 13])
    distance = metrics.normalizing_distance("box_size", landmarks, BOXES, markup)
    np.testing.assert_allclose(distance, [12, math.sqrt(12)])
    distance = metrics.normalizing_distance("box_diagonal", landmarks, BOXES, markup)
    np.testing.assert_allclose(distance, [math.sqrt(337), 5])


def test_inter_pupil_is_taken_between_the_means_of_the_eye_points():
    markup, landmarks = markups.MARKUPS["ibug_68"], _faces_68()
    ring = [(-3, 0), (-1, -2), (1, -2), (3, 0), (1, 2), (-1, 2)]  # six points around (0, 0)
    landmarks[0, 36:42] = np.float32(ring) + (30, 50)
    landmarks[0, 42:48] = np.float32(ring) * 4 + (90, 130)
    distance = metrics.normalizing_distance("inter_pupil", landmarks, BOXES, markup)
    assert distance[0] == pytest.approx(100)


def test_unknown_normalizer_lists_the_known_ones():
    markup = markups.MARKUPS["mtfl_5"]
    with pytest.raises(InputError, match="'inter_occular'.*inter_pupil, box_size, box_diagonal"):
        metrics.normalizing_distance("inter_occular", np.ones((2, 5, 2)), BOXES, markup)


def test_a_distance_of_zero_is_refused_and_the_face_named():
    landmarks = np.random.default_rng(0).uniform(0, 90, (2, 5, 2))
    landmarks[1, 0] = landmarks[1, 1]
    with pytest.raises(InputError, match=r"^face 1 \(counted from 0\): inter_pupil is 0"):
        metrics.normalizing_distance("inter_pupil", landmarks, BOXES, markups.MARKUPS["mtfl_5"])


TRUE = np.float32([[[0, 0], [10, 0], [0, 10]], [[5, 5], [6, 6], [7, 7]]])
# Distances 5, 13, 0 and 1, 2, 2: a face of normaliser 6, one of 10.
PREDICTED = TRUE + np.float32([[[3, 4], [5, -12], [0, 0]], [[1, 0], [0, -2], [0, 2]]])


def test_nme_worked_by_hand():
    np.testing.assert_allclose(
        metrics.landmark_errors(PREDICTED, TRUE, [6, 10]),
        [[5 / 6, 13 / 6, 0], [0.1, 0.2, 0.2]],
        rtol=1e-6,
    )
    np.testing.assert_allclose(metrics.nme(PREDICTED, TRUE, [6, 10]), [1, 1 / 6], rtol=1e-6)


def without(landmarks, *absent):
    """A copy without annotations of the points (face, point)."""
    landmarks = landmarks.copy()
    for index in absent:
        landmarks[index] = np.nan
    return landmarks


def test_points_that_are_not_annotated_are_left_out_of_the_mean():
    true = without(TRUE, (0, 1), (1, 0), (1, 1))
    error = metrics.nme(PREDICTED, true, [6, 10])
    np.testing.assert_allclose(error, [5 / 12, 0.2], rtol=1e-6)
    errors = metrics.landmark_errors(PREDICTED, true, [6, 10])
    np.testing.assert_allclose(errors, [[5 / 6, np.nan, 0], [np.nan, np.nan, 0.2]], rtol=1e-6)
    with pytest.raises(InputError, match="face 1 .*no annotated landmark"):
        metrics.nme(PREDICTED, without(true, (1, 2)), [6, 10])


def test_a_prediction_that_is_not_a_number_is_not_left_out():
    """Otherwise a model would benefit from it."""
    error = metrics.nme(without(PREDICTED, (0, 1)), TRUE, [6, 10])
    np.testing.assert_allclose(error, [np.nan, 1 / 6], rtol=1e-6)


def test_a_normalizer_whose_points_are_not_annotated_is_refused_and_the_face_named():
    """Also if one of the six points of an eye is missing: their mean would be shifted."""
    markup, landmarks = markups.MARKUPS["ibug_68"], without(_faces_68(), (1, 40), (0, 8))
    with pytest.raises(InputError, match="^face 1 .*: inter_pupil needs .*not annotated; box_size"):
        metrics.normalizing_distance("inter_pupil", landmarks, BOXES, markup)
    distance = metrics.normalizing_distance("inter_ocular", landmarks, BOXES, markup)
    np.testing.assert_allclose(distance, [50, 13])
    assert metrics.normalizing_distance("box_size", landmarks, BOXES, markup)[0] == 12


def test_the_default_normalizer_is_one_that_every_face_has():
    markup = markups.MARKUPS["ibug_68"]
    found = metrics.default_normalizer(without(_faces_68(), (0, 8), (1, 40)), markup)
    assert found == "inter_ocular"
    assert metrics.default_normalizer(without(_faces_68(), (1, 36)), markup) == "box_size"
    aflw = markups.MARKUPS["aflw_19"]  # whose own default is the box
    assert metrics.default_normalizer(np.full((2, 19, 2), np.nan), aflw) == "box_size"


def test_the_known_mean_is_that_of_the_others():
    values = np.array([[1.0, np.nan, 4.0], [2.0, np.nan, np.nan]])
    np.testing.assert_array_equal(metrics.known_mean(values, 0), [1.5, np.nan, 4])
    np.testing.assert_array_equal(metrics.known_mean(values, 1), [2.5, 2])


@pytest.mark.parametrize("normalizer", [[6], 6, [[6], [10]]])
def test_nme_refuses_a_normalizer_that_would_broadcast(normalizer):
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.nme(PREDICTED, TRUE, normalizer)


def test_nme_refuses_other_shapes():
    with pytest.raises(ValueError, match="shapes differ"):
        metrics.nme(PREDICTED[:, :1], TRUE, [6, 10])


ERRORS = np.array([0.02, 0.04, 0.04, 0.09, 0.30])


def test_ced_counts_faces_up_to_and_with_the_threshold():
    thresholds = [0.0, 0.02, 0.03, 0.04, 0.10, 0.30]
    np.testing.assert_allclose(metrics.ced(ERRORS, thresholds), [0, 0.2, 0.2, 0.6, 0.8, 1])
    assert metrics.ced(ERRORS, 0.05) == pytest.approx(0.6)


def test_auc_is_the_area_under_the_ced_staircase():
    assert metrics.auc(ERRORS, 0.08) == pytest.approx((0.75 + 0.5 + 0.5) / 5)
    assert metrics.auc([0.0, 0.0], 0.08) == 1
    assert metrics.auc([0.0, np.nan], 0.08) == 0.5  # as `ced` and `failure_rate` count it
    rng = np.random.default_rng(5)
    errors = rng.gamma(3, 0.02, 301)
    stairs = np.sort(np.concatenate([[0], errors[errors < 0.1], [0.1]]))
    area = np.sum(np.diff(stairs) * metrics.ced(errors, stairs[:-1])) / 0.1
    assert metrics.auc(errors, 0.1) == pytest.approx(area, rel=1e-12)


def test_failure_rate_is_what_the_ced_leaves():
    assert metrics.failure_rate(ERRORS, 0.08) == pytest.approx(0.4)
    assert metrics.failure_rate(ERRORS, 0.09) == pytest.approx(0.2)


def test_a_prediction_that_is_not_a_number_is_a_failure():
    errors = [0.01, np.nan]
    assert metrics.failure_rate(errors, 0.1) == 0.5
    assert metrics.ced(errors, 10.0) == 0.5


def test_bootstrap_interval_of_a_mean_is_that_of_the_normal_distribution():
    errors = np.random.default_rng(1).gamma(4, 0.01, 400)
    low, high = metrics.bootstrap_ci(errors)
    half = 1.96 * errors.std() / math.sqrt(400)
    assert low == pytest.approx(errors.mean() - half, abs=0.1 * half)
    assert high == pytest.approx(errors.mean() + half, abs=0.1 * half)
    assert metrics.bootstrap_ci(errors) == (low, high)


def test_bootstrap_of_a_skewed_sample_is_no_symmetric_interval():
    """All resamples of three faces are known: the mean is 0 with probability 8/27 = 0.30, where
    the interval starts, and 1 with 1/27 = 0.037, which is more than the interval omits above.
    """
    assert metrics.bootstrap_ci([0.0, 0.0, 1.0]) == (0, 1)


def test_bootstrap_of_equal_errors_and_of_one_face_has_no_width():
    assert metrics.bootstrap_ci([0.05] * 3) == pytest.approx((0.05, 0.05))
    assert metrics.bootstrap_ci([0.07]) == (0.07, 0.07)
