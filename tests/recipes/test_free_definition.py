"""Jaw, brows and nose of other definitions, brought over to that of 300-W."""

import numpy as np
import pytest

from recipes.free import definition


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
    np.testing.assert_allclose(definition.length_fractions(corner), [0, 0.75, 1])
    found = definition.resample(corner, np.array([0, 0.5, 0.875, 1]))
    np.testing.assert_allclose(found, [[0, 0], [2, 0], [3, 0.5], [3, 1]])


def test_one_end_is_cut_and_the_other_continued():
    curve = np.array([[0, -2], [0, 2], [4, 6], [8, 2], [8, 1.0]])
    found = definition.cut(curve, curve[:, 1], 0.0)
    np.testing.assert_allclose(found, [[0, 0], [0, 2], [4, 6], [8, 2], [8, 1], [8, 0]])


@pytest.mark.parametrize("turn", [0.0, -0.3])
@pytest.mark.parametrize("top", [-0.3, 0.2])
def test_a_jaw_that_begins_elsewhere_is_brought_over(top, turn):
    """The ends move along the straight sides to the height of the eyes."""
    found = definition.with_jaw(face(top, turn))
    np.testing.assert_allclose(found, definition.with_jaw(face(0.0, turn)), atol=1e-9)
    np.testing.assert_allclose(definition.heights(found[[0, 16]], found), 0, atol=1e-9)
    np.testing.assert_allclose(found[17:], face(0.0, turn)[17:], atol=1e-9)


def test_each_side_of_a_jaw_is_divided_evenly_from_its_end_to_the_chin():
    """Right angles: the left side is 8 + 32 long, the right one 8 + 8."""
    outline = np.array([[-32, 0], [-32, 8], [0, 8], [8, 8], [8, 0.0]])
    landmarks = np.zeros((68, 2))
    landmarks[[36, 39, 42, 45], 0] = [-6, -2, 2, 6]
    landmarks[8] = [0, 8]
    found = definition.jaw_along(outline, landmarks)
    np.testing.assert_allclose(found[:4], [[-32, 0], [-32, 5], [-30, 8], [-25, 8]], atol=1e-9)
    np.testing.assert_allclose(found[8:11], [[0, 8], [2, 8], [4, 8]], atol=1e-9)
    np.testing.assert_allclose(found[14:], [[8, 4], [8, 2], [8, 0]], atol=1e-9)


def test_a_brow_is_on_the_upper_edge_of_the_hair_but_for_its_raised_tip():
    """Divided evenly by length. The tip at x = -60 or 60 rises by 4.9 % of the eyes' distance."""
    template = np.zeros((189, 2))
    apart = face()[45, 0] - face()[36, 0]
    low = 6 + 0.049 * apart
    template[[71, 72, 73, 74, 75]] = [[-60, low], [-60, 0], [-50, 0], [-44, 0], [-26, 0]]
    template[[82, 81, 80, 79, 78]] = template[[71, 72, 73, 74, 75]] * [-1, 1]
    points = definition.with_brows(face(), template)
    np.testing.assert_allclose(
        points[17:22], [[-60, 6], [-56, 0], [-46, 0], [-36, 0], [-26, 0]], atol=1e-9
    )
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
