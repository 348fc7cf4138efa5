"""Head pose against drawn heads whose pose is known."""

import csv

import numpy as np
import pytest
from scipy import stats

from evae_tf.data import synthetic
from evae_tf.data.datasets import read_faces
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS, Markup
from evae_tf.pose_estimation import head_pose

MARKUP = MARKUPS["ibug_68"]
each_scheme = pytest.mark.parametrize("scheme", ["ibug_68", "wflw_98", "cofw_29", "aflw_19"])


def landmarks(pose, seed=0, markup=MARKUP):
    return synthetic.draw_face(markup, (11, seed), pose=pose)[0].landmarks


@each_scheme
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
def test_pose_of_drawn_heads(pose, scheme):
    """The median over heads whose faces differ from the generic one.

    From the front, the drawn ones are laid out as the mean of photos, on which people look down by
    some degrees; the generic one looks straight ahead.
    """
    markup = MARKUPS[scheme]
    found = [head_pose(landmarks(pose, seed, markup), markup) for seed in range(9)]
    for angle, limit in (("yaw", 4), ("pitch", 10), ("roll", 3)):
        median = np.median([getattr(one, angle) for one in found])
        assert abs(median - getattr(pose, angle)) < limit, angle


@pytest.fixture(scope="module")
def turned_heads():
    """Eighty faces turned by up to 90 degrees, and their yaws."""
    rng = np.random.default_rng(3)
    poses = [HeadPose(*angles) for angles in rng.uniform([-90, -20, -30], [90, 20, 30], (80, 3))]
    faces = [
        synthetic.draw_face(MARKUP, (12, seed), pose=pose, occluded=False)[0]
        for seed, pose in enumerate(poses)
    ]
    return faces, np.array([pose.yaw for pose in poses])


@pytest.mark.parametrize("hidden", ["known", "left out"])
def test_yaw_of_heads_turned_far(turned_heads, hidden):
    faces, true = turned_heads
    found = []
    for face in faces:
        seen = face.visible | (hidden == "known")
        found.append(head_pose(np.where(seen[:, None], face.landmarks, np.nan), MARKUP).yaw)
    errors = np.abs(found - true)
    within = np.abs(true) <= 75
    assert np.median(errors[within]) <= 5
    assert np.percentile(errors[within], 90) <= 15
    assert np.median(errors[~within]) <= 10
    assert (np.sign(found) == np.sign(true))[np.abs(true) > 15].all()


@pytest.mark.parametrize("roll", [90, -90, 180])
def test_a_head_on_its_side_or_upside_down(roll):
    """The roll follows in closed form, whatever it is."""
    upright, rolled = (head_pose(landmarks(HeadPose(20, 5, r)), MARKUP) for r in (0, roll))
    assert rolled.yaw == pytest.approx(upright.yaw, abs=0.05)
    assert rolled.pitch == pytest.approx(upright.pitch, abs=0.05)
    assert np.cos(np.radians(rolled.roll - upright.roll - roll)) > 0.9999


def test_the_generic_face_has_the_pose_in_which_it_is_seen():
    pose, points = HeadPose(62.5, -17.2, 31.0), np.full((68, 2), np.nan)
    turned = np.array(list(MARKUP.rigid_points.values())) @ pose.rotation.T
    points[list(MARKUP.rigid_points)] = 50 * turned[:, :2] / (1 - turned[:, 2:] / 16) + [300, 200]
    found = head_pose(points, MARKUP)
    angles = (pose.yaw, pose.pitch, pose.roll)
    assert (found.yaw, found.pitch, found.roll) == pytest.approx(angles, abs=0.02)


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


def own_scheme(names, **changed):
    """A scheme of one's own that has some points of `ibug_68`, in another order."""
    known = MARKUP.to_dict()["rigid_points"]
    record = {
        "name": "ibug_68",
        "points": names,
        "flip_pairs": [],
        "normalizers": {},
        "outline": [],
        "rigid_points": {name: known[name] for name in names},
    }
    return Markup.from_dict({**record, **changed})


def test_a_scheme_of_one_s_own_has_a_pose_where_it_gives_rigid_points():
    names = ["outer_lip_6", "nose_bridge_3", "left_eye_0", "left_eye_3", "outer_lip_0"]
    markup = own_scheme([*names, "right_eye_0", "right_eye_3"])
    points = landmarks(HeadPose(30, -5, 12))
    pose = head_pose(points[[MARKUP.index(name) for name in markup.points]], markup)
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((30, -5, 12), abs=8)


def test_markups_without_rigid_points_have_no_pose():
    face, _ = synthetic.draw_face(MARKUPS["mtfl_5"], 3)
    assert head_pose(face.landmarks, MARKUPS["mtfl_5"]) is None
    three = own_scheme(["left_eye_0", "right_eye_3", "nose_bridge_3"], rigid_points={})
    assert head_pose(np.float32([[0, 0], [10, 1], [5, 7]]), three) is None


@pytest.mark.parametrize("turned", [-1, 1])
def test_points_that_are_not_annotated_are_left_out(turned):
    """Of a head in half profile the far side is missing: eye, wing of the nose, mouth and jaw."""
    pose = HeadPose(turned * 40, 4, -6)
    side = "right" if turned > 0 else "left"
    far = [i for i, name in enumerate(MARKUP.points) if name.startswith(f"{side}_eye")]
    far += {1: [34, 35, 54], -1: [31, 32, 48]}[turned]
    found = []
    for seed in range(9):
        points = landmarks(pose, seed)
        points[far] = np.nan
        found.append(head_pose(points, MARKUP))
    for angle, limit in (("yaw", 8), ("pitch", 8), ("roll", 5)):
        median = np.median([getattr(one, angle) for one in found])
        assert abs(median - getattr(pose, angle)) < limit, angle


def test_too_few_annotated_points_have_no_pose():
    points = landmarks(HeadPose(10, 0, 0))
    rigid = list(MARKUP.rigid_points)
    corners = ("left_eye_0", "left_eye_3", "right_eye_0", "right_eye_3", "outer_lip_0")
    kept = [MARKUP.index(name) for name in (*corners, "nose_bridge_3")]
    points[[index for index in rigid if index not in kept]] = np.nan
    assert head_pose(points, MARKUP) is not None
    points[kept[0]] = np.nan
    assert head_pose(points, MARKUP) is None
    middle = landmarks(HeadPose(10, 0, 0))  # six points, all in the plane that halves the face
    middle[[index for index in rigid if MARKUP.rigid_points[index][0]]] = np.nan
    assert head_pose(middle, MARKUP) is None


def test_yaw_of_real_faces_in_all_poses(shared_data):
    """The data's own yaw is a rigid head's fit, hence ranks; it is counted the other way.

    Of profiles half the face is annotated.
    """
    folder = shared_data / "aflw68"
    with open(folder / "meta.csv", newline="", encoding="utf-8") as file:
        yaw = {row["image"]: -float(row["yaw_deg"]) for row in csv.DictReader(file)}
    faces = read_faces("csv", folder / "landmarks.csv", "val", MARKUP)
    pairs = [(head_pose(face.landmarks, MARKUP), yaw[face.name]) for face in faces]
    found, true = np.array([(pose.yaw, angle) for pose, angle in pairs if pose is not None]).T
    assert len(found) == len(faces)
    assert stats.spearmanr(found, true).statistic > 0.97
    for near, limit in ((np.abs(true) < 15, 5), (np.abs(true) > 75, 9)):
        assert np.median(np.abs(found - true)[near]) < limit


@pytest.mark.parametrize(
    "points",
    [
        np.full((68, 2), 20.0),
        np.stack([np.arange(68.0)] * 2, axis=1),
        np.random.default_rng(0).uniform(0, 1e-6, (68, 2)),
        np.random.default_rng(1).uniform(0, 1e6, (68, 2)),
    ],
    ids=["one place", "a line", "a speck", "no face"],
)
def test_landmarks_that_no_face_has_give_no_pose_that_is_not_a_number(points):
    pose = head_pose(points, MARKUP)
    assert pose is None or np.isfinite([pose.yaw, pose.pitch, pose.roll]).all()
