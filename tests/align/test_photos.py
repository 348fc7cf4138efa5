"""Runs over photos that end early, or that find what an earlier run left."""

import csv

import numpy as np
import pytest
from PIL import Image

from evae_tf import geometry, markups
from evae_tf.align import photos
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.output import Output

EYES = markups.Markup.from_dict(
    {
        "name": "eyes",
        "points": ["left_eye", "right_eye"],
        "flip_pairs": [[0, 1]],
        "normalizers": {"inter_ocular": [0, 1]},
        "outline": [[0, 1]],
    },
    "the test",
)


class StopsAfterOneGroup:
    """Finds a face in each photo; in the second group Ctrl-C is pressed."""

    markup = EYES

    def __init__(self):
        self.groups = 0

    def batch(self, images):
        self.groups += 1
        if self.groups == 2:
            raise KeyboardInterrupt
        landmarks = np.float32([[5, 9], [15, 9]])
        box = geometry.landmark_box(landmarks)
        return [[AlignedFace(landmarks, box, 0.9, EYES, image)] for image in images]


def test_what_was_finished_before_ctrl_c_is_kept_in_a_table(tmp_path):
    paths = [tmp_path / f"{index}.png" for index in range(photos.GROUP + 2)]
    for path in paths[1:]:
        Image.new("RGB", (20, 20)).save(path)
    paths[0].touch()
    with pytest.raises(KeyboardInterrupt):
        photos.align_photos(
            paths,
            StopsAfterOneGroup(),
            Output(tmp_path / "out", "a_model", file_format="csv"),
        )
    with (tmp_path / "out" / "landmarks.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["image"] for row in rows] == [str(path) for path in paths[1 : photos.GROUP]]
    assert "0.png" in (tmp_path / "out" / "errors.csv").read_text()


def test_pictures_that_were_drawn_are_no_photos(tmp_path):
    for name in ("a.png", "a_landmarks.jpg", "b_landmarks.jpg", "c_landmarks.png"):
        Image.new("RGB", (20, 20)).save(tmp_path / name)
    found = photos.find_photos(tmp_path)
    assert [path.name for path in found] == ["a.png", "b_landmarks.jpg", "c_landmarks.png"]


def test_two_level_eyes_are_one_face_or_two():
    """Their boxes have no height."""
    image = np.zeros((60, 90, 3), np.uint8)
    first, near, far = (
        AlignedFace(points, geometry.landmark_box(points), 0.9, EYES, image)
        for points in np.float32([[[10, 9], [30, 9]], [[12, 9], [32, 9]], [[40, 9], [60, 9]]])
    )
    assert first.is_same(first)
    assert first.is_same(near)
    assert not first.is_same(far)
