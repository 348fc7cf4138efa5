"""Tables as written by spreadsheets and programs, and their error messages."""

import codecs

import pytest

from evae_tf.data.tables import image_name, read_table
from evae_tf.data.text_files import errors_name, read_lines
from evae_tf.errors import InputError

COMMAS = "image,x,note\na.jpg,1.5,north\nb.jpg,-2,\n"
FOUND = [("a.jpg", 1.5, "north"), ("b.jpg", -2, "")]


def table(folder, content):
    path = folder / "table.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def found(path):
    columns, rows = read_table(path)
    assert columns == ["image", "x", "note"]
    return [(row.cells["image"], row.value("x"), row.cells["note"]) for row in rows]


def refusal(path):
    """The error message, which names the file once and ends with one full stop."""
    with pytest.raises(InputError) as caught:
        for row in read_table(path)[1]:
            with errors_name(row.source):
                row.value("x")
    message = str(caught.value)
    assert message.startswith(str(path))
    assert message.count(path.name) == 1
    assert message.endswith(".")
    assert not message.endswith("..")
    assert "\n" not in message
    return message.removeprefix(str(path))


@pytest.mark.parametrize(
    "content",
    [
        COMMAS,
        COMMAS.replace(",", ";"),
        COMMAS.replace(",", ";").replace("1.5", "1,5"),  # Excel in German
        COMMAS.replace(",", "\t"),
        "\ufeff" + COMMAS.replace("\n", "\r\n"),  # Excel's "CSV UTF-8"
        COMMAS.replace("\n", "\r"),
        COMMAS.replace(",", "\t").replace("\n", "\r\n").encode("utf-16"),  # "Unicode text"
        codecs.BOM_UTF16_BE + COMMAS.encode("utf-16-be"),
        COMMAS.replace(",", ", ").rstrip("\n"),
        "\n" + COMMAS.replace("\n", "\n,,\n"),  # blank rows of a spreadsheet
        "sep=;\r\n" + COMMAS.replace(",", ";"),  # the line by which Excel knows the separator
        "sep=,\n" + COMMAS,
        COMMAS.replace("\n", ",,\n"),  # columns that were cleared
        COMMAS.replace("\n", ";;\n", 1).replace("-2,", "-2,;").replace(",", ";"),
        COMMAS.replace("a.jpg", '"a.jpg"').replace("note", '"note"'),
    ],
)
def test_every_spelling_of_a_table_is_read_alike(content, tmp_path):
    assert found(table(tmp_path, content)) == FOUND


def test_rows_are_numbered_as_in_a_spreadsheet(tmp_path):
    path = table(tmp_path, "image,x\na,1\n\nb,2\n")
    assert [row.number for row in read_table(path)[1]] == [2, 4]
    path = table(tmp_path, "sep=;\nimage;x\na;1\n")
    assert [row.number for row in read_table(path)[1]] == [3]


def test_cells_may_hold_separators_and_unicode_s_line_ends(tmp_path):
    path = table(tmp_path, 'image;x;note\n"a;b.jpg";1;n\u2028\x85\x0bm, o\n')
    assert found(path) == [("a;b.jpg", 1, "n\u2028\x85\x0bm, o")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", ": the file is empty."),
        ("\ufeff \r\n", ": the file is empty."),
        (",,\n\n", ": the table is empty, it has no header."),
        ("image,x\n", ": the table is empty, no row follows its header."),
        ("image;x\r\n;\r\n", ": the table is empty, no row follows its header."),
        (
            "image|x\na.jpg|1\n",
            ": the header is 'image|x', expected columns separated by comma, semicolon or tab.",
        ),
        ("image,x,x\na,1,2\n", ": the header names x more than once."),
        ("image,,,x\na,1,2,3\n", ": the header names a column without a name more than once."),
        ("image,x,,\na,1,,3\n", ", row 2: 4 cells, expected 2 as in the header."),
        ("image,x\na,1,2\n", ", row 2: 3 cells, expected 2 as in the header."),
        ("image,x\na,wide\n", ", row 2: x is 'wide', expected a number."),
        (
            'image,x\na,"1,5"\n',  # 1.5, or not a number where the comma separates thousands
            ", row 2: x is '1,5', expected a number with a decimal point.",
        ),
        ("image\tx\na\t1,5\n", ", row 2: x is '1,5', expected a number with a decimal point."),
        ("image;x\na;1.234,5\n", ", row 2: x is '1.234,5', expected a number."),
        ('image,x\n"a,1\n', ", row 2: unexpected end of data."),
        (b"image,x\nM\xfcller.jpg,1\n", ": expected a text file in UTF-8, found other bytes."),
        (
            COMMAS.encode("utf-16-le"),
            ": expected a text file in UTF-8, or in UTF-16 with a byte-order mark, found zero "
            "bytes.",
        ),
    ],
)
def test_what_cannot_be_read_is_told_in_one_sentence(content, message, tmp_path):
    assert refusal(table(tmp_path, content)) == message


def test_a_missing_table_is_named_once(tmp_path):
    assert refusal(tmp_path / "none.csv") == ": cannot be read (No such file or directory)."


def test_backslashes_are_separators_but_where_a_file_has_them_in_its_name(tmp_path):
    assert image_name(tmp_path, r"faces\sub\a.jpg") == "faces/sub/a.jpg"
    assert image_name(tmp_path, "faces/a.jpg") == "faces/a.jpg"
    (tmp_path / r"odd\name.jpg").touch()
    assert image_name(tmp_path, r"odd\name.jpg") == r"odd\name.jpg"


def test_lists_too_may_be_utf_16(tmp_path):
    """What `dir > val.txt` writes in Windows' PowerShell."""
    path = tmp_path / "val.txt"
    path.write_bytes("afw/1_1\r\nafw/2_1".encode("utf-16"))
    assert read_lines(path) == ["afw/1_1", "afw/2_1"]
