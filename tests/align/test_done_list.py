"""Which files count as finished."""

import json
import os

import pytest

from evae_tf.align.done_list import DoneList


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"pixels")
    return path


def listed(tmp_path, **settings):
    return DoneList(tmp_path / "done.jsonl", {"format": "json", "passes": 2, **settings})


def test_done_is_this_file_with_these_settings(tmp_path, photo):
    with listed(tmp_path) as done:
        assert done.faces(photo) is None
        done.add(photo, 3)
        assert done.faces(photo) == 3
    with listed(tmp_path) as done:
        assert done.faces(photo) == 3
        assert done.faces(photo, [[1, 2, 3, 4]]) is None
        assert done.faces(tmp_path / "b.jpg") is None
    with listed(tmp_path, passes=1) as done:
        assert done.faces(photo) is None


def test_the_files_of_an_earlier_run_are_those_of_its_format(tmp_path, photo):
    """Whatever its other settings: a run may replace them, but no file of somebody else."""
    with listed(tmp_path, format="pts") as done:
        assert done.written(photo) is None
        done.add(photo, 3)
    with listed(tmp_path, format="pts", passes=1) as done:
        assert done.written(photo) == 3
    with listed(tmp_path) as done:
        assert done.written(photo) is None


@pytest.mark.parametrize("change", ["content", "date"])
def test_a_replaced_photo_is_another_one(tmp_path, photo, change):
    with listed(tmp_path) as done:
        done.add(photo, 3)
    if change == "content":
        status = photo.stat()
        photo.write_bytes(b"other pixels")
        os.utime(photo, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        os.utime(photo, ns=(1, 1))
    with listed(tmp_path) as done:
        assert done.faces(photo) is None


def test_a_line_that_a_killed_run_left_half_is_not_believed(tmp_path, photo):
    with listed(tmp_path) as done:
        done.add(photo, 3)
        done.add(photo, 4)
    path = tmp_path / "done.jsonl"
    (first, second) = path.read_text().splitlines(keepends=True)
    path.write_text(first + second[:-9])
    with listed(tmp_path) as done:
        assert done.faces(photo) == 3
        done.add(photo, 5)
    assert [json.loads(line)["faces"] for line in path.read_text().splitlines()] == [3, 5]


def test_a_list_that_is_none_is_begun_again(tmp_path, photo):
    (tmp_path / "done.jsonl").write_bytes(b'\xff\n[1, 2]\n{"source": 3}\n"text"\n')
    with listed(tmp_path) as done:
        assert done.faces(photo) is None
        done.add(photo, 1)
    with listed(tmp_path) as done:
        assert done.faces(photo) == 1
