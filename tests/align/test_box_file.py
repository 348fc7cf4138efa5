"""Boxes from a table, alone and through align.py."""

import json

import numpy as np
import pytest
from PIL import Image

from evae_tf.align.box_file import read_boxes
from evae_tf.errors import InputError
from tests.commands import start
from tests.portrait import PORTRAIT

HEADER = "image,box_x_min,box_y_min,box_x_max,box_y_max\n"


def test_boxes_are_grouped_by_photo(tmp_path):
    table = tmp_path / "boxes.csv"
    table.write_text(
        "score," + HEADER + "0.9,a.jpg,1,2,3,4\n0.8,sub/b.jpg,5,6,7.5,8\n0.7,a.jpg,9,10,11,12\n"
    )
    boxes = read_boxes(table)
    assert set(boxes) == {tmp_path / "a.jpg", tmp_path / "sub" / "b.jpg"}
    np.testing.assert_array_equal(boxes[tmp_path / "a.jpg"], [[1, 2, 3, 4], [9, 10, 11, 12]])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("image,x,y\n", "box_x_min, box_y_min, box_x_max, box_y_max are missing"),
        ("", "the file is empty"),
        (HEADER, "the table is empty"),
        (HEADER + "a.jpg,1,2,3\n", "row 2: 4 cells, expected 5"),
        (
            HEADER + "a.jpg,1,2,3,4\nb.jpg,1,2,wide,4\n",
            "row 3: box_x_max is 'wide', expected a num",
        ),
        (HEADER + " ,1,2,3,4\n", "row 2: image is empty"),
        (
            HEADER + "a.jpg,1,2,3,nan\n",
            r"row 2: a.jpg: box \[1.0, .*, nan\] is empty or not finite",
        ),
        (HEADER + "a.jpg,1,2,3,1e39\n", "row 2: a.jpg: box .* is empty or not finite"),
        (HEADER + "a.jpg,1,2,1,4\n", "row 2: a.jpg: box .* is empty or not finite"),
        (HEADER + "a.jpg,1,2,3,4\na.jpg,1,4,3,2\n", "row 3: a.jpg: box .* is empty or not finite"),
    ],
)
def test_a_table_that_cannot_be_used_says_where_in_one_sentence(tmp_path, content, sentence):
    table = tmp_path / "boxes.csv"
    table.write_text(content)
    with pytest.raises(InputError, match=sentence) as caught:
        read_boxes(table)
    message = str(caught.value)
    assert message.startswith(str(table))
    assert message.count(str(table)) == 1
    assert message.endswith(".")
    assert not message.endswith("..")


@pytest.mark.parametrize(
    "content",
    [
        b"\xef\xbb\xbf" + HEADER.replace("\n", "\r\n").encode() + b"photos/a.jpg,1.5,2,30,40\r\n",
        HEADER.replace(",", ";").encode() + b"photos\\a.jpg;1,5;2;30;40\n",
        (HEADER + "photos/a.jpg,1.5,2,30,40\n").replace(",", "\t").encode("utf-16"),
    ],
)
def test_tables_that_spreadsheets_save_are_read(tmp_path, content):
    """Case 10: with a byte-order mark and CR LF, as Excel's "CSV UTF-8", and other variants."""
    table = tmp_path / "boxes.csv"
    table.write_bytes(content)
    ((photo, boxes),) = read_boxes(table).items()
    assert photo == tmp_path / "photos" / "a.jpg"
    assert boxes.tolist() == [[1.5, 2, 30, 40]]


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_boxes(tmp_path / "none.csv")


def test_align_takes_boxes_and_lists_impossible_ones(tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for name in ("one.png", "other.png", "outside.png"):
        Image.open(PORTRAIT).save(photos / name)
    table = tmp_path / "boxes.csv"
    table.write_text(
        HEADER + "photos/one.png,170,110,330,320\nphotos/one.png,20,20,60,60\n"
        "photos/outside.png,900,10,990,90\n"
    )
    done = start(
        "align",
        f"--input={photos}",
        f"--output={tmp_path / 'out'}",
        "--detector=boxes",
        f"--detector_model={table}",
    )
    assert done.returncode == 1
    assert "outside.png" in (tmp_path / "out" / "errors.csv").read_text()
    faces = {
        name: json.loads((tmp_path / "out" / f"{name}.json").read_text())["faces"]
        for name in ("one", "other")
    }
    assert len(faces["one"]) == 2  # both boxes, although one contains no face
    assert faces["one"][0]["score"] > 0.9
    assert faces["other"] == []


def test_align_says_that_boxes_need_a_table(tmp_path):
    done = start("align", f"--input={PORTRAIT}", f"--output={tmp_path}", "--detector=boxes")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("error: --detector=boxes needs a table")
