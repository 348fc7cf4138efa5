"""Head pose against drawn heads whose pose is known."""

import numpy as np
import pytest

from evae_tf.align.pose import head_pose
from evae_tf.data import synthetic
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS

MARKUP = MARKUPS["ibug_68"]


def landmarks(pose, seed=0):
    return synthetic.draw_face(MARKUP, (11, seed), pose=pose)[0].landmarks


@pytest.mark.parametrize(
    "pose",
    [
        HeadPose(0, 0, 0),
        HeadPose(35, 0, 0),
        HeadPose(-35, 0, 0),
        HeadPose(0, 20, 0),
        HeadPose(0, 0, -25),
        HeadPose(20, -10, 15),
    ],
)
def test_pose_of_drawn_heads(pose):
    """The median over heads whose faces differ from the generic one."""
    found = [head_pose(landmarks(pose, seed), MARKUP) for seed in range(9)]
    for angle, limit in (("yaw", 4), ("pitch", 5), ("roll", 2)):
        median = np.median([getattr(one, angle) for one in found])
        assert abs(median - getattr(pose, angle)) < limit, angle


@pytest.mark.parametrize("pose", [HeadPose(70, -40, 160), HeadPose(-20, 60, -5)])
def test_angles_survive_their_rotation(pose):
    again = HeadPose.from_rotation(pose.rotation)
    np.testing.assert_allclose(
        [again.yaw, again.pitch, again.roll], [pose.yaw, pose.pitch, pose.roll], atol=1e-9
    )


def test_place_and_size_do_not_matter():
    points = landmarks(HeadPose(25, 5, 10))
    here, there = head_pose(points, MARKUP), head_pose(points * 3.5 + [4000, -70], MARKUP)
    for angle in ("yaw", "pitch", "roll"):
        assert getattr(here, angle) == pytest.approx(getattr(there, angle), abs=0.05)


def test_mirrored_head_turns_the_other_way():
    points = landmarks(HeadPose(25, 5, 10))
    mirrored = points[MARKUP.flip_permutation] * [-1, 1]
    there, back = head_pose(points, MARKUP), head_pose(mirrored, MARKUP)
    assert back.yaw == pytest.approx(-there.yaw, abs=0.5)
    assert back.pitch == pytest.approx(there.pitch, abs=0.5)
    assert back.roll == pytest.approx(-there.roll, abs=0.5)


def test_other_markups_have_no_pose():
    face, _ = synthetic.draw_face(MARKUPS["wflw_98"], 3)
    assert head_pose(face.landmarks, MARKUPS["wflw_98"]) is None


def test_landmarks_in_one_place_have_no_pose_that_is_not_a_number():
    pose = head_pose(np.full((68, 2), 20.0), MARKUP)
    assert pose is None or np.isfinite([pose.yaw, pose.pitch, pose.roll]).all()
