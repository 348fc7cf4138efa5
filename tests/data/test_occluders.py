"""Pasted occluders, in their own frame and in an image."""

import numpy as np
import pytest
from keras import ops

from evae_tf.data import occluders

GRID = (np.arange(200, dtype=np.float32) + 0.5) / 200


def mask(kind, **draws):
    """Bool [200, 200]: the covered pixels, with all draws at 0.5 except the given ones."""
    draw = dict.fromkeys(["x", "y", "width", "height", "angle"], 0.5) | draws
    draw["kind"] = (occluders.KINDS.index(kind) + 0.5) / len(occluders.KINDS)
    draw = {f"occluder_{name}": np.float32([value]) for name, value in draw.items()}
    inside = occluders.covered(GRID[None, None, :], GRID[None, :, None], draw)
    return ops.convert_to_numpy(inside)[0]


def test_an_ellipse_has_its_area_and_centre():
    covered = mask("ellipse", x=0.4, y=0.6, width=1.0, height=0.0)
    rows, columns = np.nonzero(covered)
    assert covered.mean() == pytest.approx(np.pi * 0.25 * 0.05, rel=0.02)
    assert GRID[columns].mean() == pytest.approx(0.4, abs=0.003)
    assert GRID[rows].mean() == pytest.approx(0.6, abs=0.003)


def test_a_rectangle_turned_by_half_its_range_stands_on_its_side():
    wide = mask("rectangle", width=1.0, height=0.0)
    tall = mask("rectangle", width=1.0, height=0.0, angle=1.0)
    np.testing.assert_array_equal(wide.T, tall)
    assert wide.any(axis=0).sum() == pytest.approx(0.5 * 200, abs=2)


def runs(line):
    """Number of separate runs of True in a line of a mask."""
    return int(np.sum(np.diff(np.r_[0, line.astype(int)]) == 1))


def test_a_hand_has_four_fingers_above_its_palm():
    covered = mask("hand", y=0.5, width=1.0, height=1.0)
    rows = np.flatnonzero(covered.any(axis=1))
    top, bottom = rows[0], rows[-1]
    assert runs(covered[(3 * top + bottom) // 4]) == 4
    assert runs(covered[(top + 3 * bottom) // 4]) == 1
    outer = np.flatnonzero(covered.any(axis=0))[3]
    assert np.flatnonzero(covered[:, outer])[0] > top + 5  # the middle fingers are longer


def test_glasses_have_two_lenses_and_lie_where_eyes_lie():
    covered = mask("glasses")
    rows = np.flatnonzero(covered.any(axis=1))
    assert runs(covered[rows[-1] - 3]) == 2
    assert runs(covered[(rows[0] + rows[-1]) // 2 - 3]) == 1
    assert GRID[rows].mean() == pytest.approx(0.3, abs=0.01)
    np.testing.assert_array_equal(covered, covered[:, ::-1])


def test_a_scarf_covers_all_below_the_mouth():
    covered = mask("scarf", y=0.0)
    first = np.flatnonzero(covered.any(axis=1))[0]
    assert 0.5 < GRID[first] < 0.8
    assert covered[first + 1 :].all()
    assert not mask("scarf", y=1.0, height=0.0)[:180].any()


def test_landmarks_are_hidden_where_the_picture_is_covered():
    """Compares every landmark with its pixel, for random shapes of every kind."""
    rng = np.random.default_rng(0)
    size, count = 64, 40
    images = np.full((count, size, size, 3), 0.5, np.float32)
    cells = rng.integers(0, size, (count, 20, 2))
    names = ("kind", "x", "y", "width", "height", "angle", "red", "green", "blue", "texture")
    draw = {f"occluder_{name}": rng.random(count).astype(np.float32) for name in names}
    draw["occluder_red"] = draw["occluder_red"] * 0.2  # other than the grey below it
    places = np.float32((cells + 0.5) / size)
    pasted, visible = occluders.paste_occluder(images, images, places, draw)
    changed = ~np.isclose(ops.convert_to_numpy(pasted)[..., 0], 0.5)
    hidden = changed[np.arange(count)[:, None], cells[..., 1], cells[..., 0]]
    np.testing.assert_array_equal(ops.convert_to_numpy(visible) == 0, hidden)
    assert 0.05 < hidden.mean() < 0.5
