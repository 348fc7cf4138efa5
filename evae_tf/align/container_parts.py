"""The parts that make up a video file, each of which begins with its own length.

FLV tags, Ogg pages, MP4 boxes, and the packets of MPEG streams (.mpg, .vob, .ts, .mts, .m2ts). A
file that ends within a part was cut off. A cut between two parts is not noticed: streams have no
length, so that their end cannot be told from a cut. The metadata of an FLV file has a `filesize`,
but programs that store a part of a video copy it from the whole one, and it proves nothing.

Sources: Adobe Flash Video File Format Specification, 10.1, annex E; RFC 3533 (Ogg); ISO/IEC
14496-12 (MP4); ISO/IEC 11172-1 and 13818-1 (MPEG streams).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeAlias

# From the first bytes of a part, with zeros behind the end of the file: its length, or the least
# that it can be. None if these are not the first bytes of a part.
_Length: TypeAlias = Callable[[bytes], int | None]

_LONGEST_HEADER = 27 + 255  # of an Ogg page
_FLV_TAGS = (8, 9, 18)  # sound, pictures, metadata
_BOXES = frozenset(
    b"ftyp moov mdat moof mfra free skip wide uuid udta meta styp sidx ssix emsg prft pdin".split()
)
_SYNC = 0x47
_LEADS = {188: 0, 192: 4}  # length of a transport packet: number of bytes before its sync byte
_PACKETS_CHECKED = 4


def end_of_parts(file: BinaryIO, found: int) -> int:
    """The end of the last part that begins in a file of `found` bytes; 0 if that is unknown."""
    file.seek(0)
    start = file.read(_LONGEST_HEADER)
    if (end := _transport_end(file, found)) is not None:
        return end
    if start.startswith(b"FLV"):
        return _last_end(file, int.from_bytes(start[5:9]), _flv_tag)
    for part in (_ogg_page, _program_packet, _mp4_box):
        if part(start.ljust(_LONGEST_HEADER, b"\0")) is not None:
            return _last_end(file, 0, part)
    return 0


def is_fragmented(path: str | os.PathLike[str]) -> bool:
    """Whether a file is an MP4 file in fragments, which has no table of all frames."""
    with Path(path).open("rb") as file:
        return any(head[4:8] == b"moof" for head, _ in _parts(file, 0, _mp4_box))


def _parts(file: BinaryIO, place: int, length_of: _Length) -> Iterator[tuple[bytes, int]]:
    """(first bytes, end) of each part, as long as one follows the other."""
    file.seek(place)
    while head := file.read(_LONGEST_HEADER):
        length = length_of(head.ljust(_LONGEST_HEADER, b"\0"))
        if length is None:
            return
        place += length
        yield head, place
        file.seek(place)


def _last_end(file: BinaryIO, place: int, length_of: _Length) -> int:
    return max((end for _, end in _parts(file, place, length_of)), default=0)


def _flv_tag(head: bytes) -> int | None:
    """A tag and the length of the previous one before it; that of the last may be absent."""
    kind, stream = head[4] & 0x1F, head[12:15]
    return 15 + int.from_bytes(head[5:8]) if kind in _FLV_TAGS and not any(stream) else None


def _ogg_page(head: bytes) -> int | None:
    return 27 + head[26] + sum(head[27 : 27 + head[26]]) if head.startswith(b"OggS\0") else None


def _mp4_box(head: bytes) -> int | None:
    if head[4:8] not in _BOXES:
        return None
    short = int.from_bytes(head[:4])
    if short == 1:
        return max(16, int.from_bytes(head[8:16]))
    return short if short >= 8 else None  # 0: the box reaches to the end, wherever that is


def _program_packet(head: bytes) -> int | None:
    """A pack header or packet of an MPEG program stream."""
    code = head[3]
    if not head.startswith(b"\0\0\1") or code < 0xB9:
        return None
    if code == 0xB9:  # the end of a stream; another may follow
        return 4
    if code == 0xBA:
        is_first, is_second = head[4] >> 4 == 0b0010, head[4] >> 6 == 0b01  # MPEG-1, MPEG-2
        return 12 if is_first else 14 + (head[13] & 7) if is_second else None
    return 6 + int.from_bytes(head[4:6])


def _transport_end(file: BinaryIO, found: int) -> int | None:
    """The end of the last packet, if the file begins and ends as an MPEG transport stream does.

    Packets have no length of their own, but all have one length and a sync byte.
    """
    for length, lead in _LEADS.items():
        last = (found - lead - 1) // length
        checked = [*range(_PACKETS_CHECKED), *range(last - _PACKETS_CHECKED + 1, last + 1)]
        if last < _PACKETS_CHECKED:
            continue
        if all(_byte(file, index * length + lead) == _SYNC for index in checked):
            return (last + 1) * length
    return None


def _byte(file: BinaryIO, place: int) -> int:
    file.seek(place)
    return file.read(1)[0]
