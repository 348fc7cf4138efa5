"""Photos labelled again by a model of clean and drawn faces."""

from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from recipes.free import agreement, relabel
from recipes.free.lists import Labelled

IBUG = markups.MARKUPS["ibug_68"]
FACE = np.random.default_rng(0).uniform(20, 80, (68, 2))


def test_the_better_source_of_each_part_weighs_more():
    rng = np.random.default_rng(0)
    true = np.repeat(FACE[None], 40, axis=0)
    model, mesh = (true + rng.normal(0, 1, true.shape) for _ in range(2))
    model[:, :17] += 9
    mesh[:, 48:] += 9
    weights = agreement.best_weights(model, mesh, true)[:, 0]
    assert (weights[0], weights[67]) == (0, 1)
    assert weights[40] == pytest.approx(0.5, abs=0.11)
    half = agreement.mixed(model, mesh, 0.25)
    np.testing.assert_allclose(half, model / 4 + mesh * 3 / 4)


def test_photos_agree_within_and_with_the_list():
    listed = np.repeat(FACE[None], 3, axis=0)
    views = np.repeat(listed[None], 4, axis=0)
    views[0, 1] += 5
    views[:, 2] += 9
    assert agreement.agreed(views, listed).tolist() == [True, False, False]


class _SeesWhite:
    """Says that all points lie at the centre of the white pixels, moved by a part of the order."""

    metadata = SimpleNamespace(
        markup=IBUG, input_size=96, crop_margin=0.5, face_box=geometry.TIGHT_BOX
    )

    def predict(self, images):
        position = (np.arange(96) + 0.5) / 96
        white = images.mean(axis=-1) > 0.5
        x = (white.sum(axis=1) * position).sum(axis=1) / white.sum(axis=(1, 2))
        y = (white.sum(axis=2) * position).sum(axis=1) / white.sum(axis=(1, 2))
        landmarks = np.repeat(np.stack([x, y], axis=1)[:, None], 68, axis=1)
        landmarks[:, :8, 0] -= 0.1  # the jaw's left half is on the left
        landmarks[:, 9:17, 0] += 0.1
        return {"landmarks": landmarks.astype(np.float32)}


def test_each_view_finds_the_same_place(tmp_path):
    pixels = np.zeros((120, 140, 3), np.uint8)
    pixels[40:61, 70:91] = 255
    Image.fromarray(pixels).save(tmp_path / "spot.png")
    box = np.random.default_rng(0).uniform([50, 20], [110, 80], (68, 2))
    views = relabel.predict(_SeesWhite(), [Labelled(tmp_path / "spot.png", box, "train", "", "")])
    assert views.shape == (30, 1, 68, 2)
    np.testing.assert_allclose(views[:, 0, 40], np.tile([80, 50], (30, 1)), atol=0.6)
    assert views[:, 0, 0, 0].max() < 80 < views[:, 0, 16, 0].min()
