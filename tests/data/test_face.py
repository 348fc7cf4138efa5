"""`make_face`: the checks of a record."""

from pathlib import Path

import numpy as np
import pytest

from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS

MARKUP = MARKUPS["mtfl_5"]
LANDMARKS = np.array([[-3.5, 4], [20, 5], [11, 13], [2, 21], [18, 40.25]])


def face(landmarks=LANDMARKS, **kwargs):
    return make_face("a.jpg", landmarks, markup=MARKUP, subset="test", name="a", **kwargs)


def test_box_is_the_tight_box_unless_given():
    made = face(visible=[1, 0, 1, 1, 0])
    assert made.box.tolist() == [-3.5, 4, 20, 40.25]
    assert face(box=[1, 2, 3, 5]).box.tolist() == [1, 2, 3, 5]
    assert made.landmarks.dtype == made.box.dtype == np.float32
    assert made.visible.dtype == bool
    assert made.visible.tolist() == [True, False, True, True, False]
    assert (made.markup.name, made.subset, made.name) == ("mtfl_5", "test", "a")
    assert face().visible is None
    assert made.image == Path("a.jpg")


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((9, 9, 3)), r"float64 \(9, 9, 3\)"),
        (np.zeros((9, 9), np.uint8), r"uint8 \(9, 9\)"),
        (np.zeros((9, 9, 4), np.uint8), r"uint8 \(9, 9, 4\)"),
        (None, "NoneType"),
    ],
)
def test_an_image_is_a_path_or_bytes_of_rgb(image, found):
    with pytest.raises(InputError, match=f"^a: found {found} as image, expected"):
        make_face(image, LANDMARKS, markup="mtfl_5", subset="train", name="a")


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("landmarks", "abc"),
        ("landmarks", [["left", "right"]] * 5),
        ("box", ["a"] * 4),
        ("markup", 3),
        ("visible", [2] * 5),
        ("visible", "10110"),
    ],
)
def test_an_argument_of_another_type_is_named(argument, value):
    arguments = {"landmarks": LANDMARKS, "markup": MARKUP, argument: value}
    with pytest.raises(InputError, match=f"^a: {argument}=.*: expected"):
        make_face("a.jpg", arguments.pop("landmarks"), subset="test", name="a", **arguments)


@pytest.mark.parametrize("landmarks", [LANDMARKS.ravel(), LANDMARKS[None]])
def test_landmarks_of_another_shape(landmarks):
    with pytest.raises(InputError, match=r"^a: landmarks of the shape .*, expected \[5, 2\]"):
        face(landmarks)


@pytest.mark.parametrize("count", [0, 4, 6])
def test_wrong_number_of_points(count):
    with pytest.raises(InputError, match=f"^a: {count} points found, mtfl_5 has 5"):
        face(np.arange(2.0 * count).reshape(count, 2))


@pytest.mark.parametrize(
    "bad", [(11, np.nan), (np.nan, 13), (11, np.inf), (1e39, -1e30), (-1000001, 13)]
)
def test_half_a_place_or_one_beyond_every_photo_names_the_point(bad):
    landmarks = LANDMARKS.copy()
    landmarks[2] = bad
    with pytest.raises(InputError, match="^a: nose_tip lies at .*nan for both"):
        face(landmarks)


def without(*points):
    landmarks = LANDMARKS.copy()
    landmarks[list(points)] = np.nan
    return landmarks


def test_points_that_are_not_annotated_have_no_place():
    made = face(without(1, 4), visible=[1, 1, 0, 1, 1])
    assert made.box.tolist() == [-3.5, 4, 11, 21]
    assert made.annotated.tolist() == [True, False, True, True, False]
    assert made.visible.tolist() == [True, True, False, True, True]  # as given
    assert face(without(1, 4)).visible is None
    assert face().annotated.all()


def test_fewer_than_two_annotated_points_are_no_face():
    assert face(without(1, 2, 3)).box.tolist() == [-3.5, 4, 18, 40.25]
    for absent, count in (((1, 2, 3, 4), 1), (range(5), 0)):
        with pytest.raises(InputError, match=f"^a: {count} of 5 points annotated, .*two"):
            face(without(*absent), box=[0, 0, 9, 9])


def test_annotated_points_in_a_line_have_no_box():
    landmarks = without(1, 2, 4)
    landmarks[3, 0] = landmarks[0, 0]
    with pytest.raises(InputError, match="no area"):
        face(landmarks)
    assert face(landmarks, box=[0, 0, 9, 9]).annotated.sum() == 2


@pytest.mark.parametrize(
    "box", [[1, 2, 1, 5], [1, 5, 3, 2], [1, 2, 3], [1, 2, np.nan, 5], [1, 2, 3, 1e39]]
)
def test_box_without_area(box):
    with pytest.raises(InputError, match="^a: box .* no area"):
        face(box=box)


def test_landmarks_on_one_spot_have_no_box():
    with pytest.raises(InputError, match="no area"):
        face(np.full((5, 2), 7.0))


def test_wrong_number_of_flags():
    with pytest.raises(InputError, match=r"^a: visible=.*expected 5 flags, each 0 or 1"):
        face(visible=[1, 1, 0, 1])
