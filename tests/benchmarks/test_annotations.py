"""Annotations that lie beside the photo, and photos that are annotated twice, are found."""

import dataclasses

import cv2
import numpy as np
import pytest

from benchmarks import annotations
from evae_tf import geometry
from evae_tf.data.face import make_face
from evae_tf.markups import MARKUPS
from recipes.hidden_points import mean_face

IBUG = MARKUPS["ibug_68"]
MIDDLE = 100  # the column of the axis


def even_landmarks():
    points = mean_face(IBUG)[:, :2]
    points = (points + points[list(IBUG.flip_permutation)] * [-1, 1]) / 2  # exactly symmetric
    return np.float32(points * 80 / np.ptp(points[:, 1]) + [MIDDLE, 100])


def even_image(seed=0, blur_px=2):
    """Blurred noise, 201 x 201 pixels, that is its own mirror image."""
    noise = np.random.default_rng(seed).normal(size=(201, 201, 3))
    smooth = cv2.GaussianBlur(noise + noise[:, ::-1], (0, 0), blur_px)
    return np.uint8(np.clip(128 + 50 * smooth / smooth.std(), 0, 255))


@pytest.mark.parametrize("shift", [-1.5, 0.0, 0.7])
def test_annotations_beside_the_axis_are_measured_in_pixels(shift):
    moved = even_landmarks() + np.float32([shift, 0])
    assert annotations.beside_axis(even_image(), moved, IBUG) == pytest.approx(shift, abs=0.05)


def test_faces_without_an_axis_are_left_out():
    landmarks = even_landmarks()
    uneven = np.random.default_rng(1).integers(0, 256, (201, 201, 3), np.uint8)
    assert annotations.beside_axis(uneven, landmarks, IBUG) is None
    turned = landmarks * [0.5, 1] + [50, 0] + (landmarks > MIDDLE) * [8, 0]
    assert annotations.beside_axis(even_image(), np.float32(turned), IBUG) is None
    landmarks[3] = np.nan
    assert annotations.beside_axis(even_image(), landmarks, IBUG) is None


def face(image, landmarks, name):
    return make_face(image, landmarks, markup=IBUG, subset="train", name=name)


def test_a_photo_listed_twice_is_found_and_its_annotations_are_laid_over_each_other():
    landmarks = even_landmarks()
    photo = even_image(blur_px=5)
    larger = cv2.resize(photo, (402, 402), interpolation=cv2.INTER_CUBIC)
    first = face(photo, landmarks, "first")
    other = face(even_image(seed=2, blur_px=5), landmarks, "other")
    again = face(larger, geometry.rotate(landmarks, 0.1) * 2 + 0.5, "again")
    # The box of other annotators: it must not decide.
    again = dataclasses.replace(again, box=first.box * 2 + 0.5 + np.float32([-4, 3, 6, 9]))
    assert annotations.annotated_twice([first, other, again]) == [(0, 2)]
    apart = annotations.difference(again, first)
    np.testing.assert_allclose(apart, 0, atol=1e-6)


def test_differences_are_in_sizes_of_the_box_and_leave_out_hidden_points():
    landmarks = even_landmarks()
    moved = landmarks.copy()
    moved[30, 0] += 8
    moved[0] = np.nan
    first, second = face(even_image(), landmarks, "first"), face(even_image(), moved, "second")
    apart = annotations.difference(first, second)
    expected = 8 / geometry.box_size(second.box)
    assert apart[30] == pytest.approx(expected, rel=0.05)
    assert np.isnan(apart[0])
    assert np.nanmedian(apart) < 0.05 * expected
