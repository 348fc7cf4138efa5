"""Another definition of the points is told apart from other errors."""

import numpy as np

from benchmarks import definition


def face(turn, size, shift):
    points = np.random.default_rng(0).normal(size=(68, 2))
    points[[36, 45]] = [[-1, 0], [1, 0]]
    cosine, sine = np.cos(turn), np.sin(turn)
    return size * points @ [[cosine, sine], [-sine, cosine]] + shift


def test_differences_are_in_the_frame_of_the_face():
    true = np.stack([face(0.3, 10, 5), face(-1.2, 30, -7)])
    moved = np.zeros((68, 2))
    moved[:, 0] = 0.1  # along the eyes, of half their distance
    moved[:, 1] = -0.04
    found = []
    for turn, size, shift in ((0.3, 10, 5), (-1.2, 30, -7)):
        cosine, sine = np.cos(turn), np.sin(turn)
        found.append(face(turn, size, shift) + size * moved @ [[cosine, sine], [-sine, cosine]])
    apart = definition.differences(np.stack(found), true)
    np.testing.assert_allclose(apart, np.broadcast_to(moved / 2, apart.shape), atol=1e-9)


def test_a_constant_difference_is_found_on_the_other_faces():
    constant = np.random.default_rng(1).normal(size=(68, 2))
    apart = np.broadcast_to(constant, (10, 68, 2)).copy()
    np.testing.assert_allclose(definition.without_constant(apart), 0, atol=1e-12)
    apart[::2] = 0  # half of the faces say otherwise: nothing is gained by their own mean
    np.testing.assert_allclose(definition.without_constant(apart)[::2], -np.stack([constant] * 5))
