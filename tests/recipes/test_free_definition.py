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


def test_a_brow_ends_at_the_middle_of_its_inner_edge():
    """On brows whose upper edges are level, with the outer end at x = -60 or 60."""
    template = np.zeros((189, 2))
    template[71:76, 0], template[76] = [-60, -50, -40, -30, -20], (-20, 8)
    template[[82, 81, 80, 79, 78], 0], template[77] = [60, 50, 40, 30, 20], (20, 8)
    points = definition.with_brows(face(), template)
    length = 30 + np.hypot(10, 4)
    np.testing.assert_allclose(points[21:23], [[-20, 4], [20, 4]])
    np.testing.assert_allclose(points[18:20], [[-60 + length / 4, 0], [-60 + length / 2, 0]])
    np.testing.assert_allclose(points[25:23:-1] * [-1, 1], points[18:20])
    np.testing.assert_allclose(points[27:], face()[27:])


def test_a_head_gives_its_own_jaw(tmp_path):
    shape = np.zeros((90, 3), np.float32)
    order = np.arange(68)[::-1] + 11
    shape[order, :2] = face(0.1) * [1, -1]
    np.savez(tmp_path / "head.npz", neutral=shape, multipie68=order)
    found = definition.jaw_of_head(tmp_path / "head.npz")
    assert found.top == pytest.approx(0.1, abs=1e-5)
    np.testing.assert_allclose(found.fractions, definition.jaw_fractions(face(0.1)[:17]), atol=1e-6)
