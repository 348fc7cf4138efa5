"""The MTFL reader, on a tiny copy that the test writes in the official layout."""

import numpy as np
import pytest

from evae_tf.data.datasets import read_faces
from evae_tf.errors import InputError

POINTS = np.array([[40, 50], [80, 52], [61, 70.5], [45, 90], [77, 92]])  # counted from 0
NUMBERS = "41.0 81.0 62.0 46.0 78.0 51.0 53.0 71.5 91.0 93.0"  # x, then y, counted from 1
FIRST, SECOND, THIRD = "lfw_5590/A_0001.jpg", "net_7876/_60_8_0.jpg", "net_7876/_60_9_0.jpg"


def official(*names, numbers=NUMBERS, end="\r\n"):
    lines = [f" {name.replace('/', chr(92))} {numbers} 1 2 2 3" for name in names]
    return end.join(lines).lstrip() + end


@pytest.fixture
def root(tmp_path):
    for name in (FIRST, SECOND, THIRD, "AFLW/0001-image1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "training.txt").write_text(official(FIRST, SECOND, THIRD), newline="")
    (tmp_path / "testing.txt").write_text(official("AFLW/0001-image1.jpg", end="\n"))
    return tmp_path


def read(root, subset="train"):
    return read_faces("mtfl", root, subset)


def test_points_count_from_one_and_boxes_from_zero(root):
    (root / "boxes_training.txt").write_text(f"{SECOND} 30.00 98.50 41.00 110.00\n")
    faces = read(root)
    assert [face.name for face in faces] == [FIRST, SECOND, THIRD]
    for face in faces:
        np.testing.assert_array_equal(face.landmarks, POINTS)
    assert faces[1].box.tolist() == [30, 41, 98.5, 110]
    assert faces[1].image == root / SECOND


def test_attributes_are_words(root):
    (root / "training.txt").write_text(
        f"{FIRST} {NUMBERS} 1 2 1 5\n{SECOND} {NUMBERS} 2 1 2 1\n{THIRD} {NUMBERS} 0 3 1.5 6\n"
    )
    first, second, third = (face.attributes for face in read(root))
    assert first == {"gender": "male", "smile": "no", "glasses": "yes", "pose": "right profile"}
    assert second == {"gender": "female", "smile": "yes", "glasses": "no", "pose": "left profile"}
    assert third == {"gender": "0", "smile": "3", "glasses": "1.5", "pose": "6"}, "no meaning known"


def test_made_box_is_the_average_detector_box(root):
    (root / "boxes_training.txt").write_text(f"{SECOND} 30.00 98.50 41.00 110.00\n")
    # tight box (40, 50, 80, 92): centre (60, 71), longer side 42
    expected = [60 - 0.895 * 42, 71 - 0.895 * 42, 60 + 0.895 * 42, 71 + 0.895 * 42]
    for face in (read(root)[0], read(root)[2], *read(root, "test")):
        np.testing.assert_allclose(face.box, expected, rtol=1e-6)


def test_val_list(root):
    (root / "val.txt").write_text(SECOND + "\n")
    assert [face.name for face in read(root)] == [FIRST, THIRD]
    assert [face.name for face in read(root, "val")] == [SECOND]
    assert [face.name for face in read(root, "test")] == ["AFLW/0001-image1.jpg"]


def test_a_path_may_contain_spaces(root):
    name = "my photos/a face.jpg"
    (root / name).parent.mkdir()
    (root / FIRST).rename(root / name)
    (root / "training.txt").write_text(official(name), newline="")
    (root / "boxes_training.txt").write_text(f"{name} 1 9 3 9\n")
    (face,) = read(root)
    assert (face.name, face.box.tolist()) == (name, [1, 3, 9, 9])


def test_absent_images_are_left_out(root):
    (root / FIRST).unlink()
    assert [face.name for face in read(root)] == [SECOND, THIRD]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (official(FIRST, numbers=NUMBERS[5:]), "line 1: 13 numbers .* expected 14"),
        (official(FIRST, numbers="7 7 " + NUMBERS), "line 1: 16 numbers .* expected 14"),
        (official(FIRST, numbers=NUMBERS.replace("62.0", "nan")), "nose_tip"),
        (official(FIRST, numbers=NUMBERS.replace("62.0", "left")), "line 1: .*'left'"),
        (official(FIRST, SECOND, FIRST), "line 3: .*A_0001.jpg is listed twice"),
    ],
)
def test_damaged_list_names_the_file(root, text, message):
    (root / "training.txt").write_text(text, newline="")
    with pytest.raises(InputError, match=rf"training\.txt.*{message}"):
        read(root)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{FIRST} 1 2 3\n", "line 1: 3 numbers"),
        (f"{FIRST} 1 9 3 9\n{FIRST} 1 9 3 9\n", "line 2: .* twice"),
        (f"{FIRST} 1 1 3 9\n", "no area"),
    ],
)
def test_damaged_boxes(root, text, message):
    (root / "boxes_training.txt").write_text(text)
    with pytest.raises(InputError, match=message):
        read(root)


def test_absent_list(root):
    (root / "testing.txt").unlink()
    with pytest.raises(InputError, match=r"testing\.txt: cannot be read \(No such file"):
        read(root, "test")


def test_no_image_at_all(root):
    (root / "AFLW/0001-image1.jpg").unlink()
    with pytest.raises(InputError, match="none of the 2995 official faces of mtfl 'test'"):
        read(root, "test")


def test_real_training_part(shared_data, tmp_path):
    root = shared_data / "mtfl"
    train, val = read(root), read(root, "val")
    assert (len(train), len(val)) == (9000, 1000)
    assert not {face.name for face in train} & {face.name for face in val}
    detected = {face.name: face.box for face in train}
    for item in ("training.txt", "lfw_5590", "net_7876"):  # the same without the boxes
        (tmp_path / item).symlink_to(root / item)
    made = [face for face in read(tmp_path) if face.name in detected]
    real = np.array([detected[face.name] for face in made])
    boxes = np.array([face.box for face in made])
    side = boxes[:, 2] - boxes[:, 0]
    assert np.mean((real[:, 2] - real[:, 0]) / side) == pytest.approx(1, abs=0.005)
    centre = (real + np.roll(real, 2, axis=1) - boxes - np.roll(boxes, 2, axis=1))[:, :2] / 2
    assert np.abs(np.mean(centre / side[:, None], axis=0)).max() < 0.01


def test_real_official_samples(shared_data):
    root = shared_data / "official_samples" / "mtfl"
    assert len(read(root)) == 6
    first, *others = read(root, "test")
    assert len(others) == 5
    assert first.landmarks[0] == pytest.approx([55.607985, 42.250454], abs=1e-4)
