"""The jaw of the hand-placed points, brought over to that of 300-W."""

import numpy as np
import pytest

from recipes.free import definition
from recipes.free.definition import Jaw


def face(top=0.0, turn=0.0):
    """A face [68, 2] with a jaw on half an ellipse, from the height `top` of its straight sides."""
    points = np.zeros((68, 2))
    angles = np.linspace(np.pi, 0, 15)
    points[1:16] = np.stack([40 * np.cos(angles), 60 + 40 * np.sin(angles)], axis=1)
    points[[0, 16]] = [[-40, 100 * top], [40, 100 * top]]
    points[[36, 39, 42, 45], 0] = [-30, -10, 10, 30]
    points[31:36] = np.stack([np.linspace(-8, 8, 5), np.full(5, 40)], axis=1)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return points @ turned + [70, 50]


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_heights_count_from_the_eyes_to_the_chin(turn):
    points = face(top=-0.1, turn=turn)
    found = definition.heights(points[[0, 8, 16, 36, 33]], points)
    np.testing.assert_allclose(found, [-0.1, 1, -0.1, 0, 0.4], atol=1e-9)


def test_fractions_are_those_of_the_length():
    corner = np.array([[0, 0], [3, 0], [3, 1.0]])
    np.testing.assert_allclose(definition.jaw_fractions(corner), [0, 0.75, 1])
    found = definition.resample(corner, np.array([0, 0.5, 0.875, 1]))
    np.testing.assert_allclose(found, [[0, 0], [2, 0], [3, 0.5], [3, 1]])


def test_one_end_is_cut_and_the_other_continued():
    curve = np.array([[0, -2], [0, 2], [4, 6], [8, 2], [8, 1.0]])
    found = definition.cut(curve, curve[:, 1], 0.0)
    np.testing.assert_allclose(found, [[0, 0], [0, 2], [4, 6], [8, 2], [8, 1], [8, 0]])


@pytest.mark.parametrize("turn", [0.0, -0.3])
@pytest.mark.parametrize("top", [-0.3, 0.2])
def test_a_jaw_that_begins_elsewhere_is_brought_over(top, turn):
    """The ends move along the straight sides, and with them the points between."""
    wanted = Jaw.of(face())
    found = wanted.brought_over(face(top, turn))
    np.testing.assert_allclose(found, face(0.0, turn), atol=1e-9)


def test_a_brow_is_between_the_edges_of_the_hair():
    """On brows of level edges, 10 apart, that begin in a point at x = -60 or 60."""
    template = np.zeros((189, 2))
    template[[71, 72, 73, 74, 75], 0] = [-60, -50, -40, -30, -20]
    template[[83, 84, 76]] = [[-50, 10], [-30, 10], [-20, 10]]
    template[[82, 81, 80, 79, 78], 0] = [60, 50, 40, 30, 20]
    template[[86, 85, 77]] = [[50, 10], [30, 10], [20, 10]]
    template[[71, 82], 1] = 5
    points = definition.with_brows(face(), template)
    np.testing.assert_allclose(points[[17, 21, 22, 26]], [[-60, 5], [-20, 5], [20, 5], [60, 5]])
    assert (np.abs(points[18:21, 1] - 5) < 0.6).all()
    np.testing.assert_allclose(points[26:21:-1] * [-1, 1], points[17:22])
    np.testing.assert_allclose(points[27:], face()[27:])


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_a_bridge_begins_at_the_height_of_the_other_face(turn):
    frontal = face()
    frontal[27] += [0, -8]  # above the eye line, where the chin is 100 below
    points = face(turn=turn)
    down = np.array([-np.sin(turn), np.cos(turn)])
    middle = points[[36, 45]].mean(axis=0)
    points[27:31] = middle + np.outer([6, 12, 18, 28], down)
    found = definition.with_bridge(points, frontal)
    np.testing.assert_allclose(found[27:31], middle + np.outer([-8, 4, 16, 28], down), atol=1e-9)
    np.testing.assert_allclose(
        np.delete(found, range(27, 31), 0), np.delete(points, range(27, 31), 0)
    )


def test_the_base_of_the_nose_is_lower_in_the_middle():
    template = np.zeros((189, 2))
    template[[170, 172]] = [[67, 98], [73, 98]]  # 8 below the nose, whose middle is at x = 70
    found = definition.with_nose_base(face(), template)[31:36] - [70, 50]
    np.testing.assert_allclose(found, [[-8, 40], [-4, 42], [0, 44], [4, 42], [8, 40]])


def test_the_points_of_a_head_are_seen_from_the_front(tmp_path):
    shape = np.zeros((90, 3), np.float32)
    order = np.arange(68)[::-1] + 11
    shape[order, :2] = face(0.1) * [1, -1]
    np.savez(tmp_path / "head.npz", neutral=shape, multipie68=order)
    found = definition.points_of_head(tmp_path / "head.npz")
    np.testing.assert_allclose(found, face(0.1), atol=1e-4)


def test_a_face_gives_its_own_jaw():
    found = Jaw.of(face(0.1))
    assert found.top == pytest.approx(0.1)
    np.testing.assert_allclose(found.fractions, definition.jaw_fractions(face(0.1)[:17]))
