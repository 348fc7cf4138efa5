"""The size that a video file should have, according to its own container.

Matroska (.mkv, .webm) and ASF (.wmv) files say in their first bytes how long they are. A file that
is shorter was cut off. That is a fact, unlike a number of frames, which is estimated from the
duration in these containers. A program that could not go back to the beginning, such as a live
recorder, leaves the size unknown. Other containers say it of each of their parts only: see
`container_parts`.

Sources: RFC 9559 (Matroska) and RFC 8794 (EBML); Advanced Systems Format Specification, 3.2.
"""

import os
import struct
from pathlib import Path

from evae_tf.align.container_parts import end_of_parts

_LONGEST_HEADER = 2**16
_EBML, _SEGMENT = bytes.fromhex("1a45dfa3"), bytes.fromhex("18538067")
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_ASF_BROADCAST = 1  # the flag of a live stream, whose size is not valid


def missing_bytes(path: str | os.PathLike[str]) -> int:
    """The least number of bytes that a video file lacks at its end; 0 if that is unknown."""
    with Path(path).open("rb") as file:
        start = file.read(_LONGEST_HEADER)
        found = file.seek(0, os.SEEK_END)
        size = _matroska_size(start) or _asf_size(start) or end_of_parts(file, found)
    return max(0, size - found)


def _matroska_size(start: bytes) -> int | None:
    """The end of the first segment, which holds everything but a short header."""
    if not start.startswith(_EBML):
        return None
    header, place = _ebml_size(start, len(_EBML))
    place += header or 0
    if start[place : place + len(_SEGMENT)] != _SEGMENT:
        return None
    segment, place = _ebml_size(start, place + len(_SEGMENT))
    return None if segment is None else place + segment


def _ebml_size(data: bytes, place: int) -> tuple[int | None, int]:
    """(size of an element, None if unknown; the place behind the size)."""
    first = data[place] if place < len(data) else 0
    length = 9 - first.bit_length()  # the number of leading zero bits, and 1
    if length > 8 or place + length > len(data):
        return None, place
    value = int.from_bytes(data[place : place + length], "big") & ~(1 << 7 * length)
    unknown = (1 << 7 * length) - 1
    return None if value == unknown else value, place + length


def _asf_size(start: bytes) -> int | None:
    properties = start.find(_ASF_FILE_PROPERTIES)
    if not start.startswith(_ASF) or len(start) < properties + 92 or properties < 0:
        return None
    (size,) = struct.unpack_from("<Q", start, properties + 40)
    (flags,) = struct.unpack_from("<I", start, properties + 88)
    return None if flags & _ASF_BROADCAST else size
