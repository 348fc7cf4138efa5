"""Landmark files, read back by independent readers."""

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest

from evae_tf import geometry, markups
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.landmark_files import WRITERS
from evae_tf.data.readers.pts_file import read_pts
from evae_tf.errors import InputError

MTFL = markups.MARKUPS["mtfl_5"]
IMAGE = np.zeros((60, 80, 3), np.uint8)


def face(seed, **fields):
    landmarks = np.random.default_rng(seed).uniform(5, 55, (5, 2)).astype(np.float32)
    box = geometry.landmark_box(landmarks)
    return AlignedFace(landmarks, box, 0.9 - seed / 10, MTFL, IMAGE, **fields)


def writer(name, folder):
    return WRITERS[name](folder, "a_model", MTFL)


def test_json_holds_what_the_contract_names(tmp_path):
    sure = {"covariance": np.tile(np.eye(2, dtype=np.float32), (5, 1, 1))}
    sure["visibility"] = np.full(5, 0.75, np.float32)
    faces = [face(0, **sure), face(1)]
    json_writer = writer("json", tmp_path)
    assert not json_writer.is_there(tmp_path / "photos" / "a.png", 2)
    json_writer.write(tmp_path / "photos" / "a.png", IMAGE, faces)
    assert json_writer.is_there(tmp_path / "photos" / "a.png", 2)
    record = json.loads((tmp_path / "a.json").read_text())
    assert (record["width"], record["height"]) == (80, 60)
    assert (record["model"], record["markup"]) == ("a_model", "mtfl_5")
    first, second = record["faces"]
    np.testing.assert_allclose(first["landmarks"], faces[0].landmarks, atol=1e-3)
    np.testing.assert_allclose(first["box"], faces[0].box, atol=1e-2)
    assert first["covariance"][4] == [[1, 0], [0, 1]]
    assert first["visibility"] == [0.75] * 5
    assert set(second) == {"box", "score", "landmarks"}
    assert second["score"] == pytest.approx(0.8)


def test_pts_count_from_1_with_a_file_for_each_face(tmp_path):
    faces = [face(0), face(1)]
    writer("pts", tmp_path).write(tmp_path / "a.jpg", IMAGE, faces)
    for name, written in (("a.pts", faces[0]), ("a_1.pts", faces[1])):
        np.testing.assert_allclose(read_pts(tmp_path / name), written.landmarks + 1, atol=1e-3)


def test_files_of_another_photo_or_model_are_in_the_way(tmp_path):
    """Photos with the same name; another spelling of the same path is the same photo."""
    json_writer = writer("json", tmp_path)
    json_writer.write(tmp_path / "a.jpg", IMAGE, [face(0)])
    json_writer.refuse_another(tmp_path / "more" / ".." / "a.jpg", 1)
    with pytest.raises(InputError, match="overwrite"):
        json_writer.refuse_another(tmp_path / "more" / "a.jpg", 1)
    with pytest.raises(InputError, match="by a_model instead of .* by another"):
        WRITERS["json"](tmp_path, "another", MTFL).refuse_another(tmp_path / "a.jpg", 1)
    (tmp_path / "a.json").write_bytes(b"\xffno landmarks")
    with pytest.raises(InputError, match=r"a\.json"):
        json_writer.refuse_another(tmp_path / "a.jpg", 1)


def test_faces_that_are_no_longer_found_leave_no_file(tmp_path):
    pts_writer, before = writer("pts", tmp_path), None
    for faces in ([face(0), face(1), face(2)], [face(1)], []):
        pts_writer.begin({tmp_path / "a.jpg": before})
        pts_writer.write(tmp_path / "a.jpg", IMAGE, faces)
        assert len(list(tmp_path.iterdir())) == len(faces)
        assert pts_writer.is_there(tmp_path / "a.jpg", len(faces))
        assert not pts_writer.is_there(tmp_path / "a.jpg", len(faces) + 1)
        before = len(faces)


def test_a_file_of_another_photo_is_not_a_further_face(tmp_path):
    pts_writer = writer("pts", tmp_path)
    for name in ("a", "a_1"):
        pts_writer.write(tmp_path / f"{name}.jpg", IMAGE, [face(0)])
    pts_writer.begin({tmp_path / "a.jpg": 1})
    pts_writer.write(tmp_path / "a.jpg", IMAGE, [])
    assert [path.name for path in tmp_path.iterdir()] == ["a_1.pts"]


def test_a_photo_has_one_set_of_rows_by_whatever_path_it_is_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in (Path("a.jpg"), tmp_path / "a.jpg"):
        table = writer("csv", tmp_path)
        table.begin({path: None})
        table.write(path, IMAGE, [face(0)])
        table.close()
    assert [row["image"] for row in rows_of(tmp_path)] == [str(tmp_path / "a.jpg")]
    assert writer("csv", tmp_path).is_there(Path("a.jpg"), 1)


def rows_of(folder):
    with (folder / "landmarks.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_a_table_keeps_the_rows_of_other_photos(tmp_path):
    first = writer("csv", tmp_path)
    first.begin(dict.fromkeys(["c.jpg", "b.jpg"]))
    first.write("c.jpg", IMAGE, [face(3)])
    first.write("b.jpg", IMAGE, [face(0), face(1)])
    first.close()
    second = writer("csv", tmp_path)
    assert second.is_there("b.jpg", 2)
    assert not second.is_there("b.jpg", 1)
    assert second.is_there("without_a_face.jpg", 0)
    second.begin(dict.fromkeys(["a.jpg", "c.jpg"]))
    second.write("a.jpg", IMAGE, [face(2)])
    second.close()
    rows = rows_of(tmp_path)
    assert [row["image"] for row in rows] == ["a.jpg", "b.jpg", "b.jpg"]
    assert float(rows[0]["y4"]) == pytest.approx(float(face(2).landmarks[4, 1]), abs=1e-3)
    assert rows[0]["visibility0"] == ""


def test_a_table_of_a_killed_run_is_gone_on_with(tmp_path):
    """The last row of a killed run may be incomplete."""
    killed = writer("csv", tmp_path)
    killed.begin(dict.fromkeys(["a.jpg", "b.jpg"]))
    killed.write("a.jpg", IMAGE, [face(0)])
    killed.write("b.jpg", IMAGE, [face(1)])
    whole = (tmp_path / "landmarks.csv").read_bytes()
    (tmp_path / "landmarks.csv").write_bytes(whole[:-20])
    again = writer("csv", tmp_path)
    assert again.is_there("a.jpg", 1)
    again.begin(dict.fromkeys(["b.jpg"]))
    again.write("b.jpg", IMAGE, [face(1)])
    again.close()
    assert (tmp_path / "landmarks.csv").read_bytes() == whole


def test_a_name_that_is_no_text_is_written(tmp_path):
    name = Path(os.fsdecode(b"caf\xe9.jpg"))
    table = writer("csv", tmp_path)
    table.begin(dict.fromkeys([name]))
    table.write(name, IMAGE, [face(0)])
    table.close()
    assert [row["image"] for row in rows_of(tmp_path)] == [r"caf\udce9.jpg"]
    assert writer("csv", tmp_path).is_there(name, 1)


def test_a_table_that_a_spreadsheet_saved_goes_on(tmp_path):
    first = writer("csv", tmp_path)
    first.begin(dict.fromkeys(["b.jpg"]))
    first.write("b.jpg", IMAGE, [face(1)])
    first.close()
    table = tmp_path / "landmarks.csv"
    before = table.read_text()
    table.write_bytes(("\ufeff" + before.replace("\n", "\r\n")).encode())
    second = writer("csv", tmp_path)
    assert second.is_there("b.jpg", 1)
    second.begin({})
    second.close()
    assert table.read_text() == before


def test_a_table_of_another_model_is_not_touched(tmp_path):
    (tmp_path / "landmarks.csv").write_text("image,x0,y0\na.jpg,1,2\n")
    with pytest.raises(InputError, match="mtfl_5"):
        writer("csv", tmp_path)
    assert (tmp_path / "landmarks.csv").read_text() == "image,x0,y0\na.jpg,1,2\n"
