"""Where beards grow on the head."""

import dataclasses

import numpy as np
import pytest

from recipes.free.beards import Beard, Beards, sample_beard
from recipes.free.hair import Scalp
from tests.recipes.made_head import ball, white

FULL = Beard(width=9, cheek=0, bottom=-9, top=-1.25, density=1, thickness=0.4)


def head_with_lips():
    """The ball, with lips around (0, -3.5) in front: 5 wide and 2 high."""
    head = ball()
    turn = np.linspace(np.pi, -np.pi, 12, endpoint=False)
    lips = np.stack([2.5 * np.cos(turn), np.sin(turn) - 3.5, np.full(12, 7.0)], axis=1)
    points = head.points.copy()
    for row, place in zip(range(48, 60), lips, strict=True):
        points[row] = ((head.neutral - place) ** 2).sum(axis=1).argmin()
    return dataclasses.replace(head, points=points)


@pytest.fixture(scope="module")
def head():
    return head_with_lips()


@pytest.fixture(scope="module")
def beards(head):
    return Beards(head, Scalp(head))


def test_a_full_beard_covers_chin_and_upper_lip_but_no_lips_and_no_eyes(head, beards):
    inside = beards.inside(FULL)
    x, y, z = head.neutral.T
    lips = ((x / 2.2) ** 2 + (y + 3.5) ** 2 < 0.7) & (z > 0)
    assert lips.any() and not inside[lips].any()
    assert not inside[y > 2.5].any() and not inside[z < 1].any()
    chin = (np.abs(x) < 2) & (y < -5.8) & (y > -6.8) & (z > 3)
    assert chin.any() and (inside[chin] > 0.5).all()
    upper_lip = (np.abs(x) < 0.6) & (np.abs(y + 1.9) < 0.4) & (z > 0)
    assert upper_lip.any() and (inside[upper_lip] > 0).all()


def test_a_beard_is_as_dense_on_both_sides(head, beards):
    inside = beards.inside(FULL).reshape(48, 48)  # around from -180 to 180 degrees, and down
    np.testing.assert_allclose(inside, inside[::-1], atol=1e-3)


@pytest.mark.parametrize(
    ("change", "bare"),
    [
        ({"width": 3.0}, lambda x, y: np.abs(x) > 3),
        ({"bottom": -4.2}, lambda x, y: y < -4.2),
        ({"top": -4.8, "width": 3.0}, lambda x, y: y > -4.8),
    ],
)
def test_other_forms_leave_skin_bare(head, beards, change, bare):
    inside = beards.inside(dataclasses.replace(FULL, **change))
    x, y, z = head.neutral.T
    middle = (np.abs(x) < 4) & (z > 0)
    assert inside.any() and not inside[bare(x, y) & middle].any()


def test_a_beard_is_lifted_and_painted_over_the_skin(head, beards):
    vertices, color = head.neutral.astype(np.float64), np.array([0.2, 0.1, 0.0])
    rng = np.random.default_rng(0)
    layer = beards.layer(FULL, vertices, color, white, rng)
    inside = beards.inside(FULL)
    lifted = np.linalg.norm(layer.vertices - vertices, axis=1)
    assert not lifted[inside == 0].any()
    assert (lifted[inside == 1] > 0.1).all() and (lifted < 0.9).all()
    middle = np.full((len(layer.triangles), 3), 1 / 3)
    painted = layer.paint(np.arange(len(layer.triangles)), middle)
    full = (inside[layer.triangles] == 1).all(axis=1)
    assert full.any() and (painted[full] < 0.45).all(), "skin shows through a closed beard"


def test_random_beards_differ():
    rng = np.random.default_rng(1)
    drawn = [sample_beard(rng) for _ in range(200)]
    assert {beard.width < 9 for beard in drawn} == {True, False}
    assert {beard.bottom > -7 for beard in drawn} == {True, False}
    assert all(0 < beard.density <= 1 and beard.bottom < beard.top for beard in drawn)
