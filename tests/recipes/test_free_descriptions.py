"""What the descriptions of jaw and brows are compared by."""

import numpy as np
import pytest

from recipes.free import descriptions


def face(turn=0.0):
    """Eyes 60 apart, a jaw that goes 20 down from 10 above them, then 60 across."""
    points = np.zeros((68, 2))
    points[[36, 39, 42, 45], 0] = [-30, -10, 10, 30]
    points[:9, 0] = [-60, -60, -60, -50, -40, -30, -20, -10, 0]
    points[:9, 1] = [-10, 0, 10, 10, 10, 10, 10, 10, 10]
    points[9:17] = points[7::-1] * [-1, 1]
    points[17:22] = [[-30, -6], [-25, -12], [-20, -15], [-15, -15], [-10, -9]]
    points[22:27] = points[21:16:-1] * [-1, 1]
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return points @ turned * 1.5 + [70, 50]


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_heights_and_shares_do_not_depend_on_the_picture(turn):
    np.testing.assert_allclose(descriptions.jaw(face(turn)), [-1, *np.arange(1, 8) / 8], atol=1e-9)
    np.testing.assert_allclose(
        descriptions.brows(face(turn)), [0.1, 0.2, 0.25, 0.25, 0.15], atol=1e-9
    )


def test_the_sides_of_the_mesh_mirror_each_other():
    """A mesh whose points are at their own number gives each landmark its points of the table."""
    mesh = np.stack([np.arange(478.0), np.zeros(478), np.ones(478)], axis=1)
    found = descriptions.of_mesh(mesh, face())
    assert found[[0, 3, 8, 16, 19], 0].tolist() == [127, (132 + 58) / 2, 152, 356, 105]
    np.testing.assert_allclose(found[27:], face()[27:])
    assert len({*descriptions._MESH_JAW, *descriptions._MESH_BROWS}) == 27
