"""Conversion of detector boxes to landmark boxes."""

import numpy as np
import pytest

from evae_tf.align.detections import Detections, landmark_squares, of_network, rolls

# Eyes, nose and corners of the mouth of an upright face, and of one in profile.
FRONTAL = np.float32([[-3, -4], [3, -4], [0, 0], [-2, 4], [2, 4]])
PROFILE = np.float32([[-0.1, -4], [0.1, -4], [3, 0], [0.1, 4], [0.3, 4]])


def turned(points, degrees):
    angle = np.radians(degrees)
    axes = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return points @ axes.T + [50, 60]


@pytest.mark.parametrize("face", [FRONTAL, FRONTAL * [-1, 1], PROFILE])
@pytest.mark.parametrize("degrees", [-170, -90, -20, 0, 45, 135])
def test_a_head_leans_as_it_was_turned(face, degrees):
    """Five points, the left ones first; mirroring swaps left and right."""
    if face[0, 0] > face[1, 0]:
        face = face[[1, 0, 2, 4, 3]]
    found = np.degrees(rolls(turned(face, degrees)[None].astype(np.float32)))[0]
    assert abs((found - degrees + 180) % 360 - 180) < 2.5


def test_landmarks_lie_below_the_middle_of_a_head_however_it_lies():
    """A box of 80 x 100 with the landmark box in its lower half: 25 below the centre, side 50."""
    boxes = np.float32([[10, 0, 90, 100]] * 3)
    angles = np.radians([0, 90, 180]).astype(np.float32)
    squares = landmark_squares(boxes, angles, (0.0, 0.25, 0.5))
    # After a clockwise turn by 90 degrees, below becomes left.
    expected = [[25, 50, 75, 100], [0, 25, 50, 75], [25, 0, 75, 50]]
    np.testing.assert_allclose(squares, expected, atol=1e-4)


def test_what_is_too_small_for_landmarks_is_no_find():
    boxes = np.float32([[0, 0, 8, 10], [0, 0, 30, 40]])
    keypoints = np.stack([FRONTAL, FRONTAL * 4])
    found = of_network(boxes, np.float32([0.9, 0.8]), keypoints, (0.0, 0.0, 1.0))
    np.testing.assert_array_equal(found.scores, np.float32([0.8]))
    np.testing.assert_array_equal(found.keypoints, keypoints[1:])


def test_without_keypoints_no_head_leans():
    np.testing.assert_array_equal(Detections(np.ones((2, 4), np.float32)).rolls, [0, 0])
