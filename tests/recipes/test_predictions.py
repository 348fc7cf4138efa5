"""Landmarks of many crops, and of their mirror images."""

import types

import numpy as np

from evae_tf.data.crops import Crops
from evae_tf.markups import MARKUPS
from recipes.predictions import landmarks_in

MTFL = MARKUPS["mtfl_5"]


class Brightest:
    """Finds point k at the brightest pixel of a crop, moved to the right by k pixels."""

    metadata = types.SimpleNamespace(markup=MTFL)

    def predict(self, images):
        flat = images[..., 0].reshape(len(images), -1).argmax(axis=1)
        rows, columns = np.divmod(flat, images.shape[2])
        centres = (np.stack([columns, rows], axis=-1) + 0.5) / images.shape[2]
        steps = np.arange(5)[:, None] * [1, 0] / images.shape[2]
        return {"landmarks": centres[:, None] + steps}


def test_mirrored_crops_give_landmarks_of_the_crops():
    images = np.zeros((70, 10, 10, 3), np.uint8)  # more than a batch
    rng = np.random.default_rng(0)
    rows, columns = rng.integers(0, 10, (2, 70))
    images[np.arange(70), rows, columns] = 255
    nothing = np.zeros((70, 5, 2), np.float32)
    crops = Crops(images, nothing, nothing[..., 0], np.zeros((70, 3), np.float32), 10)
    place = np.stack([columns + 0.5, rows + 0.5], axis=-1)[:, None] / 10
    steps = np.arange(5)[:, None] * [0.1, 0]
    np.testing.assert_allclose(landmarks_in(Brightest(), crops), place + steps)
    swapped = -steps[list(MTFL.flip_permutation)]
    np.testing.assert_allclose(landmarks_in(Brightest(), crops, mirrored=True), place + swapped)
