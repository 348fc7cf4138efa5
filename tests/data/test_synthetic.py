"""Synthetic faces: reproducible, and with landmarks on the drawn features."""

import numpy as np
import pytest

from evae_tf.data import synthetic
from evae_tf.data.synthetic.faces import _sample_pose, draw_face
from evae_tf.data.synthetic.landmarks import LAYOUTS
from evae_tf.errors import InputError
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS, Markup

IBUG = MARKUPS["ibug_68"]
FRONTAL = HeadPose(0.0, 0.0, 0.0)


def points(name, seed, pose=FRONTAL):
    return draw_face(MARKUPS[name], seed, pose=pose, occluded=False)[0].landmarks


def color(face, x, y, radius=0):
    """Mean colour of the pixels around a position."""
    column, row = round(float(x)), round(float(y))
    rows, columns = (slice(v - radius, v + radius + 1) for v in (row, column))
    return face.image[rows, columns].reshape(-1, 3).mean(axis=0)


def test_the_same_seed_gives_the_same_faces():
    first, second = (synthetic.read("train", IBUG, count=3) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.image, b.image)
        np.testing.assert_array_equal(a.landmarks, b.landmarks)
        np.testing.assert_array_equal(a.visible, b.visible)
    assert not np.array_equal(first[0].image, first[1].image)


def test_fewer_faces_are_the_first_of_more():
    few, many = (synthetic.read("val", IBUG, count=n) for n in (2, 4))
    for a, b in zip(few, many[:2], strict=True):
        np.testing.assert_array_equal(a.image, b.image)


def test_subsets_and_seeds_share_no_face():
    images = [
        face.image.tobytes()
        for subset, seed in [("train", 0), ("val", 0), ("test", 0), ("train", 1)]
        for face in synthetic.read(subset, IBUG, count=3, seed=seed)
    ]
    assert len(set(images)) == 12


@pytest.mark.parametrize("name", LAYOUTS)
def test_every_markup_shows_the_same_picture(name):
    markup = MARKUPS[name]
    for seed in range(3):
        face, _ = draw_face(markup, seed)
        assert face.landmarks.shape == (markup.num_points, 2)
        assert face.visible.shape == (markup.num_points,)
        assert ((face.landmarks > -6) & (face.landmarks < synthetic.SIDE_PX + 6)).all()
        reference, _ = draw_face(IBUG, seed, occluded=False)
        unoccluded, _ = draw_face(markup, seed, occluded=False)
        np.testing.assert_array_equal(unoccluded.image, reference.image)


def test_markups_agree_on_the_points_they_share():
    pose = HeadPose(20.0, 5.0, -10.0)
    by_name = {name: points(name, 4, pose) for name in LAYOUTS}
    shared = {  # point of ibug_68: the same point of the others
        36: {"wflw_98": 60, "cofw_29": 8, "aflw_19": 6},
        45: {"wflw_98": 72, "cofw_29": 9, "aflw_19": 11},
        48: {"wflw_98": 76, "cofw_29": 22, "aflw_19": 15, "mtfl_5": 3},
        54: {"wflw_98": 82, "cofw_29": 23, "aflw_19": 17, "mtfl_5": 4},
        30: {"wflw_98": 54, "cofw_29": 20, "aflw_19": 13, "mtfl_5": 2},
        8: {"wflw_98": 16, "cofw_29": 28, "aflw_19": 18},
        62: {"wflw_98": 90, "cofw_29": 25},
    }
    for index, others in shared.items():
        for name, other in others.items():
            expected = by_name["ibug_68"][index]
            np.testing.assert_allclose(by_name[name][other], expected, atol=0.05)


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_frontal_face_is_symmetric_in_its_markup(name):
    """Pairs have the same height and distance from the middle; left points are on the left."""
    markup = MARKUPS[name]
    landmarks = np.mean([points(name, seed) for seed in range(12)], axis=0)
    middle = landmarks[:, 0].mean()
    for i, j in markup.flip_pairs:
        assert abs(landmarks[i, 0] - landmarks[j, 0]) > 3
        assert landmarks[i, 1] == pytest.approx(landmarks[j, 1], abs=2.5)
        assert (landmarks[i, 0] + landmarks[j, 0]) / 2 == pytest.approx(middle, abs=2.5)
    for point, (x, _) in zip(markup.points, landmarks, strict=True):
        assert x < middle or "left" not in point
        assert x > middle or "right" not in point


def _turn(pose):
    """Position of the nose tip between the outer eye corners (0 to 1), and below them."""
    shape = points("ibug_68", 3, pose)
    left, right, tip = shape[36], shape[45], shape[30]
    return (tip[0] - left[0]) / (right[0] - left[0]), tip[1] - (left[1] + right[1]) / 2


def test_the_nose_goes_where_the_head_turns():
    places = [_turn(HeadPose(yaw, 0.0, 0.0))[0] for yaw in (-40, -20, 0, 20, 40)]
    assert places == sorted(places)
    assert places[2] == pytest.approx(0.5, abs=0.02)
    down, up = (_turn(HeadPose(0.0, pitch, 0.0))[1] for pitch in (20, -20))
    assert down > up
    rolled = points("ibug_68", 3, HeadPose(0.0, 0.0, 25.0))
    dx, dy = rolled[45] - rolled[36]
    assert np.degrees(np.arctan2(dy, dx)) == pytest.approx(25, abs=4)


def test_poses_reach_sixty_degrees_and_not_beyond():
    yaws = [_sample_pose(np.random.default_rng(seed)).yaw for seed in range(800)]
    assert 50 < max(yaws) <= 60
    assert -60 <= min(yaws) < -50


def test_a_frontal_bare_face_is_all_visible_and_a_turned_one_is_not():
    for seed in range(8):
        frontal, _ = draw_face(IBUG, seed, pose=FRONTAL, occluded=False)
        assert frontal.visible[17:].all(), "all but the jaw, over which hair may fall"
        right, _ = draw_face(IBUG, seed, pose=HeadPose(60.0, 0.0, 0.0), occluded=False)
        assert not right.visible[42:48].all(), "the far eye lies behind the nose"
        assert right.visible[36:42].all()
        left, _ = draw_face(IBUG, seed, pose=HeadPose(-60.0, 0.0, 0.0), occluded=False)
        assert left.visible[42:48].all()


def test_what_is_called_hidden_lies_under_the_occluder():
    """The same face with and without an occluder: pixels differ where points are hidden."""
    hidden, visible = [], []
    for seed in range(24):
        bare, _ = draw_face(IBUG, seed, pose=FRONTAL, occluded=False)
        covered, _ = draw_face(IBUG, seed, pose=FRONTAL, occluded=True)
        np.testing.assert_array_equal(bare.landmarks, covered.landmarks)
        difference = np.abs(bare.image.astype(int) - covered.image).max(axis=2)
        x, y = np.rint(covered.landmarks).astype(int).T
        inside = (np.minimum(x, y) >= 0) & (np.maximum(x, y) < synthetic.SIDE_PX)
        at_points = difference[y[inside], x[inside]]
        hidden += at_points[(bare.visible & ~covered.visible)[inside]].tolist()
        visible += at_points[covered.visible[inside]].tolist()
    assert len(hidden) > 100
    assert np.mean(np.array(hidden) > 5) > 0.95
    assert np.mean(np.array(visible) <= 5) > 0.85  # some lie in the occluder's shadow


def test_hidden_points_of_a_turned_head_are_behind_its_nearer_parts():
    for seed in range(6):
        face, _ = draw_face(MARKUPS["wflw_98"], seed, pose=HeadPose(60.0, 0.0, 0.0), occluded=False)
        assert not face.visible[68], "the far eye's inner corner is behind the nose"
        assert face.visible[[54, *range(60, 68)]].all()


def test_pupils_lips_and_jaw_are_drawn_where_the_landmarks_say():
    darker, redder, edges = [], [], []
    for seed in range(40):
        face, _ = draw_face(MARKUPS["wflw_98"], seed, pose=FRONTAL, occluded=False)
        p = face.landmarks
        if p[66, 1] - p[62, 1] > 5:  # an open eye: the pupil is darker than the cheek below
            darker.append(color(face, *p[96], 1).mean() - color(face, *(p[66] + [0, 6])).mean())
        lip = color(face, *((p[85] + p[94]) / 2))
        below = color(face, *(p[85] + (p[85] - p[94])))
        redder.append(lip[0] / lip[1:].mean() - below[0] / below[1:].mean())
        inside, outside = (p[8] + offset for offset in ((4, -1), (-4, 1)))
        edges.append(np.abs(color(face, *inside) - color(face, *outside)).sum())
    assert len(darker) > 20
    assert np.median(darker) < -40
    assert np.mean(np.array(darker) < 0) > 0.85
    assert np.median(redder) > 0.05
    assert np.median(edges) > 60


def test_lips_nostrils_and_brows_end_at_their_landmarks():
    """Average of frontal faces: across each edge, the image gets darker towards the feature."""
    frontal = [draw_face(IBUG, seed, pose=FRONTAL, occluded=False)[0] for seed in range(40)]

    def step(point, towards, reach=3.0):
        """Brightness outside minus inside of the feature, across `point`."""
        drops = []
        for face in frontal:
            way = face.landmarks[list(towards)].mean(axis=0) - face.landmarks[point]
            way *= reach / np.hypot(*way)
            inside, outside = face.landmarks[point] + way, face.landmarks[point] - way
            drops.append(color(face, *outside).mean() - color(face, *inside).mean())
        return np.median(drops)

    assert step(19, (37, 38)) > 10, "brow: dark below its upper edge"
    assert step(24, (43, 44)) > 10
    assert step(57, (62, 66)) > 2, "lower lip: darker than the chin"
    assert step(33, (30,), reach=2.0) > 2, "nose base: the nostrils' shade is above it"


def test_an_unknown_subset_or_a_markup_of_ones_own_is_refused():
    with pytest.raises(InputError, match="train, val, test"):
        synthetic.read("trial", IBUG)
    own = {"name": "mine", "points": ["a"], "flip_pairs": [], "normalizers": {}, "outline": []}
    with pytest.raises(InputError, match="mine"):
        synthetic.read("train", Markup.from_dict(own))


def test_a_markup_of_ones_own_under_a_known_name_is_refused():
    record = {**MARKUPS["mtfl_5"].to_dict(), "name": "ibug_68"}
    with pytest.raises(InputError, match="mtfl_5, .*found ibug_68 with 5 points"):
        synthetic.read("val", Markup.from_dict(record), count=1)
