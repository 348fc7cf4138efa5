"""The COFW reader, on small files that the test writes in both official layouts."""

import json
import struct

import cv2
import h5py
import numpy as np
import pytest
import scipy.io

from evae_tf.data.datasets import read_faces
from evae_tf.data.readers.cofw import FILES
from evae_tf.errors import InputError

NAMES = {"train": ("IsTr", "phisTr", "bboxesTr"), "test": ("IsT", "phisT", "bboxesT")}
RNG = np.random.default_rng(3)
COLOUR = RNG.integers(0, 256, (48, 64, 3), np.uint8)
GREY = RNG.integers(0, 256, (30, 41), np.uint8)
POINTS = RNG.uniform(-3, 60, (2, 29, 2)).round(2)  # counted from 0
OCCLUDED = RNG.integers(0, 2, (2, 29))
BOXES = np.array([[5.0, 6, 30, 40], [1, 2, 25, 20]])  # x and y counted from 1, then the size


def phis():
    return np.concatenate([POINTS[..., 0] + 1, POINTS[..., 1] + 1, OCCLUDED], axis=1)


def write_grey(root, subset="test", images=(GREY, GREY), points=None, boxes=BOXES):
    cells = np.empty((len(images), 1), object)
    cells[:, 0] = images
    values = (cells, phis() if points is None else points, boxes)
    path = root / FILES[subset][1]
    scipy.io.savemat(path, dict(zip(NAMES[subset], values, strict=True)))
    return path


def write_colour(root, subset="test", images=(COLOUR, GREY)):
    """As MATLAB writes v7.3: with a 512-byte header, every array transposed."""
    path = root / FILES[subset][0]
    image_name, points_name, boxes_name = NAMES[subset]
    with h5py.File(path, "w", userblock_size=512) as file:
        references = [
            file.create_dataset(f"#refs#/{letter}", data=image.T).ref
            for letter, image in zip("ab", images, strict=True)
        ]
        cells = file.create_dataset(image_name, (1, len(images)), h5py.ref_dtype)
        cells[0] = references
        file[points_name] = phis().T
        file[boxes_name] = BOXES.T
    return path


def check_annotations(faces, subset):
    assert [face.name for face in faces] == [f"{subset}/1", f"{subset}/2"]
    for face, points, occluded in zip(faces, POINTS, OCCLUDED, strict=True):
        np.testing.assert_allclose(face.landmarks, points, atol=1e-5)
        np.testing.assert_array_equal(face.visible, occluded == 0)
    assert faces[0].box.tolist() == [4, 5, 34, 45]
    assert faces[1].box.tolist() == [0, 1, 25, 21]


@pytest.mark.parametrize("subset", ["train", "test"])
def test_grey_layout(tmp_path, subset):
    write_grey(tmp_path, subset)
    faces = read_faces("cofw", tmp_path, subset)
    check_annotations(faces, subset)
    for channel in range(3):
        np.testing.assert_array_equal(faces[1].image[..., channel], GREY)


@pytest.mark.parametrize("subset", ["train", "test"])
def test_colour_layout_wins_over_grey(tmp_path, subset):
    write_grey(tmp_path, subset, images=(GREY.T, GREY.T))
    write_colour(tmp_path, subset)
    faces = read_faces("cofw", tmp_path, subset)
    check_annotations(faces, subset)
    np.testing.assert_array_equal(faces[0].image, COLOUR)
    np.testing.assert_array_equal(faces[1].image, np.dstack([GREY] * 3))


def test_val_list_holds_row_names(tmp_path):
    write_colour(tmp_path, "train")
    (tmp_path / "val.txt").write_text("train/2\n")
    assert [face.name for face in read_faces("cofw", tmp_path, "train")] == ["train/1"]
    (val,) = read_faces("cofw", tmp_path, "val")
    assert (val.name, val.subset) == ("train/2", "val")


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"points": phis()[:, :86]}, "expected 87 and 4 columns"),
        ({"boxes": BOXES[:1]}, "for 2 images"),
        ({"points": np.full((2, 87), np.nan)}, "row 1: .*0 of 29 points annotated"),
        ({"boxes": BOXES * [1, 1, 1, 0]}, "row 1: .*no area"),
        ({"images": (GREY, GREY / 255)}, r"row 2: the image is float64 \[30, 41\]"),
        ({"images": (GREY, COLOUR[..., :2])}, r"row 2: the image is uint8 \[48, 64, 2\]"),
    ],
)
def test_damaged_content_names_the_file(tmp_path, changed, message):
    write_grey(tmp_path, **changed)
    with pytest.raises(InputError, match=rf"COFW_test\.mat.*{message}"):
        read_faces("cofw", tmp_path, "test")


@pytest.mark.parametrize("write", [write_grey, write_colour])
def test_truncated_file(tmp_path, write):
    path = write(tmp_path)
    content = path.read_bytes()
    for length in (0, 100, len(content) // 2, len(content) - 100):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"{path.name}: (not|it lacks)"):
            read_faces("cofw", tmp_path, "test")


def test_a_file_on_which_its_reader_crashes(tmp_path):
    """Numbers of a type that does not exist: SciPy 1.17 crashes the process."""
    path = write_grey(tmp_path)
    size = phis().nbytes
    doubles, nothing = (struct.pack("<II", sort, size) for sort in (9, 8))
    content = path.read_bytes()
    assert content.count(doubles) == 1
    path.write_bytes(content.replace(doubles, nothing))
    with pytest.raises(InputError, match=r"COFW_test\.mat: not a complete \.mat file \("):
        read_faces("cofw", tmp_path, "test")


def test_a_colour_file_that_claims_more_memory_than_it_holds(tmp_path):
    path = write_colour(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["phisT"]
        file.create_dataset("phisT", (87, 1 << 40), "f8", chunks=(87, 1))
    with pytest.raises(InputError, match=r"\(/phisT declares more data than it can contain\)"):
        read_faces("cofw", tmp_path, "test")


@pytest.mark.parametrize(
    ("variable", "expected"), [("phisT", "a table of numbers"), ("IsT", "a cell array of arrays")]
)
def test_variables_of_another_sort(tmp_path, variable, expected):
    content = {"IsT": np.array([[GREY, GREY]], object), "phisT": phis(), "bboxesT": BOXES}
    scipy.io.savemat(tmp_path / FILES["test"][1], content | {variable: np.array(["words"])})
    with pytest.raises(
        InputError, match=rf"test\.mat: {variable} is an array .*, expected {expected}"
    ):
        read_faces("cofw", tmp_path, "test")
    with h5py.File(write_colour(tmp_path), "r+") as file:
        del file[variable]
        file[variable] = np.array([[b"words"]])
    with pytest.raises(
        InputError, match=rf"color\.mat: {variable} is an array .*, expected {expected}"
    ):
        read_faces("cofw", tmp_path, "test")


def test_damaged_colour_file(tmp_path):
    path = write_colour(tmp_path)
    content = bytearray(path.read_bytes())
    start = content.index(b"phisT") - 100  # the list of names, where h5py raises RuntimeError
    content[start : start + 200] = bytes(200)
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"{path.name}: (not|it lacks)"):
        read_faces("cofw", tmp_path, "test")


def test_missing_variable_and_file(tmp_path):
    write_grey(tmp_path, "train").rename(tmp_path / "COFW_test.mat")
    with pytest.raises(InputError, match=r"COFW_test\.mat: it lacks phisT, bboxesT, IsT"):
        read_faces("cofw", tmp_path, "test")
    with pytest.raises(InputError, match=r"no COFW_train_color\.mat or COFW_train\.mat"):
        read_faces("cofw", tmp_path, "train")


def test_real_sample_is_the_same_in_both_layouts(shared_data, tmp_path):
    sample, both = shared_data / "cofw_sample", []
    for layout, name in (("color", FILES["test"][0]), ("gray", FILES["test"][1])):
        (tmp_path / layout).mkdir()
        (tmp_path / layout / name).symlink_to(sample / f"COFW_test_{layout}_layout_2images.mat")
        both.append(read_faces("cofw", tmp_path / layout, "test"))
    published = json.loads((sample / "original_sample" / "test_cofw.json").read_text())
    for colour, grey, record in zip(*both, published["annotations"], strict=True):
        np.testing.assert_array_equal(colour.landmarks, grey.landmarks)
        np.testing.assert_array_equal(colour.visible, grey.visible)
        keypoints = np.reshape(record["keypoints"], (29, 3))  # counted from 0, 2 where visible
        np.testing.assert_allclose(colour.landmarks, keypoints[:, :2], atol=1e-4)
        np.testing.assert_array_equal(colour.visible, keypoints[:, 2] == 2)
        photo = cv2.imread(str(sample / "images" / f"{record['image_id']:06}.jpg"))
        assert np.abs(colour.image - photo[..., ::-1].astype(float)).mean() < 2
        assert np.abs(grey.image - photo.mean(axis=-1, keepdims=True)).mean() < 12
