""".pts files: checks of the header, and errors for damaged files."""

import pytest

from evae_tf.data.readers.pts_file import not_annotated, read_pts
from evae_tf.errors import InputError

TEXT = "version: 1\nn_points:  3\n{\n1.5 -2\n-1 -1\n0 7e1\n}\n"


def read(folder, text):
    path = folder / "face.pts"
    path.write_text(text)
    return read_pts(path)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        TEXT.replace("n_points:  3", "n_points:3"),
        TEXT.replace("version: 1\n", ""),
        TEXT.replace("{\n", "").replace("}\n", ""),
        "1.5 -2\n-1 -1\n0 70",
        "\n" + TEXT.replace("\n", " \r\n"),
    ],
)
def test_header_and_braces_may_be_absent(tmp_path, text):
    points = read(tmp_path, text)
    assert points.tolist() == [[1.5, -2], [-1, -1], [0, 70]]
    assert not_annotated(points).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TEXT.replace("n_points:  3", "n_points: 70"), "n_points is '70', but the file has 3 po"),
        (TEXT.replace("0 7e1\n", ""), "n_points is '3', but the file has 2 points"),
        (TEXT.replace("n_points:  3", "n_points: many"), "n_points is 'many', but the file has 3"),
        (TEXT.replace("version: 1", "version: 1\nversion: 1"), "a second line 'version: 1', expec"),
        (
            TEXT.replace("n_points", "n_points: 3\nn_points"),
            "a second line 'n_points:  3', expecte",
        ),
        (TEXT + TEXT, "a second line 'version: 1', expected one"),
        (TEXT + "5 6\n", "found '5 6' after the }, expected nothing"),
        (TEXT.replace("}\n", ""), "found one brace, expected { before the points and } after"),
        (TEXT.replace("version", "vers1on"), "expected lines of x and y, found 'vers1on: 1'"),
        (TEXT.replace("1.5 -2", "1,5 -2"), "expected lines of x and y, found '1,5 -2'"),
        (TEXT.replace("1.5 -2", "1.5"), "expected lines of x and y, found '1.5'"),
        (TEXT.replace("1.5 -2", "1.5 -2 1"), "expected lines of x and y, found '1.5 -2 1'"),
        ("", "the file is empty"),
    ],
)
def test_damage_is_told_in_one_sentence(tmp_path, text, message):
    with pytest.raises(InputError) as caught:
        read(tmp_path, text)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{tmp_path / 'face.pts'}: ")
    assert str(caught.value).count("face.pts") == 1
