"""Runs over photos that are interrupted, or that find results of an earlier run."""

import csv
import json
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evae_tf import atomic, geometry, markups
from evae_tf.align import photos
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.files import align_files, clashes
from evae_tf.align.inputs import known_boxes
from evae_tf.align.output import Output
from evae_tf.align.sources import Sources
from evae_tf.errors import InputError

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


class Aligns:
    """Finds a face in each photo at once; raises Ctrl-C in the group `stops_in`."""

    markup = EYES
    predictor = detector = min_score = max_faces = None

    def __init__(self, stops_in=0, passes=2):
        self.groups = 0
        self.stops_in = stops_in
        self.passes = passes

    def batch(self, images):
        self.groups += 1
        if self.groups == self.stops_in:
            raise KeyboardInterrupt
        landmarks = np.float32([[5, 9], [15, 9]])
        box = geometry.landmark_box(landmarks)
        return [[AlignedFace(landmarks, box, 0.9, EYES, image)] for image in images]

    def __call__(self, image, boxes):
        known_boxes(boxes, image)
        return self.batch([image] * len(boxes))[0] if len(boxes) else []


def written(tmp_path, names):
    paths = [tmp_path / name for name in names]
    for path in paths:
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (20, 20)).save(path)
    return paths


def run(paths, tmp_path, aligner=None, boxes=None, **fields):
    output = Output(tmp_path / "out", "a_model", **fields)
    return align_files(Sources(photos=paths), aligner or Aligns(), output, boxes=boxes)


def content(tmp_path):
    return sorted(path.name for path in (tmp_path / "out").iterdir())


@pytest.mark.parametrize("file_format", ["csv", "json", "pts"])
def test_what_was_finished_before_ctrl_c_is_kept_and_the_rest_is_done(tmp_path, file_format):
    paths = written(tmp_path, [f"{index}.png" for index in range(photos.GROUP + 2)])
    paths[0].write_bytes(b"")
    with pytest.raises(KeyboardInterrupt):
        run(paths, tmp_path, Aligns(stops_in=2), file_format=file_format)
    assert "0.png" in (tmp_path / "out" / "errors.csv").read_text()
    done = (tmp_path / "out" / "done.jsonl").read_text()
    assert [path.name in done for path in paths] == [False, True, True, True, False, False]
    again = run(paths, tmp_path, file_format=file_format)
    assert (again.photos.skipped, again.photos.faces, len(again.errors)) == (3, 2, 1)
    if file_format == "csv":
        with (tmp_path / "out" / "landmarks.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["image"] for row in rows] == [str(path) for path in paths[1:]]


def test_done_is_all_that_was_asked_for(tmp_path):
    """A deleted picture, a picture requested later, a replaced photo, other settings."""
    paths = written(tmp_path, ["a.png", "b.png"])

    def skipped(**fields):
        aligner = Aligns(passes=fields.pop("passes", 2))
        return run(paths, tmp_path, aligner, **fields).photos.skipped

    assert skipped() == 0
    assert skipped() == 2
    assert skipped(drawings=("points",)) == 0
    assert "b_landmarks.jpg" in content(tmp_path)
    (tmp_path / "out" / "b_landmarks.jpg").unlink()
    assert skipped(drawings=("points",)) == 1
    assert "b_landmarks.jpg" in content(tmp_path)
    Image.new("RGB", (30, 20)).save(paths[0])
    assert skipped(drawings=("points",)) == 1
    assert skipped(drawings=("points",), passes=1) == 0
    (tmp_path / "out" / "a.json").unlink()
    assert skipped(drawings=("points",), passes=1) == 1
    assert skipped(drawings=("points",), passes=1, overwrite=True) == 0


def test_boxes_are_part_of_what_is_done(tmp_path):
    (path,) = written(tmp_path, ["a.png"])
    boxes = {path.resolve(): np.float32([[2, 2, 18, 18]])}
    assert run([path], tmp_path, boxes=boxes).photos.faces == 1
    assert run([path], tmp_path, boxes=boxes).photos.skipped == 1
    moved = {path.resolve(): np.float32([[2, 2, 18, 17]])}
    assert run([path], tmp_path, boxes=moved).photos.skipped == 0


def test_photos_without_a_box_are_named_and_a_table_of_others_is_refused(tmp_path):
    paths = written(tmp_path, ["a.png", "b.png"])
    boxes = {paths[0].resolve(): np.float32([[2, 2, 18, 18]])}
    done = run(paths, tmp_path, boxes=boxes)
    assert done.without_box == [paths[1]]
    assert (done.photos.faces, done.photos.without_face) == (1, 1)
    with pytest.raises(InputError, match=r"none of the 1 photos: .*b\.png.*a\.png\.$"):
        run(paths[1:], tmp_path, boxes=boxes)


def test_an_impossible_box_stops_no_other_photo(tmp_path):
    paths = written(tmp_path, ["a.png", "b.png", "c.png"])
    square = [2, 2, 18, 18]
    boxes = {
        path.resolve(): np.float32([box])
        for path, box in zip(paths, ([-3e6, -3e6, 3e6, 3e6], square, [50, 50, 60, 60]), strict=True)
    }
    done = run(paths, tmp_path, boxes=boxes)
    assert done.photos.faces == 1
    assert [path.name for path, _ in done.errors] == ["a.png", "c.png"]
    assert "20 times as large" in done.errors[0][1]
    assert all(sentence.startswith(str(path)) for path, sentence in done.errors)


def test_a_name_that_leaves_no_room_stops_no_other_photo(tmp_path):
    longest = "n" * 248  # .json fits, _landmarks.jpg does not
    paths = written(tmp_path, ["a.png", f"{longest}.png", "z.png"])
    done = run(paths, tmp_path, drawings=("points",))
    assert [path for path, _ in done.errors] == [paths[1]]
    assert "name" in done.errors[0][1]
    assert {"a.json", "z.json", "a_landmarks.jpg", "z_landmarks.jpg"} < set(content(tmp_path))
    assert not run(paths, tmp_path).errors


def test_photos_of_one_name_are_refused_and_the_others_done(tmp_path):
    paths = written(tmp_path, ["p/a.png", "q/a.png", "q/b.png"])
    done = run(paths, tmp_path)
    assert [path for path, _ in done.errors] == paths[:2]
    assert "rename one of them, or use --format=csv --draw= " in done.errors[0][1]
    assert done.photos.faces == 1
    assert run(paths, tmp_path, file_format="csv", drawings=("box",)).photos.faces == 1
    assert run(paths, tmp_path, file_format="csv").photos.faces == 3


def test_photos_named_like_further_faces_are_refused(tmp_path):
    paths = written(tmp_path, ["a.png", "a_1.png", "b_2.png"])
    done = run(paths, tmp_path, file_format="pts")
    assert [path for path, _ in done.errors] == [paths[1]]
    assert not run(paths, tmp_path).errors


def test_annotations_beside_the_photos_are_left_alone(tmp_path):
    """In the official layouts a photo's .pts file lies beside it."""
    paths = written(tmp_path, ["out/a.png", "out/b.png"])
    annotation = tmp_path / "out" / "a.pts"
    annotation.write_text("by hand")
    done = run(paths, tmp_path, file_format="pts")
    assert [path for path, _ in done.errors] == [paths[0]]
    assert "a.pts: the file exists" in done.errors[0][1]
    assert annotation.read_text() == "by hand"
    assert run(paths, tmp_path, Aligns(passes=1), file_format="pts").photos.faces == 1
    assert not run(paths, tmp_path, file_format="pts", overwrite=True).errors
    assert annotation.read_text() != "by hand"


def test_a_photo_wider_than_a_jpeg_is_drawn_smaller(tmp_path):
    paths = written(tmp_path, ["a.png", "b.png"])
    Image.new("RGB", (66_000, 40)).save(paths[0])
    assert not run(paths, tmp_path, drawings=("points",)).errors
    with Image.open(tmp_path / "out" / "a_landmarks.jpg") as picture:
        assert picture.size == (65_500, 40)


def test_faces_in_known_boxes_are_written_best_first(tmp_path):
    """Their order is that of all files, not that of the boxes."""

    class Scores(Aligns):
        def __call__(self, image, boxes):
            (face,) = super().__call__(image, boxes)
            return [replace(face, score=score) for score in (0.2, 0.9, 0.5)]

    (path,) = written(tmp_path, ["a.png"])
    run([path], tmp_path, Scores(), {path.resolve(): np.float32([[2, 2, 18, 18]] * 3)})
    record = json.loads((tmp_path / "out" / "a.json").read_text())
    assert [face["score"] for face in record["faces"]] == [0.9, 0.5, 0.2]


def test_a_video_called_like_the_list_of_errors_is_refused():
    sources = Sources([], ["errors.mp4"])
    ((path, sentence),) = clashes(sources, Output(Path("out"), "m", "csv"))
    assert path == Path("errors.mp4")
    assert "rename the video" in sentence
    assert clashes(sources, Output(Path("out"), "m")) == []


def test_a_photo_and_a_video_of_one_name_are_refused():
    sources = Sources([Path("a.png"), Path("b.png")], ["a.mp4", "landmarks.mov"])
    advice = "rename one of them, or use another --output for one of them."
    assert clashes(sources, Output(Path("out"), "m")) == [
        (Path("a.png"), f"a.png: a.mp4 would also write a.json; {advice}"),
        (Path("a.mp4"), f"a.mp4: a.png would also write a.json; {advice}"),
    ]
    ((path, sentence),) = clashes(sources, Output(Path("out"), "m", "csv"))
    assert path == Path("landmarks.mov")
    assert ": the table of all photos would also write landmarks.csv; " in sentence


def test_landmarks_of_another_photo_stop_no_other_photo(tmp_path):
    first, second, third = written(tmp_path, ["p/a.png", "q/a.png", "q/b.png"])
    run([first], tmp_path)
    done = run([second, third], tmp_path)
    assert [path for path, _ in done.errors] == [second]
    assert "overwrite" in done.errors[0][1]
    assert done.photos.faces == 1
    assert not run([second, third], tmp_path, overwrite=True).errors


def test_a_run_into_the_folder_of_another_is_refused(tmp_path):
    paths = written(tmp_path, ["a.png"])
    with atomic.exclusive_folder(tmp_path / "out"), pytest.raises(InputError, match="another run"):
        run(paths, tmp_path, file_format="csv")
    assert run(paths, tmp_path, file_format="csv").photos.faces == 1


def test_a_service_without_standard_error_can_align(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    assert run(written(tmp_path, ["a.png"]), tmp_path).photos.faces == 1


def test_a_name_that_is_no_text_is_listed(tmp_path):
    path = tmp_path / os.fsdecode(b"caf\xe9.png")
    path.write_bytes(b"")
    assert [name for name, _ in run([path], tmp_path).errors] == [path]
    assert r"caf\udce9.png" in (tmp_path / "out" / "errors.csv").read_text("utf-8")


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
