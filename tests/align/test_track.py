"""One tracked face by itself: its motion and its place."""

import numpy as np
import pytest

from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.track import Track
from evae_tf.markups import MARKUPS

IMAGE = np.random.default_rng(0).integers(0, 256, (200, 400, 3), np.uint8)


def face(left):
    """A face whose box is 80 pixels wide and high, from x = left and y = 60."""
    box = np.float32([left, 60, left + 80, 140])
    landmarks = np.random.default_rng(1).uniform(0, 80, (5, 2)) + [left, 60]
    return AlignedFace(landmarks.astype(np.float32), box, 1.0, MARKUPS["mtfl_5"], IMAGE)


def followed(lefts):
    """A track that sees a face in consecutive frames."""
    track = Track(0, face(lefts[0]), 0.0, None)
    for index, left in enumerate(lefts[1:], 1):
        track.missed += 1
        track.see(face(left), index / 25)
    return track


def test_a_face_is_expected_where_its_motion_takes_it():
    track = followed([10, 20, 30])
    np.testing.assert_allclose(track.shift, [10, 0], atol=1e-4)
    np.testing.assert_allclose(track.expected.landmarks, face(40).landmarks, atol=1e-4)


def test_a_lost_face_is_expected_where_its_motion_took_it_since():
    track = followed([10, 20, 30])
    track.missed = 4
    assert track.distance(face(70)) == pytest.approx(0, abs=1e-5)
    assert track.distance(face(30)) == pytest.approx(40 / 80, abs=1e-5)
    track.see(face(50), 1.0)  # it moved by 20 in four frames
    np.testing.assert_allclose(track.shift, [5, 0], atol=1e-4)


def test_heads_touch_if_squares_half_as_large_again_overlap():
    track = followed([10])
    assert track.touches(followed([125])) and not track.touches(followed([135]))
