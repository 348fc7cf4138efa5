"""The table of data sets, and the code that they share."""

import dataclasses
import json

import numpy as np
import pytest
from absl import logging

from evae_tf.data.datasets import (
    DATASETS,
    available_subsets,
    default_subset,
    markup_of,
    photo_key,
    read_faces,
    without_photos,
)
from evae_tf.data.face import make_face
from evae_tf.data.text_files import read_lines
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS


def face(path, name):
    landmarks = [[0, 0], [9, 1], [5, 5], [2, 9], [7, 9]]
    return make_face(path, landmarks, markup=MARKUPS["mtfl_5"], subset="train", name=name)


def with_images(root, *names):
    lines = []
    for name in names:
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).touch()
        lines.append(f"{name} 1 9 5 2 7 1 2 5 9 9 1 1 1 1\n")
    (root / "training.txt").write_text("".join(lines))


def test_the_table_agrees_with_the_markups():
    for name, spec in DATASETS.items():
        assert spec.name == name
        assert set(spec.official) <= set(spec.subsets)
    markups = {name: MARKUPS[spec.markup] for name, spec in DATASETS.items() if spec.markup}
    usual = {
        name: DATASETS[name].normalizer or markup.default_normalizer
        for name, markup in markups.items()
    }
    assert all(usual[name] in markup.normalizer_names for name, markup in markups.items())
    assert usual == {
        "300w": "inter_ocular",
        "mtfl": "inter_pupil",
        "aflw19": "box_size",
        "merl_rav": "box_size",
        "cofw": "inter_pupil",
        "wflw": "inter_ocular",
    }
    full = DATASETS["300w"].official
    assert full["full"] == full["test"] == full["common"] + full["challenging"]
    poses = DATASETS["merl_rav"].official
    assert poses["test"] == poses["frontal"] + poses["halfprofile"] + poses["profile"]
    assert poses["train"] + poses["test"] == 19314  # as the paper counts


def test_unknown_names_list_the_known_ones(tmp_path):
    with_images(tmp_path, "a/1.jpg")
    with pytest.raises(InputError, match=rf"'300W'; known: {', '.join(DATASETS)}\."):
        read_faces("300W", tmp_path, "train")
    with pytest.raises(InputError, match="no subset 'tset' of mtfl; known: train, test"):
        read_faces("mtfl", tmp_path, "tset")


def test_default_subset_is_val_where_there_is_a_list(tmp_path):
    with_images(tmp_path, "a/1.jpg", "a/2.jpg")
    assert default_subset("mtfl", tmp_path) == "test"
    (tmp_path / "val.txt").write_text("a/1.jpg\n")
    assert default_subset("mtfl", tmp_path) == "val"
    assert available_subsets("mtfl", tmp_path) == ("train", "val", "test")


def test_the_subset_may_be_left_out(tmp_path):
    with_images(tmp_path, "a/1.jpg", "a/2.jpg")
    (tmp_path / "val.txt").write_text("a/2.jpg\n")
    assert [item.name for item in read_faces("mtfl", tmp_path)] == ["a/2.jpg"]
    assert [item.name for item in read_faces("mtfl", str(tmp_path), "train")] == ["a/1.jpg"]


def test_the_markup_may_be_a_record_a_name_or_a_file(tmp_path):
    for own in ("mtfl_5", MARKUPS["mtfl_5"], None):
        assert markup_of("mtfl", own) == MARKUPS["mtfl_5"]
    assert markup_of("synthetic").name == "ibug_68"
    assert markup_of("synthetic", "wflw_98") == MARKUPS["wflw_98"]
    record = {**MARKUPS["mtfl_5"].to_dict(), "name": "mine"}
    (tmp_path / "mine.json").write_text(json.dumps(record))
    assert markup_of("csv", tmp_path / "mine.json").name == "mine"
    with pytest.raises(InputError, match="mtfl is annotated in mtfl_5, not in ibug_68"):
        read_faces("mtfl", tmp_path, "train", "ibug_68")
    with pytest.raises(InputError, match="unknown markup 'ibug'"):
        read_faces("synthetic", markup="ibug")


@pytest.mark.parametrize(
    ("dataset", "what"), [("300w", "its folder"), ("csv", r"the path of its \.csv file")]
)
def test_only_synthetic_faces_need_no_data_dir(dataset, what):
    with pytest.raises(InputError, match=rf"{dataset} needs a data_dir \(--data_dir\): {what}"):
        read_faces(dataset, markup="ibug_68")


def test_one_line_says_how_complete_the_copy_is(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(logging.get_absl_logger(), "propagate", True)
    logging.set_verbosity(logging.INFO)
    with_images(tmp_path, "a/1.jpg", "a/2.jpg", "a/3.jpg")
    (tmp_path / "val.txt").write_text("a/1.jpg\na/gone.jpg\n")
    (tmp_path / "a/3.jpg").unlink()
    read_faces("mtfl", tmp_path, "train")
    read_faces("mtfl", tmp_path, "val")
    assert [record.getMessage() for record in caplog.records] == [
        f"mtfl train (without the 2 in val.txt): 1 of 10000 official faces found in {tmp_path} "
        "(1 skipped, image file missing)",
        f"mtfl val: 1 of 2 listed faces found in {tmp_path}",
    ]


def test_photo_key_is_equal_for_the_faces_of_one_photo(tmp_path):
    helen = face(tmp_path / "300w/helen/trainset/100032540_1.jpg", "helen/trainset/100032540_1")
    same = [
        face(tmp_path / "300w/helen/trainset/100032540_2.jpg", "helen/trainset/100032540_2"),
        face(tmp_path / "h/images/helen29_100032540_1.jpg", "images/helen29_100032540_1.jpg"),
        face(tmp_path / "h/images/helen29_100032540_12.png", "images/helen29_100032540_12.png"),
    ]
    other = [
        face(tmp_path / "300w/helen/trainset/10003254_1.jpg", "helen/trainset/10003254_1"),
        face(tmp_path / "300w/lfpw/trainset/image_0001.jpg", "lfpw/trainset/image_0001"),
        face(tmp_path / "300w/lfpw/testset/image_0001.jpg", "lfpw/testset/image_0001"),
        face(tmp_path / "mine/image_0001.jpg", "image_0001.jpg"),
        face(tmp_path / "yours/image_0001.jpg", "image_0001.jpg"),
        face(np.zeros((12, 10, 3), np.uint8), "train/1"),
        face(np.zeros((12, 10, 3), np.uint8), "train/2"),
    ]
    assert {photo_key(item) for item in same} == {photo_key(helen)}
    assert len({photo_key(item) for item in [helen, *other]}) == 1 + len(other)
    assert without_photos([*same, *other], [helen]) == other
    again = dataclasses.replace(other[3], image=tmp_path / "yours/../mine/image_0001.jpg")
    assert without_photos([again, other[4]], other[3:4]) == other[4:5]


def test_photo_key_of_the_copies_that_merl_rav_makes_of_a_photo(tmp_path):
    names = ["frontal/trainset/image00447_1", "left/trainset/image00447_10"]
    copies = [face(tmp_path / f"{name}.jpg", name) for name in names]
    other = face(tmp_path / "image00448_1.jpg", "frontal/trainset/image00448_1")
    assert photo_key(copies[0]) == photo_key(copies[1]) != photo_key(other)


def test_real_validation_photos_across_sets(shared_data):
    w300, helen29 = shared_data / "300w", shared_data / "helen29" / "landmarks.csv"
    train, val = (read_faces("300w", w300, subset) for subset in ("train", "val"))
    helen = read_faces("csv", helen29, "all", MARKUPS["cofw_29"])
    assert {item.name for item in val} == set(read_lines(w300 / "val.txt"))
    assert without_photos(train, val) == train
    assert without_photos(helen, val) == helen
    assert len(helen) - len(without_photos(helen, train)) == 234  # as the data's README counts
    assert without_photos(val, val) == []


def test_a_camera_s_time_stamp_is_no_number_of_a_face(tmp_path):
    """20240101_153000.jpg and _160000 are two photos of a day, not two faces of one photo."""
    names = ["20240101_153000.jpg", "20240101_160000.jpg"]
    points = np.arange(10, dtype=np.float32).reshape(5, 2)
    faces = [
        make_face(tmp_path / name, points, markup=MARKUPS["mtfl_5"], subset="all", name=name)
        for name in names
    ]
    assert photo_key(faces[0]) != photo_key(faces[1])
