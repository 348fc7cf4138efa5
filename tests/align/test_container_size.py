"""A video that was cut off is noticed where its container knows its size."""

import struct

import cv2
import numpy as np
import pytest

from evae_tf.align.container_size import missing_bytes

UNKNOWN = b"\x01" + b"\xff" * 7
SEGMENT = bytes.fromhex("18538067")


@pytest.fixture(params=[("mkv", "MJPG"), ("webm", "VP80"), ("wmv", "WMV2")])
def video(request, tmp_path):
    """A complete video of some frames, written by OpenCV."""
    ending, codec = request.param
    path = tmp_path / f"whole.{ending}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*codec), 25, (64, 48))
    assert writer.isOpened()
    for index in range(12):
        writer.write(np.full((48, 64, 3), 20 * index, np.uint8))
    writer.release()
    return path


def test_what_was_cut_off_is_counted(video):
    content = video.read_bytes()
    assert missing_bytes(video) == 0
    for lost in (1, 100, len(content) // 2):
        video.write_bytes(content[:-lost])
        assert missing_bytes(video) == lost
    video.write_bytes(content + b"more")
    assert missing_bytes(video) == 0


def test_a_cut_anywhere_in_the_header_is_no_crash(video):
    content = video.read_bytes()
    for end in range(400):
        video.write_bytes(content[:end])
        assert missing_bytes(video) in (0, len(content) - end)


def test_a_size_that_is_not_known_proves_nothing(video):
    """Live recorders cannot go back to the beginning to write it."""
    content = video.read_bytes()
    if video.suffix == ".wmv":
        properties = content.index(bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365"))
        flags = struct.unpack_from("<I", content, properties + 88)[0]
        live = bytearray(content)
        struct.pack_into("<I", live, properties + 88, flags | 1)
    else:
        place = content.index(SEGMENT) + len(SEGMENT)
        live = content[:place] + UNKNOWN + content[place + 8 :]
    video.write_bytes(live[: len(live) // 2])
    assert missing_bytes(video) == 0


@pytest.mark.parametrize(
    ("start", "size"),
    [
        (b"\x1a\x45\xdf\xa3\x83abc" + SEGMENT + b"\x85", 13 + 5),
        (b"\x1a\x45\xdf\xa3\x40\x03abc" + SEGMENT + b"\x40\x05", 15 + 5),
        (b"\x1a\x45\xdf\xa3\x83abc" + SEGMENT + b"\x10\x00\x01\x00", 16 + 256),
        (b"\x1a\x45\xdf\xa3\x83abc" + SEGMENT + b"\xff", None),  # unknown, in one byte
        (b"\x1a\x45\xdf\xa3\x83abc" + b"\x1c\x53\xbb\x6b\x85", None),  # another element
        (b"\x1a\x45\xdf\xa3\x83abc" + SEGMENT + b"\x00\x85", None),  # no size has nine bytes
        (b"\x1a\x45\xdf\xa3", None),
        (b"", None),
        (b"notes of a day", None),
    ],
)
def test_sizes_of_matroska_worked_by_hand(start, size, tmp_path):
    path = tmp_path / "a.mkv"
    path.write_bytes(start)
    assert missing_bytes(path) == (0 if size is None else size - len(start))
