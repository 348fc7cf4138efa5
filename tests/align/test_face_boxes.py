"""Boxes of whole faces, found in the photos of annotated faces."""

import csv
import json

import numpy as np
import pytest
from PIL import Image

from evae_tf import Aligner, InputError, geometry, make_face, with_boxes
from evae_tf.markups import MARKUPS
from tests.commands import call, own
from tests.portrait import PORTRAIT

FIVE = MARKUPS["mtfl_5"]


@pytest.fixture(scope="module")
def aligned():
    (face,) = Aligner.load("mobile_68")(PORTRAIT)
    return face


def points_of(face, shift=(0, 0)):
    """The five points of an aligned face."""
    of = face.landmarks + np.float32(shift)
    eyes = of[36:42].mean(axis=0), of[42:48].mean(axis=0)
    return np.stack([*eyes, of[30], of[48], of[54]])


def annotated(image, points):
    return make_face(image, points, markup=FIVE, subset="train", name="photo")


def iou(one, other):
    squares = [geometry.square_around(box[None], 0.0)[0] for box in (one, other)]
    return float(geometry.squares_overlap(*squares))


def test_the_box_is_that_of_the_whole_face(aligned):
    tight = annotated(PORTRAIT, points_of(aligned))
    (found,) = with_boxes([tight])
    np.testing.assert_allclose(found.box, aligned.box, atol=0.5)
    assert iou(tight.box, aligned.box) < 0.4
    np.testing.assert_array_equal(found.landmarks, tight.landmarks)


def test_each_face_of_a_photo_gets_its_own_box(aligned, tmp_path):
    pair = Image.new("RGB", (1024, 600))
    for left in (0, 512):
        pair.paste(Image.open(PORTRAIT), (left, 0))
    pair.save(tmp_path / "pair.png")
    given = [annotated(tmp_path / "pair.png", points_of(aligned, (x, 0))) for x in (512, 0)]
    right, left = with_boxes(given)
    assert iou(right.box, aligned.box + np.float32([512, 0, 512, 0])) > 0.85
    assert iou(left.box, aligned.box) > 0.85


def test_a_face_that_is_not_found_has_a_box_like_the_others(aligned):
    """Its points are twice as large, so its box is."""
    noise = np.random.default_rng(0).integers(0, 256, (900, 900, 3), dtype=np.uint8)
    hidden = annotated(noise, 2 * points_of(aligned) - 100)
    _, found = with_boxes([annotated(PORTRAIT, points_of(aligned)), hidden])
    assert iou(found.box, 2 * aligned.box - 100) > 0.8


def test_photos_without_any_face_are_an_error(aligned):
    with pytest.raises(InputError, match="no face was found in 1 photos"):
        with_boxes([annotated(np.zeros((600, 512, 3), np.uint8), points_of(aligned))])


def test_commands_take_found_boxes_and_warn_without(aligned, tmp_path):
    """evaluate.py on the shipped five-point model, which was trained on boxes of whole faces."""
    with (tmp_path / "faces.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["image", *(f"{axis}{i}" for i in range(5) for axis in "xy"), "split"])
        table.writerow([PORTRAIT, *points_of(aligned).ravel(), "val"])
    nme = {}
    for flag in ("--nofind_boxes", "--find_boxes"):
        output = tmp_path / flag
        words = [*own(file.name), "--model=mobile_5", f"--output={output}", flag]
        done = call("evaluate", *words)
        assert done.returncode == 0, done.stderr
        assert ("faces.csv has no boxes" in done.stderr) == (flag == "--nofind_boxes")
        (row, *_) = json.loads((output / "report.json").read_text())["rows"]
        nme[flag] = row["nme"]
    assert nme["--find_boxes"] < 0.03 < 0.04 < nme["--nofind_boxes"]
