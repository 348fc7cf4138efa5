"""The list of faces in all poses, with hidden points filled in."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import datasets, synthetic
from evae_tf.data.face import make_face
from evae_tf.head_pose import HeadPose
from recipes import all_poses, hidden_points

IBUG = markups.MARKUPS["ibug_68"]
LEFT = [*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67]
RIGHT = [IBUG.flip_permutation[index] for index in LEFT]


def turned(yaw, roll=10.0):
    """The rotated mean face in orthographic view: float [68, 2], eye distance of 100 pixels."""
    face = hidden_points.mean_face(IBUG) @ HeadPose(yaw, 5, roll).rotation.T
    return (100 * face[:, :2] + [300, 200]).astype(np.float32)


@pytest.mark.parametrize("yaw", [-85, -50, 40, 75])
def test_hidden_points_of_the_mean_face_are_where_they_are(yaw):
    true = turned(yaw)
    half = true.copy()
    half[LEFT if yaw < 0 else RIGHT] = np.nan
    filled = hidden_points.completed(half, IBUG)
    known = geometry.annotated(half)
    np.testing.assert_array_equal(filled[known], true[known])
    # The pose comes from the rigid points of another head, accurate to some degrees.
    assert np.linalg.norm(filled - true, axis=-1).max() < 25


def test_a_raised_mouth_raises_its_hidden_half():
    true = turned(60)
    true[48:68] -= [0, 12]
    half = true.copy()
    half[RIGHT] = np.nan
    filled, plain = (hidden_points.completed(points, IBUG) for points in (half, _half(turned(60))))
    moved_x, moved_y = (filled - plain)[[52, 53, 54, 55, 56]].T
    # The best-fitting pose changes a little, too.
    np.testing.assert_allclose(moved_y, -12, atol=4)
    np.testing.assert_allclose(moved_x, 0, atol=7)


def _half(points):
    points[RIGHT] = np.nan
    return points


def test_what_is_annotated_whole_stays_as_it_is():
    points = turned(0)
    assert hidden_points.completed(points, IBUG) is points


def face(points, visible=None, name="a.jpg", image=None):
    return make_face(
        np.zeros((9, 9, 3), np.uint8) if image is None else image,
        points,
        markup=IBUG,
        subset="train",
        name=name,
        visible=visible,
    )


@pytest.mark.parametrize("seen, hidden", [(LEFT, RIGHT), (RIGHT, LEFT)])
def test_a_profile_shows_the_side_that_is_annotated_and_the_middle(seen, hidden):
    points = turned(60)
    points[hidden] = np.nan
    points[[18, 20, 23, 25]] = np.nan  # missing in the set
    shown = all_poses.seen_side(face(points)).visible
    assert shown[seen].all()
    assert not shown[hidden].any()
    assert shown[[8, 27, 30, 33, 51, 57, 62, 66]].all()


def test_a_teacher_fills_in_what_it_sees_on_the_face():
    """The model predicts points removed from a frontal synthetic face."""
    drawn, _ = synthetic.draw_face(IBUG, (0, 2, 8), pose=HeadPose(0, 0, 0), occluded=False)
    points = drawn.landmarks.copy()
    points[[37, 48, 54]] = np.nan
    partial = dataclasses.replace(drawn, landmarks=points)
    (full,) = all_poses.in_full([partial], open_model("mobile_68"))
    eyes = np.linalg.norm(drawn.landmarks[36] - drawn.landmarks[45])
    off = np.linalg.norm(full.landmarks - drawn.landmarks, axis=-1) / eyes
    assert off[[37, 48, 54]].max() < 0.12
    assert np.delete(off, [37, 48, 54]).max() == 0
    np.testing.assert_array_equal(full.box, partial.box)


def test_only_faces_whose_box_grows_get_a_second_one():
    whole = turned(30)
    half = _half(whole.copy())
    faces = [dataclasses.replace(face(points), landmarks=whole) for points in (whole, half)]
    (wide,) = all_poses.with_whole_boxes(faces)
    np.testing.assert_array_equal(wide.landmarks, whole)
    np.testing.assert_array_equal(wide.box, faces[0].box)
    assert wide.box[2] > faces[1].box[2]


def test_the_list_is_read_back_with_flags_boxes_and_repeated_faces(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.jpg")
    flagged = face(turned(20), visible=np.arange(68) % 3 > 0, image=tmp_path / "a.jpg")
    plain = dataclasses.replace(flagged, visible=None, box=np.float32([1, 2, 3, 4]))
    all_poses.write({"train": [flagged, flagged, plain], "val": [plain]}, tmp_path / "f.csv")
    first, second, third = datasets.read_faces("csv", tmp_path / "f.csv", "train", IBUG)
    (val,) = datasets.read_faces("csv", tmp_path / "f.csv", "val", IBUG)
    for found in (first, second, third, val):
        np.testing.assert_allclose(found.landmarks, flagged.landmarks, atol=0.01)
    np.testing.assert_array_equal(first.visible, flagged.visible)
    assert third.visible.all()
    np.testing.assert_allclose(first.box, flagged.box, atol=1e-3)
    assert val.box.tolist() == [1, 2, 3, 4]
