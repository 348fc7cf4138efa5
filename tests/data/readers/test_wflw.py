"""The WFLW reader, on a tiny copy that the test writes in the official layout."""

import numpy as np
import pytest

from evae_tf.data.datasets import read_faces
from evae_tf.data.readers.wflw import ATTRIBUTES, IMAGES, LISTS
from evae_tf.errors import InputError

POINTS = np.random.default_rng(4).uniform(-2, 300, (98, 2)).round(3)
PARADE, SOCCER = "0--Parade/0_Parade_1_849.jpg", "37--Soccer/37_Soccer_37_45.jpg"


def line(name, flags="000000", points=POINTS, box=(10, 20, 210, 250)):
    return " ".join([*map(str, points.ravel()), *map(str, box), *flags, name]) + "\n"


TRAIN, TEST = line(PARADE), line(SOCCER)


def write(root, train=TRAIN, test=TEST):
    (root / LISTS).mkdir(parents=True, exist_ok=True)
    for part, text in (("train", train), ("test", test)):
        (root / LISTS / f"list_98pt_rect_attr_{part}.txt").write_text(text)


@pytest.fixture
def root(tmp_path):
    write(tmp_path)
    for name in (PARADE, SOCCER):
        (tmp_path / IMAGES / name).parent.mkdir(parents=True)
        (tmp_path / IMAGES / name).touch()
    return tmp_path


def read(root, subset):
    return read_faces("wflw", root, subset)


def test_columns(root):
    (face,) = read(root, "test")
    np.testing.assert_allclose(face.landmarks, POINTS, rtol=1e-6)
    assert face.box.tolist() == [10, 20, 210, 250]
    assert (face.name, face.image) == (SOCCER, root / IMAGES / SOCCER)


def test_each_face_has_its_attributes(root):
    write(root, test=line(SOCCER, "100010"))
    (face,) = read(root, "test")
    flagged = {name for name, value in face.attributes.items() if value == "yes"}
    assert flagged == {"pose", "occlusion"}
    assert set(face.attributes) == set(ATTRIBUTES)


def test_lists_beside_the_images(root):
    for path in (root / LISTS).iterdir():
        path.rename(root / path.name)
    assert [face.name for face in read(root, "train")] == [PARADE]


def test_attributes_are_the_flagged_test_faces(root):
    flags = ["100010", "000000", "011101", "010010"]
    write(root, test="".join(line(SOCCER, flag, POINTS + i) for i, flag in enumerate(flags)))
    found = {
        name: [round(float(face.landmarks[0, 0] - POINTS[0, 0])) for face in read(root, name)]
        for name in ("test", *ATTRIBUTES)
    }
    assert found == {
        "test": [0, 1, 2, 3],
        "pose": [0],
        "expression": [2, 3],
        "illumination": [2],
        "makeup": [2],
        "occlusion": [0, 3],
        "blur": [2],
    }


def test_val_list_takes_every_face_of_a_photo(root):
    write(root, train=line(PARADE) + line(SOCCER) + line(SOCCER, points=POINTS + 9))
    (root / "val.txt").write_text(SOCCER + "\n")
    assert [face.name for face in read(root, "train")] == [PARADE]
    assert [face.name for face in read(root, "val")] == [SOCCER, SOCCER]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        (line(SOCCER, points=POINTS[:97]), "line 1: 204 numbers .* expected 206"),
        (line(SOCCER) + line(SOCCER, points=POINTS * np.nan), "line 2: .*0 of 98 points annotated"),
        (line(SOCCER, box=(10, 20, 10, 30)), "line 1: .*no area"),
        (line(SOCCER, flags="0000x0"), "line 1: .*'x'"),
        (line("").rstrip(), "line 1: 205 numbers"),
    ],
)
def test_damaged_list_names_the_file(root, text, message):
    write(root, test=text)
    with pytest.raises(InputError, match=rf"_test\.txt.*{message}"):
        read(root, "test")


def test_absent_list_and_images(root):
    (root / IMAGES / PARADE).unlink()
    with pytest.raises(InputError, match="none of the 7500 official faces of wflw 'train'"):
        read(root, "train")
    for path in (root / LISTS).iterdir():
        path.unlink()
    with pytest.raises(InputError, match=r"list_98pt_rect_attr_test\.txt: cannot be read"):
        read(root, "blur")
