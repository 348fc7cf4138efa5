"""Photos labelled again by a model of clean and drawn faces."""

import dataclasses
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


SHAPE = np.random.default_rng(2).uniform(-0.2, 0.2, (68, 2))  # crop fractions
SHAPE = (SHAPE + SHAPE[IBUG.flip_permutation] * [-1, 1]) / 2
SHAPE[33] = 0


class _SeesWhite:
    """Sees a symmetric face around the centre of the white pixels."""

    metadata = SimpleNamespace(
        markup=IBUG, input_size=96, crop_margin=0.5, face_box=geometry.TIGHT_BOX
    )

    def predict(self, images):
        position = (np.arange(96) + 0.5) / 96
        white = images.mean(axis=-1) > 0.5
        x = (white.sum(axis=1) * position).sum(axis=1) / white.sum(axis=(1, 2))
        y = (white.sum(axis=2) * position).sum(axis=1) / white.sum(axis=(1, 2))
        landmarks = np.stack([x, y], axis=1)[:, None] + SHAPE
        return {"landmarks": landmarks.astype(np.float32)}


@pytest.fixture
def spot(tmp_path):
    """A picture with a white spot at (80, 50), and what `_SeesWhite` says of it, [68, 2]."""
    pixels = np.zeros((120, 140, 3), np.uint8)
    pixels[40:61, 70:91] = 255
    Image.fromarray(pixels).save(tmp_path / "spot.png")
    around = np.random.default_rng(0).uniform([55, 25], [105, 75], (68, 2))
    picture = Labelled(tmp_path / "spot.png", around, "train", "pif", "mesh")
    return picture, relabel.predict(_SeesWhite(), [picture]).mean(axis=0)[0]


def test_each_view_finds_the_same_place(spot):
    views = relabel.predict(_SeesWhite(), [spot[0]])
    assert views.shape == (30, 1, 68, 2)
    np.testing.assert_allclose(views[:, 0, 33], np.tile([80, 50], (30, 1)), atol=0.6)
    np.testing.assert_allclose(views[0::2], views[1::2], atol=1)  # each and its mirror image


def test_a_trusted_model_replaces_what_it_agrees_with(spot, capsys, monkeypatch):
    """The held-out face says that the model is right; hand-placed points stay."""
    picture, found = spot
    monkeypatch.setattr(agreement, "_MAX_APART", 1.0)
    true = found + np.random.default_rng(1).normal(0, 1e-3, found.shape)
    pictures = [
        dataclasses.replace(picture, landmarks=true, split="val", by="hand"),
        dataclasses.replace(picture, landmarks=picture.landmarks + 1, by="hand"),
        picture,
    ]
    mesh = [dataclasses.replace(picture, split="val")]
    monkeypatch.setattr(agreement, "_MAX_SPREAD", 1.0)
    held_out, hand, new = relabel.again(_SeesWhite(), pictures, mesh)
    assert (held_out.split, hand.by, new.by) == ("val", "hand", "model")
    np.testing.assert_allclose(hand.landmarks, picture.landmarks + 1)
    np.testing.assert_allclose(new.landmarks, found, atol=0.1)
    assert "weight of the model, jaw: 1.0" in capsys.readouterr().out
    monkeypatch.setattr(agreement, "_MAX_SPREAD", 0.0)
    assert [each.by for each in relabel.again(_SeesWhite(), pictures, mesh)] == ["hand", "hand"]
