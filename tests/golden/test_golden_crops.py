"""The golden vectors match their command, and the NumPy code that makes them is correct.

The cases here are worked by hand. All other implementations are compared with NumPy's.
"""

import json

import numpy as np
import pytest

from evae_tf import geometry
from evae_tf.align.upright import upright_squares
from evae_tf.markups import MARKUPS, Markup
from recipes import golden_crops
from tests.golden import vectors

QUARTER = np.pi / 2
IMAGE = golden_crops.image()


def test_the_file_is_what_the_command_makes():
    made = json.loads(golden_crops.as_text(golden_crops.golden()))
    image = made.pop("image")
    np.testing.assert_array_equal(np.ravel(vectors.IMAGE), image["rgb"])
    assert made.keys() == vectors.VECTORS.keys()
    for name, cases in made.items():
        assert [case["given"] for case in cases] == vectors.given(name)
        vectors.check(name, [case["expected"] for case in cases])
    assert golden_crops.TARGET.stat().st_size < 300_000


def test_a_square_around_a_box():
    """The longer side, 70 pixels, and a quarter of it; the centre in the middle."""
    np.testing.assert_allclose(geometry.square_around([10, 20, 50, 90], 0.25), [30, 55, 87.5])


def test_a_box_of_landmarks():
    """20 wide and 40 high; its centre is shifted by fractions of 40, both sides are doubled."""
    landmarks = [[10, 30], [30, 50], [20, 70]]
    np.testing.assert_allclose(geometry.box_of_landmarks(landmarks), [10, 30, 30, 70])
    found = geometry.box_of_landmarks(landmarks, (0.1, -0.2, 2.0))
    np.testing.assert_allclose(found, [24 - 20, 42 - 40, 24 + 20, 42 + 40])


FACE = [[10, 10], [10, 30], [0, 20], [-10, 12], [-10, 28]]  # rotated by 90 degrees


def test_the_upright_square_of_a_face_that_lies():
    """Right in the image is up for the face, which has 20 x 20 pixels around (0, 20)."""
    (square,), (angle,) = upright_squares(np.float32([FACE]), MARKUPS["mtfl_5"], 0.25)
    np.testing.assert_allclose([*square, angle], [0, 20, 25, QUARTER], atol=1e-5)
    # Half the face's size down and a quarter to the right, in the frame of the face.
    where = (0.25, 0.5, 2.0)
    (square,), (angle,) = upright_squares(np.float32([FACE]), MARKUPS["mtfl_5"], 0.25, where)
    np.testing.assert_allclose([*square, angle], [-10, 25, 50, QUARTER], atol=1e-5)


# Corners of an octahedron: their mean height is 1, and only the 4th and 5th differ from it.
PLACES = [[-1, 1, 0], [1, 1, 0], [0, 1, -1], [0, 0, 0], [0, 2, 0], [0, 1, 1]]


def octahedron(**normalizers):
    names = [f"corner_{index}" for index in range(6)]
    record = {"name": "octahedron", "points": names, "flip_pairs": [], "outline": []}
    places = dict(zip(names, PLACES, strict=True))
    return Markup.from_dict({**record, "normalizers": normalizers, "rigid_points": places})


@pytest.mark.parametrize(("apart", "expected"), [(5.9, -QUARTER), (6.1, QUARTER)])
def test_a_square_is_turned_by_eyes_that_are_far_enough_apart(apart, expected):
    """The limit in a box of 20 x 20 is 6; if eyes are closer, the rigid points are used."""
    landmarks = np.float32([[[10, 10], [10, 10 + apart], [0, 30], [0, 20], [5, 20], [-10, 30]]])
    _, (angle,) = upright_squares(landmarks, octahedron(inter_pupil=[0, 1]), 0.25)
    assert angle == pytest.approx(expected, abs=1e-6)


def test_without_eyes_a_square_is_turned_by_rigid_points():
    """Up is left and down is right: the face is rotated by 90 degrees."""
    landmarks = np.float32([[[3, 10], [9, 14], [7, 30], [0, 20], [20, 20], [11, 13]]])
    (square,), (angle,) = upright_squares(landmarks, octahedron(), 0.25)
    np.testing.assert_allclose([*square, angle], [10, 20, 25, -QUARTER], atol=1e-5)


def test_without_rigid_points_a_profile_is_not_turned():
    landmarks = np.float32([[[10, 10], [10, 15.9], *FACE[2:]]])
    landmarks[0, 3:] = [-10, 10], [-10, 30]
    _, (angle,) = upright_squares(landmarks, MARKUPS["mtfl_5"], 0.25)
    assert angle == 0


def test_a_fraction_of_a_square_that_is_turned_by_a_quarter():
    """Right in the crop is down in the image, down in the crop is left."""
    found = geometry.crop_to_image([[1, 0.5], [0.5, 1], [0.75, 0.75]], [10, 20, 8], QUARTER)
    np.testing.assert_allclose(found, [[10, 24], [6, 20], [8, 22]], atol=1e-5)


def test_fractions_are_the_inverse_of_points():
    unturned, *_ = vectors.VECTORS["crop_to_image"]  # the inverse has no angle
    back = geometry.image_to_crop(unturned["expected"], unturned["given"]["square"])
    np.testing.assert_allclose(back, unturned["given"]["fractions"], atol=1e-5)


def test_a_covariance_that_is_turned_by_a_quarter():
    """The variances swap, the covariance changes its sign; a side of 10 multiplies all by 100."""
    found = geometry.covariance_to_image([[[0.04, 0.01], [0.01, 0.09]]], [3, 4, 10], QUARTER)
    np.testing.assert_allclose(found, [[[9, -1], [-1, 4]]], atol=1e-5)


def test_covariances_of_several_faces_are_those_of_each():
    covariance = np.float32([[[[4, 1], [1, 9]]] * 3, [[[2, 0], [0, 5]]] * 3]) / 1e4
    squares, angles = np.float32([[3, 4, 100], [5, 6, 50]]), np.float32([QUARTER, 0.3])
    found = geometry.covariance_to_image(covariance, squares, angles)
    assert found.shape == (2, 3, 2, 2)
    for index in range(2):
        alone = geometry.covariance_to_image(covariance[index], squares[index], angles[index])
        np.testing.assert_allclose(found[index], alone, rtol=1e-6)


def test_nine_tenths_of_a_gaussian():
    """In two dimensions, 1 - exp(-r^2 / 2) of the mass is within r standard deviations."""
    unturned, *_ = vectors.VECTORS["ellipse"]
    xx, xy, yy = unturned["given"]["covariance"]
    long, short, angle = unturned["expected"]
    side, radius = unturned["given"]["square"][2], np.sqrt(-2 * np.log(0.1))
    # The sum of the squared half axes is the trace, their product the root of the determinant.
    scale = (side * radius) ** 2
    assert long**2 + short**2 == pytest.approx(scale * (xx + yy), rel=1e-4)
    assert long * short == pytest.approx(scale * np.sqrt(xx * yy - xy**2), rel=1e-4)
    assert np.tan(2 * angle) == pytest.approx(2 * xy / (xx - yy), rel=1e-4)


def cut(x, y, side, size, angle=0.0):
    return geometry.cut_square(IMAGE, (x, y, side), size, angle)


def test_a_square_of_whole_pixels_is_copied():
    """The twelve pixels from column 24 and row 17 on are centred at (29.5, 22.5)."""
    np.testing.assert_array_equal(cut(29.5, 22.5, 12, 12), IMAGE[17:29, 24:36])


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_square_that_is_turned_by_quarters_is_turned_back(quarters):
    turned = cut(29.5, 22.5, 12, 12, quarters * QUARTER)
    np.testing.assert_array_equal(turned, np.rot90(IMAGE[17:29, 24:36], quarters))


def test_half_a_pixel_to_the_right_is_the_mean_of_two():
    pixels = IMAGE[17:29, 24:37].astype(int)
    expected = (pixels[:, :-1] + pixels[:, 1:] + 1) // 2  # halves are rounded up
    np.testing.assert_array_equal(cut(30, 22.5, 12, 12), expected)


@pytest.mark.parametrize("shrink", [2, 3])
def test_pixels_are_averaged_in_blocks(shrink):
    """Near the image's corner, where the first block begins; halves are rounded up."""
    size = 10
    side, left, top = size * shrink, shrink, 2 * shrink
    found = cut(left + (side - 1) / 2, top + (side - 1) / 2, side, size)
    blocks = IMAGE[top : top + side, left : left + side].astype(int)
    means = blocks.reshape(size, shrink, size, shrink, 3).mean(axis=(1, 3))
    np.testing.assert_array_equal(found, np.floor(means + 0.5))


def test_beyond_the_border_lies_black():
    """Half of the square is left of the image; the image's first pixels are sampled exactly."""
    found = cut(-0.5, 22.5, 12, 12)
    assert not found[:, :6].any()
    np.testing.assert_array_equal(found[:, 6:], IMAGE[17:29, :6])
