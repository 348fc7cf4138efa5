"""The reader of custom .csv files."""

import csv

import numpy as np
import pytest

from evae_tf import geometry
from evae_tf.data.datasets import available_subsets, default_subset, read_faces
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS, Markup

MARKUP = Markup.from_dict(
    {
        "name": "triangle",
        "points": ["a", "b", "c"],
        "flip_pairs": [[0, 1]],
        "normalizers": {"base": [0, 1]},
        "outline": [],
    }
)
POINTS = ["x0", "y0", "x1", "y1", "x2", "y2"]
VISIBLE = ["visible0", "visible1", "visible2"]
BOX = ["box_x_min", "box_y_min", "box_x_max", "box_y_max"]
ROW = ["a.jpg", -3, 4.5, 40, 6, 20, 30]


@pytest.fixture
def table(tmp_path):
    """Writes a table beside the images a.jpg and `b, b.jpg`; returns its path."""
    (tmp_path / "a.jpg").touch()
    (tmp_path / "b, b.jpg").touch()

    def write(header, *rows, **kwargs):
        with open(tmp_path / "faces.csv", "w", newline="", **kwargs) as file:
            csv.writer(file).writerows([header, *rows])
        return tmp_path / "faces.csv"

    return write


def read(path, subset="all", markup=MARKUP):
    return read_faces("csv", path, subset, markup)


def test_all_columns_in_any_order(table):
    header = [*BOX, "split", *VISIBLE, *POINTS, "image"]
    path = table(header, [1, 2, 50, 60.5, "train", 1, 0, "True", *ROW[1:], "b, b.jpg"])
    (face,) = read(path, "train")
    assert face.landmarks.tolist() == [[-3, 4.5], [40, 6], [20, 30]]
    assert face.box.tolist() == [1, 2, 50, 60.5]
    assert face.visible.tolist() == [True, False, True]
    assert face.image == path.parent / "b, b.jpg"
    assert (face.name, face.subset, face.markup) == ("b, b.jpg", "train", MARKUP)


def test_further_columns_are_attributes(table):
    path = table(["smile", "image", *POINTS, "yaw"], ["no", *ROW, "-12.5"], ["", *ROW, ""])
    first, second = read(path)
    assert first.attributes == {"smile": "no", "yaw": "-12.5"}
    assert second.attributes == {"smile": "", "yaw": ""}


def test_fewest_columns_blanks_and_byte_order_mark(table):
    path = table(["image", *POINTS], ROW, encoding="utf-8-sig")
    path.write_text(path.read_text(encoding="utf-8").replace(",", ", ") + "\n", encoding="utf-8")
    (face,) = read(path)
    assert face.box.tolist() == [-3, 4.5, 40, 30]
    assert face.visible is None


def test_subsets_are_the_values_of_split(table):
    other = ["b, b.jpg", *ROW[1:]]
    path = table(["image", *POINTS, "split"], [*ROW, "val"], [*other, "night"], [*other, ""])
    assert available_subsets("csv", path) == ("night", "val", "all")
    assert default_subset("csv", path) == "val"
    assert [len(read(path, subset)) for subset in ("night", "val", "all")] == [1, 1, 3]
    with pytest.raises(InputError, match=r"faces\.csv: no subset 'test' .* known: night, val, all"):
        read(path, "test")
    assert default_subset("csv", table(["image", *POINTS, "split"], [*ROW, "test"])) == "test"
    assert default_subset("csv", table(["image", *POINTS, "split"], [*ROW, "train"])) == "all"
    assert default_subset("csv", table(["image", *POINTS], ROW)) == "all"


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (["image", *POINTS[:4]], r"has 2 points \(x0, x1, ...\), triangle has 3"),
        (["image", *POINTS, "x3", "y3"], "has 4 points .* triangle has 3"),
        (POINTS, r"missing columns \['image'\]; expected"),
        (["image", *POINTS, *VISIBLE[:2]], r"missing columns \['visible2'\]"),
        (["image", *POINTS, *BOX[1:]], r"missing columns \['box_x_min'\]"),
        (["image", *POINTS, "visible3"], r"unknown columns \['visible3'\]; expected image, x0"),
        (["image", *POINTS, "Visibility"], "unknown columns"),
        (["image", *POINTS, "box"], "unknown columns"),
        (["image", *POINTS, "x_3"], "unknown columns"),
        (["image", "", *POINTS], r"unknown columns \[''\]; expected"),
        (["image", *POINTS, "x1"], "names x1 more than once"),
        (["image", "x0", "y0", "x1", "y1", "x2", "y9"], r"missing columns \['y2'\].*'y9'"),
    ],
)
def test_bad_header(table, header, message):
    path = table(header, ["a.jpg", *range(1, len(header))])
    with pytest.raises(InputError, match=rf"faces\.csv: .*{message}"):
        read(path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (ROW[:-1], "6 cells, expected 7"),
        ([*ROW, 9], "8 cells, expected 7"),
        ([*ROW[:3], "wide", *ROW[4:]], "x1 is 'wide', expected a number"),
        ([*ROW[:3], "", *ROW[4:]], r"b lies at \[nan, 6.0\]; .* nan for both"),
        ([*ROW[:4], "NaN", *ROW[5:]], r"b lies at \[40.0, nan\]; .* nan for both"),
        ([*ROW[:3], "inf", *ROW[4:]], r"b lies at \[inf, 6.0\]"),
        (["a.jpg", "", "", "nan", "nan", 3, 4], "1 of 3 points annotated"),
        (["a.jpg", "", "", 1, 2, 3, 2], "no area"),
        (["", *ROW[1:]], "image is empty"),
        (["a.jpg", 1, 2, 1, 5, 1, 8], "no area"),
        (ROW, "the same as row 2"),
    ],
)
def test_bad_row_names_file_and_row(table, row, message):
    path = table(["image", *POINTS], ROW, row)
    with pytest.raises(InputError, match=rf"faces\.csv, row 3: .*{message}"):
        read(path)


@pytest.mark.parametrize("absent", ["nan", "NaN", "NAN", "", " "])
def test_nan_or_nothing_in_both_coordinates_is_not_annotated(table, absent):
    header = ["image", *POINTS, *VISIBLE]
    (face,) = read(table(header, [*ROW[:3], absent, absent, *ROW[5:], 1, 1, 0]))
    np.testing.assert_array_equal(face.landmarks, [[-3, 4.5], [np.nan, np.nan], [20, 30]])
    assert face.box.tolist() == [-3, 4.5, 20, 30]
    assert face.visible.tolist() == [True, True, False]


def test_blanks_around_a_path_and_a_subset_do_not_count(table):
    header = ["image", *POINTS, "split"]
    path = table(header, [*ROW, "train"], ["a.jpg ", *ROW[1:-1], 9, "train "])
    assert len(read(path, "train")) == 2


def test_a_box_needs_numbers(table):
    header = ["image", *POINTS, *BOX]
    for cell, message in (("", "box_y_max is '', expected a number"), ("nan", "no area")):
        with pytest.raises(InputError, match=rf"row 2: .*{message}"):
            read(table(header, [*ROW, 1, 2, 50, cell]))


def test_bad_flag(table):
    with pytest.raises(InputError, match=r"row 2: visible1 is '2', expected 0 or 1"):
        read(table(["image", *POINTS, *VISIBLE], [*ROW, 1, 2, 0]))


def test_absent_and_unreadable_files(table, tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read \(No such file"):
        read(tmp_path / "none.csv")
    with pytest.raises(InputError, match="this is a folder, expected the path of the table"):
        read(tmp_path)
    path = table(["image", *POINTS])
    with pytest.raises(InputError, match=r"faces\.csv: the table is empty, no row follows"):
        read(path)
    with pytest.raises(InputError, match=r"none of the 1 annotated .* example .*gone\.jpg"):
        read(table(["image", *POINTS], ["gone.jpg", *ROW[1:]]))
    path.write_text('image,x0\n"a.jpg,1\n')
    with pytest.raises(InputError, match=r"faces\.csv, row 2"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is empty"):
        read(path)


@pytest.mark.parametrize("separator", ";\t")
def test_a_spreadsheet_s_table_is_read_as_one_with_commas(table, separator):
    """Case 34: other separators, Windows paths, a decimal comma where it is not the separator."""
    header = ["image", *POINTS, *VISIBLE, *BOX, "split"]
    path = table(header, [*ROW, 1, 0, 1, 0.5, 2, 50, 60, "train"])
    (expected,) = read(path)
    (path.parent / "faces").mkdir()
    (path.parent / "a.jpg").rename(path.parent / "faces" / "a.jpg")
    text = path.read_text().replace("a.jpg", r"faces\a.jpg").replace(",", separator)
    if separator == ";":
        text = text.replace("4.5", "4,5").replace("0.5", "0,5").replace(";0;", ";0,0;")
    path.write_text(text)
    (face,) = read(path, "train")
    assert face.name == "faces/a.jpg"
    assert face.image == path.parent / "faces" / "a.jpg"
    assert face.landmarks.tolist() == expected.landmarks.tolist()
    assert face.box.tolist() == [0.5, 2, 50, 60]
    assert face.visible.tolist() == [True, False, True]


def test_an_image_name_that_no_disk_can_have_is_not_there(table):
    path = table(["image", *POINTS], ROW, ["a" * 300 + ".jpg", *ROW[1:]], ["\\".join("ab" * 300)])
    path.write_text(path.read_text().rpartition("\n")[0].rpartition("\n")[0] + "\n")
    assert [face.name for face in read(path)] == ["a.jpg"]


def test_without_a_markup(table):
    with pytest.raises(
        InputError, match="data set csv needs a markup .*: one of mtfl_5, .* or a JSON"
    ):
        read(table(["image", *POINTS], ROW), markup=None)


def test_absent_images_are_left_out(table):
    path = table(["image", *POINTS], ROW, ["gone.jpg", *ROW[1:]])
    assert [face.name for face in read(path)] == ["a.jpg"]


@pytest.mark.parametrize(
    ("folder", "counts", "annotated"),
    [("aflw68", (7702, 1066), 440830 + 63024), ("cfp_profile", (1200, 268), 44040)],
)
def test_real_tables_whose_points_are_partly_annotated(shared_data, folder, counts, annotated):
    """The counts are those of the data's own README, and of the cells that are numbers."""
    path = shared_data / folder / "landmarks.csv"
    parts = [read(path, subset, MARKUPS["ibug_68"]) for subset in ("train", "val")]
    assert tuple(map(len, parts)) == counts
    faces = [face for part in parts for face in part]
    assert sum(int(face.annotated.sum()) for face in faces) == annotated
    for face in faces:
        # The table gives the tight box of the points that exist.
        np.testing.assert_allclose(geometry.landmark_box(face.landmarks), face.box, atol=0.02)
        assert not (face.visible & ~face.annotated).any()


def test_a_real_table(shared_data):
    helen = shared_data / "helen29" / "landmarks.csv"
    faces = read(helen, "all", MARKUPS["cofw_29"])
    assert len(faces) == 348
    for face in faces:  # according to COFW's order: the pupils are between the eye corners
        assert np.ptp(face.landmarks[[8, 9], 0]) > np.ptp(face.landmarks[[16, 17], 0])
    with pytest.raises(InputError, match="29 points .* ibug_68 has 68"):
        read(helen, "all", MARKUPS["ibug_68"])
