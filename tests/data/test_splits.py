"""Which faces train and which choose the best epoch."""

import csv

import numpy as np
import pytest
from PIL import Image

from evae_tf.data.datasets import photo_key
from evae_tf.data.splits import hold_out, read_training_faces
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS

MTFL = MARKUPS["mtfl_5"]


def write_csv(folder, names, splits=None):
    """A .csv of 5-point faces; faces with the same name share a photo."""
    path = folder / "faces.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{axis}{i}" for i in range(5) for axis in "xy"]
        writer.writerow(["image", *columns, *(["split"] if splits else [])])
        for index, name in enumerate(names):
            Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(folder / name)
            points = [10 + index, 10, 20, 11, 15, 15, 11, 20, 19, 21]
            writer.writerow([name, *points, *([splits[index]] if splits else [])])
    return path


def test_without_a_val_subset_a_fixed_share_of_the_photos_is_held_out(tmp_path):
    path = write_csv(tmp_path, [f"{i}.png" for i in range(60)])
    training, validation = read_training_faces("csv", path, MTFL)
    assert (len(training), len(validation)) == (57, 3)
    again = read_training_faces("csv", path, MTFL)[1]
    assert [face.name for face in again] == [face.name for face in validation]
    assert not {photo_key(face) for face in training} & {photo_key(face) for face in validation}


def test_a_val_subset_is_used_and_its_photos_never_train(tmp_path):
    splits = ["train"] * 4 + ["val"] * 2 + ["test"] * 2
    path = write_csv(tmp_path, [f"{i}.png" for i in range(8)], splits)
    training, validation = read_training_faces("csv", path, MTFL)
    assert [face.image.name for face in training] == ["0.png", "1.png", "2.png", "3.png"]
    assert [face.image.name for face in validation] == ["4.png", "5.png"]


def test_a_test_subset_never_chooses_the_best_epoch(tmp_path):
    path = write_csv(tmp_path, [f"{i}.png" for i in range(9)], ["train"] * 6 + ["test"] * 3)
    training, validation = read_training_faces("csv", path, MTFL)
    names = {face.image.name for face in training + validation}
    assert names == {f"{i}.png" for i in range(6)}
    assert len(validation) == 1


def test_only_a_seed_draws_other_synthetic_faces(monkeypatch):
    monkeypatch.setattr("evae_tf.data.synthetic.faces.COUNTS", {"train": 2, "val": 2, "test": 2})
    default, same, other = (
        [
            face.image
            for part in read_training_faces("synthetic", None, MTFL, *seed)
            for face in part
        ]
        for seed in ((), (0,), (1,))
    )
    np.testing.assert_array_equal(default, same)
    assert all((a != b).any() for a, b in zip(default, other, strict=True))


def test_faces_of_one_photo_are_held_out_together(tmp_path):
    names = [f"1234567_{i}.png" for i in range(5)] + [f"{i}.png" for i in range(15)]
    path = write_csv(tmp_path, names)
    faces = sum(read_training_faces("csv", path, MTFL), [])
    held_out = hold_out(faces, 0.5)
    of_photo = [face for face in held_out if photo_key(face) == "1234567"]
    assert len(of_photo) in (0, 5)
    assert 0 < len(held_out) < len(faces)


def test_the_same_faces_are_held_out_wherever_the_data_set_lies(tmp_path):
    found = []
    for place in ("here", "there"):
        (tmp_path / place).mkdir()
        path = write_csv(tmp_path / place, [f"{i}.png" for i in range(60)])
        _, validation = read_training_faces("csv", path, MTFL)
        found.append([face.name for face in validation])
    assert found[0] == found[1]
    assert len(found[0]) == 3


def test_too_few_faces_are_refused(tmp_path):
    path = write_csv(tmp_path, ["0.png"])
    with pytest.raises(InputError, match="too few"):
        read_training_faces("csv", path, MTFL)


def test_a_csv_with_nothing_to_train_on_is_refused(tmp_path):
    path = write_csv(tmp_path, ["0.png", "1.png"], ["test", "test"])
    with pytest.raises(InputError, match="train"):
        read_training_faces("csv", path, MTFL)


def test_drawn_faces_need_no_folder():
    from evae_tf.data import datasets

    assert datasets.default_subset("synthetic", None) == "val"
    with pytest.raises(InputError, match="trial.*train, val, test"):
        datasets.read_faces("synthetic", None, "trial", MTFL)
