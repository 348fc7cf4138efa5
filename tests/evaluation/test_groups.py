"""Groups of faces by attributes, pose, visibility and size."""

import dataclasses

import numpy as np
import pytest

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from evae_tf.evaluation.groups import grouped
from evae_tf.evaluation.truth import Truth
from evae_tf.head_pose import HeadPose

MTFL, IBUG = markups.MARKUPS["mtfl_5"], markups.MARKUPS["ibug_68"]
POINTS = np.array([[40, 50], [80, 52], [61, 70], [45, 90], [77, 92]], np.float32)


def face(box=(30, 40, 90, 100), visible=None, landmarks=POINTS, **attributes):
    return make_face(
        np.zeros((8, 8, 3), np.uint8),
        landmarks,
        markup=MTFL,
        subset="val",
        name="face",
        box=box,
        visible=visible,
        attributes=attributes,
    )


def groups(name, faces):
    found = grouped([name], faces, Truth.of(faces, ["box_size"]))
    assert {group.by for group in found} == {name}
    assert np.sum([group.rows for group in found], axis=0).tolist() == [1] * len(faces)
    return {group.name: np.flatnonzero(group.rows).tolist() for group in found}


def test_each_value_of_an_attribute_is_a_group():
    faces = [face(light="dark"), face(light="day"), face(light="dark"), face(), face(light=" ")]
    assert groups("light", faces) == {"dark": [0, 2], "day": [1], "unknown": [3, 4]}


def test_many_numbers_are_parted_in_four():
    faces = [face(age=str(age)) for age in range(40)]
    parted = groups("age", [*faces, face(age="")])
    assert list(parted) == ["0 to 9.75", "9.75 to 19.5", "19.5 to 29.25", "29.25 to 39", "unknown"]
    assert [len(rows) for rows in parted.values()] == [10, 10, 10, 10, 1]
    assert parted["29.25 to 39"][-1] == 39, "the oldest is one of them"


def test_large_numbers_that_are_close_are_parted_too():
    times = [str(1_700_000_000 + second) for second in range(40)]
    parted = groups("time", [face(time=time) for time in times])
    assert [len(rows) for rows in parted.values()] == [10, 10, 10, 10]
    assert next(iter(parted)) == "1700000000 to 1700000010"


def test_a_name_of_its_own_for_each_face_is_no_group():
    faces = [face(number=f"face {index}") for index in range(200)]
    with pytest.raises(InputError, match="number has 200 values, too many"):
        groups("number", faces)


def test_yaw_is_that_of_the_true_landmarks_whichever_side():
    drawn = [
        synthetic.draw_face(IBUG, (0, 2, 8), pose=HeadPose(yaw, 0, 5), occluded=False)[0]
        for yaw in (-5, 22, -22, 38)
    ]
    turned = groups("yaw", drawn)
    assert turned == {"0 to 15 degrees": [0], "15 to 30 degrees": [1, 2], "30 to 45 degrees": [3]}


def test_a_column_of_yaw_comes_first():
    drawn, _ = synthetic.draw_face(IBUG, (0, 2, 8), pose=HeadPose(0, 0, 0), occluded=False)
    faces = [
        dataclasses.replace(drawn, attributes={"yaw": yaw})
        for yaw in ("-80", "15", "14.9", "75", "")
    ]
    assert groups("yaw", faces) == {
        "0 to 15 degrees": [2],
        "15 to 30 degrees": [1],
        "75 degrees and more": [0, 3],
        "unknown": [4],
    }


def test_points_that_tell_no_pose_are_of_unknown_yaw():
    assert groups("yaw", [face(), face()]) == {"unknown": [0, 1]}


def test_visibility_is_the_share_of_covered_points_among_the_annotated():
    hidden = POINTS.copy()
    hidden[3] = np.nan  # hidden by the head, which does not count as covered
    faces = [
        face(visible=[1, 1, 1, 1, 1]),
        face(visible=[1, 0, 1, 1, 1]),
        face(visible=[1, 0, 1, 1, 0]),
        face(visible=[1, 1, 1, 0, 1], landmarks=hidden),
        face(visible=[0, 1, 1, 0, 1], landmarks=hidden),
    ]
    assert groups("visibility", faces) == {
        "nothing covered": [0, 3],
        "up to 25 % covered": [1],
        "25 % and more covered": [2, 4],
    }
    with pytest.raises(InputError, match="no flags of visibility"):
        groups("visibility", [face()])


def test_size_is_that_of_the_box():
    faces = [face(box=(0, 0, side, 2 * side)) for side in (20, 22.7, 60, 200)]
    assert groups("size", faces) == {
        "below 32 pixels": [0],
        "32 to 64 pixels": [1],
        "64 to 128 pixels": [2],
        "256 pixels and more": [3],
    }


def test_an_unknown_name_lists_what_is_known():
    with pytest.raises(InputError, match="'smlie'; known: size, smile, visibility, yaw"):
        groups("smlie", [face(smile="yes")])
