"""Upright crops of a rotated face."""

import numpy as np
import pytest

from evae_tf import geometry, markups
from evae_tf.align.upright import upright_squares
from evae_tf.data import synthetic
from evae_tf.head_pose import HeadPose

IBUG = markups.MARKUPS["ibug_68"]


@pytest.mark.parametrize("degrees", [-140, -20, 0, 75])
def test_the_crop_of_a_turned_face_is_that_of_the_face(degrees):
    """In crop fractions, the landmarks do not depend on the rotation of the face."""
    angle = np.float32(np.radians(degrees))
    faces = synthetic.read("val", IBUG, count=3)
    landmarks = np.stack([face.landmarks for face in faces])
    moved = geometry.rotate(landmarks - 50, angle) + [70, -30]

    squares, angles = upright_squares(landmarks, IBUG, 0.25)
    moved_squares, moved_angles = upright_squares(moved, IBUG, 0.25)
    turned = np.exp(1j * (moved_angles - angles))
    np.testing.assert_allclose(turned, np.exp(1j * angle), atol=1e-4)
    np.testing.assert_allclose(moved_squares[:, 2], squares[:, 2], rtol=1e-4)
    centre = geometry.rotate(squares[:, None, :2] - 50, angle)[:, 0] + [70, -30]
    np.testing.assert_allclose(moved_squares[:, :2], centre, atol=0.02)


def test_level_eyes_are_level_and_the_margin_is_kept():
    faces = synthetic.read("val", IBUG, count=3)
    landmarks = np.stack([face.landmarks for face in faces])
    squares, angles = upright_squares(landmarks, IBUG, 0.25)
    upright = geometry.rotate(landmarks - squares[:, None, :2], -angles) / squares[:, None, 2:]
    eyes = [upright[:, list(group)].mean(axis=1) for group in IBUG.normalizers["inter_pupil"]]
    np.testing.assert_allclose(eyes[0][:, 1], eyes[1][:, 1], atol=1e-4)
    extent = np.ptp(upright, axis=1).max(axis=1)
    np.testing.assert_allclose(extent, 1 / 1.25, rtol=1e-4)


def test_a_model_of_other_boxes_gets_crops_like_those_of_its_training():
    """Boxes twice as large as the tight ones, shifted up by a quarter, rotated too."""
    faces = synthetic.read("val", IBUG, count=3)
    landmarks = np.stack([face.landmarks for face in faces])
    tight, angles = upright_squares(landmarks, IBUG, 0.0)
    squares, _ = upright_squares(landmarks, IBUG, 0.5, face_box=(0.0, -0.25, 2.0))
    np.testing.assert_allclose(squares[:, 2], 3 * tight[:, 2], rtol=1e-5)
    up = geometry.rotate(np.float32([[[0, -1]]]), angles)[:, 0] * tight[:, 2:]
    np.testing.assert_allclose(squares[:, :2], tight[:, :2] + up / 4, atol=1e-3)


def test_a_markup_without_eyes_is_not_turned():
    markup = markups.Markup.from_dict(
        {"name": "m", "points": ["a", "b"], "flip_pairs": [], "normalizers": {}, "outline": []}, "m"
    )
    landmarks = np.float32([[[10, 10], [30, 50]]])
    squares, angles = upright_squares(landmarks, markup, 0.5)
    np.testing.assert_allclose(squares, [[20, 30, 60]])
    np.testing.assert_allclose(angles, [0])


@pytest.mark.parametrize("yaw", [-85, -70, 70, 85])
@pytest.mark.parametrize("roll", [-100, 0, 40])
def test_a_profile_is_turned_by_its_roll_and_not_by_eyes_that_coincide(yaw, roll):
    face, _ = synthetic.draw_face(IBUG, (0, 2, 8), pose=HeadPose(yaw, 0, roll), occluded=False)
    _, (angle,) = upright_squares(face.landmarks[None], IBUG, 0.25)
    off = np.angle(np.exp(1j * (angle - np.radians(roll))))
    # Nose and mouth of a profile are further forward than its eyes, which causes this roll.
    assert abs(np.degrees(off)) < 20


def test_a_profile_without_the_points_to_tell_is_not_turned():
    eyes = {"name": "m", "points": ["left", "right", "chin"], "flip_pairs": [[0, 1]]}
    eyes |= {"outline": [], "normalizers": {"inter_pupil": [0, 1]}}
    markup = markups.Markup.from_dict(eyes, "m")
    _, angles = upright_squares(np.float32([[[10, 10], [10, 13], [30, 50]]]), markup, 0.5)
    np.testing.assert_array_equal(angles, [0])
