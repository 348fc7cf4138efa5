"""The 300-W reader, on a tiny copy that the test writes in the official layout."""

import numpy as np
import pytest

from evae_tf.data.datasets import read_faces
from evae_tf.data.readers.ibug_300w import FOLDERS
from evae_tf.errors import InputError
from evae_tf.geometry import to_one_based

POINTS = np.stack([np.linspace(-2, 130.5, 68), np.linspace(90, 7.25, 68)], axis=1)


def pts_text(points=POINTS, blanks="  ", header=True, end="\n"):
    lines = [f"{x:.6f} {y:.6f}" for x, y in to_one_based(points)]
    if header:
        lines = ["version: 1", f"n_points:{blanks}{len(points)}", "{", *lines, "}"]
    return end.join([*lines, ""])


def add(root, name, text=None, suffix=".jpg"):
    path = root / f"{name}.pts"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pts_text() if text is None else text, newline="")
    if suffix:
        path.with_suffix(suffix).touch()


def names(root, subset):
    return [face.name for face in read_faces("300w", root, subset)]


@pytest.fixture
def root(tmp_path):
    for name in (
        *("lfpw/trainset/image_0001", "helen/trainset/1234567_1", "helen/trainset/1234567_2"),
        *("afw/7654321_1", "lfpw/testset/image_0001", "helen/testset/9876543_1"),
        "ibug/image_092 _01",
    ):
        add(tmp_path, name)
    return tmp_path


@pytest.mark.parametrize(
    "text",
    [
        pts_text(),
        pts_text(blanks=" "),
        pts_text(end="\r\n"),
        pts_text(header=False),
        "\ufeff" + pts_text(),
        "\n" + pts_text().replace("\n", " \n"),
    ],
)
def test_every_spelling_of_a_pts_file_gives_the_same_face(tmp_path, text):
    add(tmp_path, "afw/1_1", text, ".JPG")
    (face,) = read_faces("300w", tmp_path, "train")
    np.testing.assert_allclose(face.landmarks, POINTS, atol=1e-5)
    np.testing.assert_allclose(face.box, [-2, 7.25, 130.5, 90], atol=1e-5)
    assert face.image == tmp_path / "afw" / "1_1.JPG"
    assert (face.visible, face.subset, face.markup.name) == (None, "train", "ibug_68")


def test_subsets_without_a_val_list(root):
    assert names(root, "common") == ["lfpw/testset/image_0001", "helen/testset/9876543_1"]
    assert names(root, "challenging") == ["ibug/image_092 _01"]
    assert names(root, "full") == names(root, "common") + names(root, "challenging")
    assert names(root, "test") == names(root, "full")
    assert len(names(root, "train")) == 4
    with pytest.raises(InputError, match="no subset 'val' of 300w; known: train, common"):
        names(root, "val")


def test_val_list_takes_whole_photos_out_of_train(root):
    listed = "helen/trainset/1234567_1\r\nlfpw/trainset/image_0001\r\nafw/404404_1\r\n"
    (root / "val.txt").write_text(listed, newline="")
    assert set(names(root, "val")) == {"helen/trainset/1234567_1", "lfpw/trainset/image_0001"}
    assert names(root, "train") == ["afw/7654321_1"]  # the other face of 1234567 is gone too
    assert "lfpw/testset/image_0001" in names(root, "test")  # another photo of that name
    assert {face.subset for face in read_faces("300w", root, "val")} == {"val"}


def test_val_list_of_an_absent_face_still_takes_its_photo_out(root):
    (root / "val.txt").write_text("helen/trainset/1234567_3\nafw/7654321_1\n")
    assert names(root, "train") == ["lfpw/trainset/image_0001"]


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        ("afw/404404_1\n", "none of the 1 listed faces of 300w 'val'"),
        ("afw/7654321_1\nafw/7654321_1\n", r"val.txt: afw/7654321_1 is listed twice"),
        ("\n", "val.txt: the file is empty"),
    ],
)
def test_bad_val_list(root, listed, message):
    (root / "val.txt").write_text(listed)
    with pytest.raises(InputError, match=message):
        names(root, "val")


def test_png_beside_and_absent_images(root):
    add(root, "ibug/a", suffix=".PNG")
    add(root, "ibug/b", suffix=None)
    found = read_faces("300w", root, "challenging")
    assert [face.image.name for face in found] == ["a.PNG", "image_092 _01.jpg"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (pts_text(POINTS[:67]), "67 points found, ibug_68 has 68"),
        (pts_text().replace("points:  68", "points: 70"), "n_points is '70', but the file has 68"),
        (pts_text().replace("8.250000", "nan", 1), r"inner_lip_7 lies at .*nan"),
        (pts_text().replace("8.250000", "8,25", 1), "8,25"),
        (pts_text().replace(" 8.250000", "", 1), "expected lines of x and y, found '131.500000'"),
    ],
)
def test_damaged_pts_names_the_file(root, text, message):
    add(root, "afw/bad_1", text)
    with pytest.raises(InputError, match=rf"afw/bad_1\.pts: .*{message}"):
        names(root, "train")


def test_pts_of_other_bytes(root):
    (root / "afw" / "bad.pts").write_bytes(b"\xff\xfb\x00\x81")
    with pytest.raises(InputError, match=r"bad\.pts: expected a text file"):
        names(root, "train")


def test_points_at_minus_one_are_not_annotated(tmp_path):
    """Case 22: later data sets write hidden points as -1 -1; they must not enlarge the box."""
    counted_from_one = to_one_based(POINTS)
    counted_from_one[[0, 5]] = -1
    counted_from_one[7] = (-1, 4)  # outside the image, but annotated
    add(tmp_path, "afw/1_1", pts_text(counted_from_one - 1))
    (face,) = read_faces("300w", tmp_path, "train")
    assert np.flatnonzero(~face.annotated).tolist() == [0, 5]
    assert face.landmarks[7].tolist() == [-2, 3]
    expected = np.delete(POINTS, [0, 5, 7], axis=0)
    np.testing.assert_allclose(face.box[[0, 2]], [-2, expected[:, 0].max()], rtol=1e-6)
    np.testing.assert_allclose(face.box[[1, 3]], [3, expected[:, 1].max()], rtol=1e-6)
    assert face.visible is None


def test_two_images_for_one_face(root):
    (root / "afw" / "7654321_1.png").touch()
    with pytest.raises(InputError, match=r"7654321_1\.png: found 7654321_1\.jpg too"):
        names(root, "train")


def test_no_face_at_all(tmp_path):
    with pytest.raises(
        InputError, match="the folder is missing or empty, expected the files of 300w"
    ):
        names(tmp_path / "nowhere", "train")
    with pytest.raises(
        InputError, match="the folder is missing or empty, expected the files of 300w"
    ):
        names(tmp_path, "train")
    (tmp_path / "something").touch()
    with pytest.raises(InputError, match="none of the 3148 official faces of 300w 'train'"):
        names(tmp_path, "train")


def test_annotations_without_any_image(tmp_path):
    add(tmp_path, "ibug/a", suffix=None)
    with pytest.raises(InputError, match=r"none of .* for example .*ibug/a\.jpg"):
        names(tmp_path, "challenging")


def test_real_training_part(shared_data):
    root = shared_data / "300w"
    train, val = (read_faces("300w", root, subset) for subset in ("train", "val"))
    assert (len(train), len(val)) == (1814, 200)
    assert not {face.name for face in train} & {face.name for face in val}
    folders = dict.fromkeys(FOLDERS["train"], 0)
    for face in train + val:
        folders[face.name.rpartition("/")[0]] += 1
        assert np.ptp(face.landmarks[[36, 45], 0]) > 0
    assert folders == {"lfpw/trainset": 805, "helen/trainset": 872, "afw": 337}
