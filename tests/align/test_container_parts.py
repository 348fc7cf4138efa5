"""A file that ends within a tag, page, box or packet was cut off; a whole one never seems so."""

import struct

import cv2
import numpy as np
import pytest

from evae_tf.align.container_parts import is_fragmented
from evae_tf.align.container_size import missing_bytes
from evae_tf.align.frames import Video

CODECS = {"ts": "mp4v", "mts": "mpg2", "m2ts": "mpg2", "mpg": "mpg1", "mpeg": "mpg2"}
CODECS |= {"vob": "mpg2", "flv": "FLV1", "ogv": "VP80", "ismv": "mp4v", "mp4": "mp4v"}
FRAMES = 12


@pytest.fixture(params=CODECS)
def whole(request, tmp_path):
    """A complete video, written by OpenCV. The MP4 files of .ismv are in fragments."""
    path = tmp_path / f"whole.{request.param}"
    code = cv2.VideoWriter.fourcc(*CODECS[request.param])
    writer = cv2.VideoWriter(str(path), code, 25, (160, 120))
    assert writer.isOpened()
    picture = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    for index in range(FRAMES):
        writer.write(np.roll(picture, index, 1))
    writer.release()
    return path


def test_cuts_are_noticed_and_whole_files_are_not(whole):
    content = whole.read_bytes()
    assert missing_bytes(whole) == 0
    whole.write_bytes(content + bytes(1000))  # padded, as sectors of a disc are
    assert missing_bytes(whole) == 0
    lengths = np.random.default_rng(1).integers(len(content) // 2, len(content), 40)
    cuts = []
    for length in map(int, lengths):
        whole.write_bytes(content[:length])
        cuts.append(missing_bytes(whole))
        assert cuts[-1] <= len(content) - length, "more than there ever was"
    # The others lie between two parts. The table of an ordinary .mp4, at its end, is large.
    assert sum(cut > 0 for cut in cuts) >= 38


@pytest.mark.parametrize("codec", ["ts", "m2ts"])
def test_a_transport_stream_is_whole_packets(codec, tmp_path):
    """And nothing else can be known of its length."""
    size, lead = (188, b"") if codec == "ts" else (192, b"time")
    packet = lead + b"\x47" + bytes(187)
    path = tmp_path / f"a.{codec}"
    for rest in (0, 1, 4, 5, 100, size - 1):
        path.write_bytes(packet * 8 + packet[:rest])
        is_certain = rest > len(lead)  # its sync byte is there
        assert missing_bytes(path) == (size - rest if is_certain else 0)
    path.write_bytes(packet * 8 + b"no packet")
    assert missing_bytes(path) == 0
    path.write_bytes(b"half a packet" + packet * 8 + packet[:50])
    assert missing_bytes(path) == 0, "a recording that began within a packet"


FLV = b"FLV\x01\x01" + struct.pack(">I", 9)
NO_TAG = bytes(4)


def tag(size, kind=9):
    body = bytes([kind]) + size.to_bytes(3) + bytes(7) + bytes(size)
    return body + struct.pack(">I", len(body))


def box(kind, size):
    return struct.pack(">I", 8 + size) + kind + bytes(size)


def page(*segments):
    return b"OggS" + bytes(22) + bytes([len(segments), *segments]) + bytes(sum(segments))


PACK_1, PACK_2 = b"\0\0\1\xba\x21" + bytes(7), b"\0\0\1\xba\x44" + bytes(8) + b"\xfa\xff\xff"
VIDEO = b"\0\0\1\xe0\x01\x00" + bytes(256)


@pytest.mark.parametrize(
    ("content", "last"),
    [
        (FLV + NO_TAG + tag(40, 18) + tag(300) + tag(70_000, 8), 70_011),
        (PACK_1 + VIDEO + PACK_1 + VIDEO, 262),
        (PACK_2 + VIDEO + b"\0\0\1\xb9" + PACK_2 + VIDEO, 262),  # a stream after another
        (page(30) + page(255, 255, 7), 27 + 3 + 517),
        (box(b"ftyp", 16) + box(b"moov", 100) + box(b"moof", 90) + box(b"mdat", 500), 508),
        (box(b"ftyp", 16) + b"\0\0\0\1mdat" + (516).to_bytes(8) + bytes(500), 516),
    ],
)
def test_parts_worked_by_hand(content, last, tmp_path):
    """`last` is the length of the last part, of which more and more is cut off."""
    path = tmp_path / "video"
    path.write_bytes(content)
    assert missing_bytes(path) == 0
    is_tag = content.startswith(FLV)
    if is_tag:  # the length of the last tag, at the end of the file, may be absent
        path.write_bytes(content[:-4])
        assert missing_bytes(path) == 0
        content = content[:-4]
    for lost in {1, 2, last // 3, last // 2, last - 40}:
        path.write_bytes(content[:-lost])
        assert missing_bytes(path) == lost


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"FLV",
        b"\0\0\1",
        b"a diary of no length at all",
        FLV + NO_TAG + tag(40) + b"\x08 comment of another program",
        box(b"ftyp", 16) + struct.pack(">I4s", 0, b"mdat") + bytes(90),  # up to the end
        box(b"ftyp", 16) + struct.pack(">I4s", 9000, b"beam") + bytes(90),  # of a vendor
        b"\0\0\1\xb3" + bytes(90),  # pictures without a container
    ],
)
def test_what_is_unknown_proves_nothing(content, tmp_path):
    path = tmp_path / "video"
    path.write_bytes(content)
    assert missing_bytes(path) == 0


def test_fragments_have_no_table_of_frames(whole):
    """OpenCV counts them from the duration, which may be that of the sound."""
    assert is_fragmented(whole) == (whole.suffix == ".ismv")
    if whole.suffix in (".ismv", ".mp4"):
        path = whole.replace(whole.with_name("a.mp4"))
        video = Video(path)
        assert video.announced == (None if whole.suffix == ".ismv" else FRAMES)
        assert len(list(video)) == FRAMES
