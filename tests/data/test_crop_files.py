"""Crops in files, written in parts and read by rows."""

import numpy as np
import pytest

from evae_tf.data.crop_files import CropFiles, CropStore, part
from evae_tf.errors import InputError

CROPS = np.random.default_rng(4).integers(0, 256, (7, 5, 6, 3), np.uint8)


def write(writer):
    for row in writer.rows:
        writer[row] = CROPS[row]


def refuse(writer):
    raise AssertionError("the crops exist")


def opened(folder, count, write=write):
    """The crops as the last of some processes opens them, after each has written its part."""
    for index in range(count - 1):
        with pytest.raises(InputError, match="lacks the crops of the other processes"):
            CropStore(folder, index, count).open("faces", CROPS.shape, write)
    return CropStore(folder, count - 1, count).open("faces", CROPS.shape, write)


@pytest.mark.parametrize("count", [1, 2, 3, 9])
def test_parts_are_the_whole(tmp_path, count):
    found = opened(tmp_path, count)
    assert len(found) == 7
    assert found.shape == CROPS.shape
    assert len(list(tmp_path.iterdir())) == count
    for rows in (slice(None), slice(2, 6), np.array([6, 0, 3, 3]), np.array([], int)):
        np.testing.assert_array_equal(found[rows], CROPS[rows])


def test_parts_cover_all_rows_once():
    for length, count in ((0, 2), (1, 3), (20, 2), (20, 7)):
        rows = [row for index in range(count) for row in part(length, index, count)]
        assert rows == list(range(length))
        sizes = [len(part(length, index, count)) for index in range(count)]
        assert max(sizes) - min(sizes) <= 1


def test_another_number_of_processes_reads_the_same_files(tmp_path):
    opened(tmp_path, 3)
    for index in range(2):
        found = CropStore(tmp_path, index, 2).open("faces", CROPS.shape, refuse)
        np.testing.assert_array_equal(found[:], CROPS)


def test_a_part_that_is_missing_is_written_again(tmp_path):
    opened(tmp_path, 2)
    missing = tmp_path / "faces_1of2.npy"
    missing.unlink()
    found = CropStore(tmp_path, 0, 2).open("faces", CROPS.shape, write)
    np.testing.assert_array_equal(found[:], CROPS)


def test_a_failed_part_leaves_no_file(tmp_path):
    with pytest.raises(AssertionError):
        CropStore(tmp_path).open("faces", CROPS.shape, refuse)
    assert not list(tmp_path.iterdir())


def test_all_processes_wait_also_where_the_files_exist(tmp_path):
    """Otherwise a process that comes late would leave the others waiting."""
    waited = []
    for _ in range(2):
        CropStore(tmp_path, wait=lambda: waited.append(1)).open("faces", CROPS.shape, write)
    assert len(waited) == 2


def test_a_damaged_file_is_named(tmp_path):
    found = opened(tmp_path, 1)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match=r"faces_1of1\.npy: is truncated"):
        found[:]
    with pytest.raises(InputError, match=r"faces_1of1\.npy: cannot be read"):
        CropFiles([path])
