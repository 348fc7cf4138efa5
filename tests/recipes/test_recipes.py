"""The training list of the shipped models."""

import json
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from evae_tf import config, geometry, markups
from evae_tf.artifacts import keras_file
from evae_tf.config_text import override
from evae_tf.data import datasets, synthetic
from evae_tf.data.face import make_face
from evae_tf.data.readers import csv_file
from evae_tf.models.build import build_model
from recipes import gather, teaching

IBUG = markups.MARKUPS["ibug_68"]


def test_a_similarity_is_found_from_points_that_it_moved():
    points = np.random.default_rng(0).normal(size=(5, 2))
    angle = np.radians(25)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    moved = 3.0 * points @ turn.T + [40, -7]
    transform = teaching.fit_similarity(points, moved)
    np.testing.assert_allclose(transform(points), moved, atol=1e-9)
    np.testing.assert_allclose(transform(np.array([1.0, 0.0])), 3 * turn[:, 0] + [40, -7])


def test_five_points_of_every_scheme_lie_at_the_same_place():
    """On one synthetic face in three markups."""
    found = {}
    for name in teaching.FIVE_POINTS:
        (face,) = synthetic.read("val", markups.MARKUPS[name], count=1)
        found[name] = teaching.five_points(face.landmarks[None], name)[0]
    size = np.ptp(found["mtfl_5"], axis=0).max()
    for points in found.values():
        assert np.abs(points - found["mtfl_5"]).max() < 0.1 * size


class _FindsColors:
    """Finds landmark i as the centre of the pixels of colour i: correct in every view."""

    class metadata:
        markup, input_size, crop_margin = markups.MARKUPS["mtfl_5"], 96, 0.6
        face_box, side_shift = geometry.TIGHT_BOX, None

    def predict(self, images):
        position = (np.arange(96) + 0.5) / 96
        found = np.zeros((len(images), 5, 2), np.float32)
        for index, color in enumerate(COLORS):
            weights = np.exp(-40 * np.abs(images - np.float32(color) / 255).sum(axis=-1))
            total = weights.sum(axis=(1, 2))
            found[:, index, 0] = (weights.sum(axis=1) * position).sum(axis=1) / total
            found[:, index, 1] = (weights.sum(axis=2) * position).sum(axis=1) / total
        return {"landmarks": found}


COLORS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255)]


class _FindsMirroredColors(_FindsColors):
    """Like a trained model: in a mirrored image, the left eye is again the one on the left."""

    def predict(self, images):
        found = super().predict(images)["landmarks"]
        swapped = found[:, :1, 0] > found[:, 1:2, 0]
        order = list(self.metadata.markup.flip_permutation)
        return {"landmarks": np.where(swapped[..., None], found[:, order], found)}


class _FindsThemTooFarOut(_FindsMirroredColors):
    """Uses wider crops and scales its landmarks by 1.2 around the centre of the crop."""

    class metadata(_FindsColors.metadata):
        crop_margin = 0.9

    def predict(self, images):
        return {"landmarks": 0.5 + 1.2 * (super().predict(images)["landmarks"] - 0.5)}


POINTS = np.float32([[50, 40], [80, 42], [64, 58], [52, 75], [78, 77]])
DOTS_BOX = geometry.landmark_box(POINTS) + np.float32([-3, -2, 4, 1])


def dots(shift=0.0):
    """A face of five coloured dots at `POINTS`, annotated `shift` pixels off."""
    image = np.full((120, 140, 3), 90, np.uint8)
    rows, columns = np.mgrid[:120, :140]
    for (x, y), color in zip(POINTS, COLORS, strict=True):
        image[(columns - x) ** 2 + (rows - y) ** 2 <= 9] = color
    markup, points = markups.MARKUPS["mtfl_5"], POINTS + np.float32(shift)
    return make_face(image, points, markup=markup, subset="val", name=str(shift), box=DOTS_BOX)


def test_turned_and_mirrored_views_are_undone():
    landmarks, deviation = teaching.label([_FindsMirroredColors()], [dots()], DOTS_BOX[None])
    np.testing.assert_allclose(landmarks[0], POINTS, atol=0.4)
    assert deviation[0] < 0.4


def test_teachers_of_different_crops_label_with_their_mean():
    """One teacher is off by a fifth of the distance from the centre, so the mean by a tenth."""
    teachers = [_FindsMirroredColors(), _FindsThemTooFarOut()]
    landmarks, deviation = teaching.label(teachers, [dots()], DOTS_BOX[None])
    middle = (POINTS.min(axis=0) + POINTS.max(axis=0)) / 2
    np.testing.assert_allclose(landmarks[0], middle + 1.1 * (POINTS - middle), atol=0.6)
    expected = 0.1 * np.linalg.norm(POINTS - middle, axis=1).mean()
    assert deviation[0] == pytest.approx(expected, abs=0.4)


def test_an_annotation_is_smoothed_where_the_model_agrees():
    found = teaching.smoothed([_FindsMirroredColors()], [dots(2), dots(5)])  # eyes 30 apart
    np.testing.assert_allclose(found[0], POINTS + 1, atol=0.4)
    np.testing.assert_array_equal(found[1], POINTS + 5)


def test_what_is_not_annotated_stays_so_when_the_rest_is_smoothed():
    face = dots(2)
    face.landmarks[2] = np.nan
    (found,) = teaching.smoothed([_FindsMirroredColors()], [face])
    np.testing.assert_allclose(found[[0, 1, 3, 4]], POINTS[[0, 1, 3, 4]] + 1, atol=0.4)
    assert np.isnan(found[2]).all()


@pytest.mark.parametrize("width, size", [(10, 10), (2, 8)])
def test_disagreement_worked_by_hand(width, size):
    """The face's size is the distance between the eyes or, in profile, from eyes to mouth."""
    known = np.float32([[[0, 0], [width, 0], [5, 5], [-2, 8], [4, 8]]])
    labelled = known + np.float32([1, 0])
    assert teaching.disagreement(labelled, known)[0] == pytest.approx(1 / size)


def test_a_copy_under_another_name_is_left_out():
    (held_out, *others) = synthetic.read("val", IBUG, count=4)
    small = np.ascontiguousarray(held_out.image[::2, ::2])
    copy = make_face(
        small, held_out.landmarks / 2, markup=IBUG, subset="train", name="copy", box=None
    )
    kept = gather.without_copies([copy, *others], [held_out])
    assert [face.name for face in kept] == [face.name for face in others]


def test_the_list_that_is_written_is_read_again(tmp_path):
    rows = []
    for index, split in enumerate(["train", "val"]):
        path = tmp_path / "photos" / f"{index}.jpg"
        points = np.random.default_rng(index).uniform(0, 90, (68, 2)).astype(np.float32)
        rows.append((make_face(path, points, markup=IBUG, subset=split, name="x"), points, split))
    (tmp_path / "lists").mkdir()
    path = tmp_path / "lists" / "faces.csv"
    gather.write(rows, path)
    (face,) = csv_file.read(path, "val", IBUG)
    assert face.image.resolve() == rows[1][0].image
    np.testing.assert_allclose(face.landmarks, rows[1][1], atol=1e-3)


def test_no_validation_photo_is_trained_on(shared_data):
    """Neither the file nor a copy of it, in any set."""
    validation = datasets.read_faces("300w", shared_data / "300w", "val")
    helen = gather.OTHERS["helen29"](shared_data)
    training = datasets.without_photos(helen, validation)
    photos = {datasets.photo_key(face) for face in training}
    assert photos.isdisjoint(datasets.photo_key(face) for face in validation)
    assert len(gather.without_copies(training, validation)) == len(training)


@pytest.fixture(scope="module")
def kitchen(tmp_path_factory):
    """A folder with models a and b of one architecture, other of another, and a list of faces."""
    folder, rows = tmp_path_factory.mktemp("kitchen"), []
    for name, latents in (("a", 4), ("b", 4), ("other", 6)):
        sizes = ["input_size=32", "encoder_filters=4,4,4", f"latent_channels={latents}"]
        build_model(override(config.Config(), sizes), IBUG).save(folder / f"{name}.keras")
    for index, split in enumerate(["train", "val", "val"]):
        random, path = np.random.default_rng(index), folder / f"{index}.png"
        Image.fromarray(random.integers(0, 255, (60, 60, 3), np.uint8)).save(path)
        points = random.uniform(10, 50, (68, 2)).astype(np.float32)
        rows.append((make_face(path, points, markup=IBUG, subset=split, name="x"), points, split))
    gather.write(rows, folder / "faces.csv")
    return folder


_COOK = """
import json, sys
from absl import flags
from evae_tf.errors import InputError
from recipes import soup
for words in json.loads(sys.argv[1]):
    flags.FLAGS.unparse_flags()
    flags.FLAGS(["soup", *words])
    try:
        soup.main([])
    except InputError as error:
        print(error)
"""


SOUPS = {
    "even": ("a,b", []),
    "uneven": ("a,b", ["--shares=0.2,0.8"]),
    "of different architectures": ("a,other", []),
    "of one share": ("a,b", ["--shares=1"]),
}


@pytest.fixture(scope="module")
def soups(kitchen, tmp_path_factory):
    """(the lines that the recipe prints for `SOUPS`, the folder with a file for each).

    One process makes all of them: importing TensorFlow takes longer.
    """
    folder = tmp_path_factory.mktemp("soups")
    data = ["--dataset=csv", f"--data_dir={kitchen / 'faces.csv'}", "--markup=ibug_68"]
    calls = []
    for soup, (names, further) in SOUPS.items():
        models = ",".join(str(kitchen / f"{name}.keras") for name in names.split(","))
        calls.append([f"--models={models}", f"--output={folder / soup}.keras", *data, *further])
    command = [sys.executable, "-c", _COOK, json.dumps(calls)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines(), folder


@pytest.mark.parametrize(("soup", "shares"), [("even", (0.5, 0.5)), ("uneven", (0.2, 0.8))])
def test_a_soup_is_the_mean_of_the_weights_calibrated_anew(soup, shares, kitchen, soups):
    printed, folder = soups
    path = folder / f"{soup}.keras"
    assert [line for line in printed if re.fullmatch(rf"mean .*\d %: {path}", line)]
    models = map(keras_file.load_model, (kitchen / "a.keras", kitchen / "b.keras", path))
    for weights in zip(*(model.weights for model in models), strict=True):
        a, b, mean = (np.float64(keras.ops.convert_to_numpy(weight)) for weight in weights)
        if weights[0].name == "calibration":
            assert mean != a == b == 1
        elif weights[0].dtype == "float32":
            np.testing.assert_allclose(mean, shares[0] * a + shares[1] * b, rtol=1e-6, atol=1e-7)


def test_a_soup_of_different_architectures_is_refused(soups):
    printed, folder = soups
    assert {path.name for path in folder.iterdir()} == {"even.keras", "uneven.keras"}
    *others, architectures, a, b, share = printed
    assert "differ in shape" in architectures
    assert "1 shares for 2 models" in share
    errors = [line for line in (*others, a, b) if re.search(r"\d %", line)]
    assert len(errors) == 3 + 3 + 2 + 2  # of each model, and of each mean


def test_a_recipe_that_uses_another_one_has_flags_of_its_own():
    command = [sys.executable, "-m", "recipes.five_points", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert "--data" in done.stdout, done.stderr
