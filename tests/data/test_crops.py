"""Annotations that do not fit their image are refused when it is cropped, before training."""

import dataclasses

import numpy as np
import pytest
from PIL import Image

from evae_tf.data.crops import cut_crops
from evae_tf.data.datasets import read_faces
from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from evae_tf.evaluation.evaluate import evaluate
from evae_tf.training.train import train
from tests.training.test_train import small

WIDTH, HEIGHT = 110, 90
POINTS = np.float32([[40, 30], [60, 31], [50, 42], [42, 55], [58, 54]])


def face(nose=(50, 42), **options):
    """A face on an image of 110 x 90 pixels, with its nose at the given place."""
    points = POINTS.copy()
    points[2] = nose
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    return make_face(image, points, markup="mtfl_5", subset="train", name="stray", **options)


def cut(*faces, **options):
    return cut_crops(faces, size=32, margin=0.5, **options)


@pytest.mark.parametrize(
    "nose",
    [(-110.4, 42), (219.4, 42), (50, -110.4), (50, 199.4), (-110.4, 199.4), (np.nan, np.nan)],
)
def test_points_as_far_outside_as_the_image_is_long_still_train(nose):
    """The image covers -0.5 to 109.5 and -0.5 to 89.5; its longer side is 110."""
    crops = cut(face(nose))
    assert crops.images.shape == (1, 32, 32, 3)


def test_a_visible_point_without_a_place_has_no_flag():
    """It is not annotated, while a hidden one is known to be hidden."""
    nowhere = (np.nan, np.nan)
    crops = cut(face(nowhere, visible=[1, 0, 1, 1, 1]), face(nowhere, visible=[1, 0, 0, 1, 1]))
    np.testing.assert_array_equal(crops.visible, [[1, 0, np.nan, 1, 1], [1, 0, 0, 1, 1]])
    np.testing.assert_array_equal(cut(face(nowhere)).visible, [[1, 1, np.nan, 1, 1]])


@pytest.mark.parametrize("nose", [(-111, 42), (220, 42), (50, -111), (50, 200), (5, 99999)])
def test_points_farther_outside_are_refused(nose):
    with pytest.raises(InputError, match=r"^stray: nose_tip reaches .* image of 110 x 90 pixels"):
        cut(face(nose))


def test_the_sentence_names_file_row_point_and_image_size(tmp_path):
    """Case 21, for training and for evaluation."""
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "a.png")
    Image.new("RGB", (WIDTH, HEIGHT)).save(tmp_path / "b.png")
    header = "image," + ",".join(f"{axis}{i}" for i in range(5) for axis in "xy")
    good = ",".join(map(str, POINTS.ravel()))
    wrong = ",".join(map(str, [*POINTS.ravel()[:-2], 99999, 99999]))
    table = tmp_path / "faces.csv"
    table.write_text(f"{header},split\na.png,{good},train\nb.png,{wrong},val\n")
    training, validation = (
        read_faces("csv", table, subset, "mtfl_5") for subset in ("train", "val")
    )
    message = (
        f"{table}, row 3: b.png: mouth_right reaches [99999.0, 99999.0], 99910 pixels outside the "
        "image of 110 x 90 pixels; expected at most 110."
    )
    with pytest.raises(InputError) as caught:
        train(small(), training, validation, tmp_path / "run")
    assert str(caught.value) == message
    assert not (tmp_path / "run" / "metrics.csv").exists()
    with pytest.raises(InputError) as caught:
        evaluate("mobile_5", validation, tmp_path / "report")
    assert str(caught.value) == message


def test_a_box_that_does_not_touch_the_image_or_dwarfs_it_is_refused():
    with pytest.raises(InputError, match=r"^stray: box \[120.0, .* lies outside .* 110 x 90"):
        cut(face(box=[120, 10, 160, 50]))
    with pytest.raises(InputError, match=r"^t\.csv, row 7: stray: box .* lies outside"):
        cut(face(box=[10, -50, 60, -1], source="t.csv, row 7"))
    with pytest.raises(InputError, match=r"^stray: the box reaches .* 110 x 90"):
        cut(face(box=[-3e5, -3e5, 3e5, 3e5]))
    assert len(cut(face(box=[-100, -100, 200, 190])))


def test_boxes_given_instead_have_to_touch_the_image_too():
    with pytest.raises(InputError, match=r"stray: box \[200.0"):
        cut(face(), boxes=[[200.0, 10, 220, 30]])


def test_real_faces_all_fit_their_images(shared_data):
    """Small crops of all faces of the only data set with points far outside."""
    faces = read_faces("csv", shared_data / "aflw68" / "landmarks.csv", "val", "ibug_68")
    moved = [dataclasses.replace(each, landmarks=each.landmarks + 400) for each in faces[:1]]
    assert len(cut_crops(faces, size=8, margin=0.0)) == 1066
    with pytest.raises(InputError, match=r"landmarks\.csv, row \d+: .*image of \d+ x \d+"):
        cut_crops(moved, size=8, margin=0.0)
