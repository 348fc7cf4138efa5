"""The face score, worked by hand."""

import numpy as np
import pytest

from evae_tf import geometry
from evae_tf.align.face_score import face_score, probe_squares

SQUARES = np.float32([[100, 80, 60], [40, 40, 200]])
LANDMARKS = np.float32([[[90, 70], [110, 90]], [[20, 40], [60, 50]]])


def test_landmarks_that_stay_are_a_face_and_such_that_move_are_none():
    still, shifted = [LANDMARKS, LANDMARKS], [LANDMARKS, LANDMARKS + [0.2 * 60, 0]]
    np.testing.assert_allclose(face_score(LANDMARKS, still, SQUARES), 1)
    scores = face_score(LANDMARKS, shifted, SQUARES)
    assert scores[0] < 0.01  # a mean of 10 % of the crop
    assert face_score(LANDMARKS, [LANDMARKS + [2.1, 0]] * 2, SQUARES)[0] == pytest.approx(0.5)


def test_the_same_move_counts_less_in_a_larger_face():
    scores = face_score(LANDMARKS, [LANDMARKS + [2, 2]], SQUARES)
    assert scores[0] < 0.4 < 0.99 < scores[1]


def test_probes_move_the_crop_by_more_than_a_face_would_allow():
    """Landmarks that move with the crops would have a score near 0."""
    angles = np.float32([0.3, -0.1])
    corners = np.float32([[0.2, 0.3], [0.8, 0.3], [0.5, 0.8]])
    before = geometry.crop_to_image(np.stack([corners, corners]), SQUARES, angles)
    after = [
        geometry.crop_to_image(np.stack([corners, corners]), *probe)
        for probe in probe_squares(SQUARES, angles)
    ]
    assert (face_score(before, after, SQUARES) < 0.02).all()
