"""The AFLW reader, on a small .mat that the test writes in the official layout."""

import numpy as np
import pytest
import scipy.io

from evae_tf.data.datasets import read_faces
from evae_tf.data.readers import aflw19
from evae_tf.errors import InputError

NUM_FACES, NUM_TRAIN = 7, 4
ORDER = [3, 7, 1, 6, 2, 5, 4]  # counted from 1: the test faces are 2, 5 and 4


def name(number):
    return f"{number % 3}/image{number:05}.jpg"


def variables(order=ORDER):
    rng, count = np.random.default_rng(1), len(order)
    names = np.empty((count, 1), object)
    names[:, 0] = [name(number) for number in range(1, count + 1)]
    visible = np.ones((count, 19))
    visible[4, 2] = 0  # face 5
    x_min, y_min = rng.uniform(0, 50, (2, count))
    width, height = rng.uniform(50, 200, (2, count))
    return {
        "data": rng.uniform(-5, 300, (count, 38)),
        "bbox": np.stack([x_min, x_min + width, y_min, y_min + height], axis=1),
        "mask_new": visible,
        "nameList": names,
        "ra": np.array([order], float),
    }


def write(root, **changed):
    scipy.io.savemat(root / aflw19.FILE, variables() | changed)


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setattr(aflw19, "_NUM_TRAIN", NUM_TRAIN)  # writing 20,000 rows would be slow
    write(tmp_path)
    for number in range(1, NUM_FACES + 1):
        folder = tmp_path / "data" / "flickr" if number % 2 else tmp_path
        (folder / name(number)).parent.mkdir(parents=True, exist_ok=True)
        (folder / name(number)).touch()
    return tmp_path


def names(root, subset):
    return [face.name for face in read_faces("aflw19", root, subset)]


def test_subsets(root):
    assert names(root, "train") == [name(number) for number in (3, 7, 1, 6)]
    assert names(root, "test") == [name(number) for number in (2, 5, 4)]
    assert names(root, "frontal") == [name(number) for number in (2, 4)]
    (root / "val.txt").write_text(f"{name(7)}\n{name(6)}\n")
    assert names(root, "train") == [name(3), name(1)]
    assert names(root, "val") == [name(7), name(6)]


def test_the_first_20000_of_the_order_train(tmp_path):
    (tmp_path / "0").mkdir()
    order = np.roll(np.arange(1, 20004), 6)  # ends with 19995, 19996, 19997
    scipy.io.savemat(tmp_path / aflw19.FILE, variables(order))
    for number in (19992, 19995, 19998, 3):
        (tmp_path / name(number)).touch()
    assert names(tmp_path, "test") == [name(19995)]
    assert names(tmp_path, "train") == [name(19998), name(3), name(19992)]


def test_columns(root):
    truth = variables()
    face = read_faces("aflw19", root, "test")[1]
    row = 4
    np.testing.assert_allclose(face.landmarks[:, 0], truth["data"][row, :19], rtol=1e-6)
    np.testing.assert_allclose(face.landmarks[:, 1], truth["data"][row, 19:], rtol=1e-6)
    x_min, x_max, y_min, y_max = truth["bbox"][row]
    np.testing.assert_allclose(face.box, [x_min, y_min, x_max, y_max], rtol=1e-6)
    assert np.flatnonzero(~face.visible).tolist() == [2]
    assert face.image == root / "data" / "flickr" / name(5)


def test_a_hidden_point_at_the_origin_is_not_annotated(root):
    """Three points of face 5, counted from 1: hidden at (0, 0), visible there, hidden elsewhere."""
    truth = variables()
    for point in (2, 7):
        truth["data"][4, [point, 19 + point]] = 0
    truth["mask_new"][4, [2, 11]] = 0
    truth["data"][4, 11] = 0
    write(root, **truth)
    face = read_faces("aflw19", root, "test")[1]
    assert np.flatnonzero(~face.annotated).tolist() == [2]
    assert np.flatnonzero(~face.visible).tolist() == [2, 11]
    assert face.landmarks[7].tolist() == [0, 0]
    np.testing.assert_allclose(face.landmarks[11], [0, truth["data"][4, 30]], rtol=1e-6)


def test_images_in_either_place_and_absent_ones(root):
    assert read_faces("aflw19", root, "test")[0].image == root / name(2)
    (root / name(2)).unlink()
    assert names(root, "test") == [name(5), name(4)]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"data": np.ones((NUM_FACES, 36))}, r"expected 38, 4 and 19 columns"),
        ({"bbox": np.ones((NUM_FACES - 1, 4))}, r"for 7 names"),
        ({"data": np.full((NUM_FACES, 38), np.nan)}, r"face 3: .*0 of 19 points annotated"),
        ({"bbox": np.ones((NUM_FACES, 4))}, r"face 3: .*no area"),
        ({"ra": np.array([[1, 1, 2, 3, 4, 5, 6]])}, r"ra is not a permutation of the 7 faces"),
        ({"ra": np.array([[np.nan, 1, 2, 3, 4, 5, 6]])}, r"ra is not a permutation of the 7 faces"),
        (
            {"nameList": np.array([[1.0]] * 7, object)},
            r"face 3: nameList contains .* expected text",
        ),
    ],
)
def test_damaged_content_names_the_file(root, changed, message):
    write(root, **changed)
    with pytest.raises(InputError, match=rf"AFLWinfo_release\.mat.*{message}"):
        names(root, "train")


def test_missing_variable_and_file(root):
    scipy.io.savemat(root / aflw19.FILE, {"data": variables()["data"]})
    with pytest.raises(InputError, match="lacks bbox, mask_new, ra, nameList; expected data"):
        names(root, "train")
    (root / aflw19.FILE).unlink()
    with pytest.raises(InputError, match=r"AFLWinfo_release\.mat: no such file"):
        names(root, "train")


def test_truncated_file(root):
    content = (root / aflw19.FILE).read_bytes()
    for length in (0, 60, 500, len(content) - 40):
        (root / aflw19.FILE).write_bytes(content[:length])
        with pytest.raises(InputError, match=r"AFLWinfo_release\.mat: (not|it lacks)"):
            names(root, "train")


def test_no_image_at_all(tmp_path):
    write(tmp_path)
    with pytest.raises(
        InputError, match=r"none of the 20000 official faces of aflw19 'train'.*00003"
    ):
        names(tmp_path, "train")
