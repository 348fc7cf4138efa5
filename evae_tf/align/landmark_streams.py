"""Landmark files of videos, one context manager per format.

It yields `write(seconds, faces)`, called once per frame. The file appears when the context exits
without an error.
"""

import contextlib
import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

from evae_tf import atomic
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.landmark_records import Record, landmark_columns, landmark_values, read_record
from evae_tf.markups import Markup

_WriteFaces: TypeAlias = Callable[[float, list[AlignedFace]], None]


@contextlib.contextmanager
def json_stream(path: Path, header: Record, markup: Markup) -> Iterator[_WriteFaces]:
    """Writes `{..header.., "frames": [{"frame", "seconds", "faces": [...]}]}`, one line per frame.

    Args:
      path: Path of the file.
      header: dict with the video's metadata.
      markup: `Markup` of the landmarks.
    """
    header = {**header, "markup": markup.name}
    with atomic.replacing_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        file.write(json.dumps(header)[:-1] + ', "frames": [')
        count = 0

        def write(seconds: float, faces: list[AlignedFace]) -> None:
            nonlocal count
            frame = {"frame": count, "seconds": round(seconds, 4)}
            frame["faces"] = [face.to_dict() for face in faces]
            file.write(f"{',' if count else ''}\n{json.dumps(frame)}")
            count += 1

        yield write
        file.write("\n]}\n")


@contextlib.contextmanager
def csv_stream(path: Path, header: Record, markup: Markup) -> Iterator[_WriteFaces]:
    """Writes one row per face and frame: `frame`, `seconds`, `id`, then the columns of photos."""
    del header  # a table has no place for it
    with (
        atomic.replacing_file(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(["frame", "seconds", "id", *landmark_columns(markup)])
        count = 0

        def write(seconds: float, faces: list[AlignedFace]) -> None:
            nonlocal count
            for face in faces:
                record = face.to_dict()
                rows.writerow([count, round(seconds, 4), record["id"], *landmark_values(record)])
            count += 1

        yield write


def read_header(path: Path) -> Record:
    """The header of a `json_stream` file; an empty dict for any other file."""
    with path.open(encoding="utf-8", errors="replace") as file:
        first_line = file.readline().rstrip()
    return read_record(first_line.removesuffix(', "frames": [') + "}")


STREAMS = {"json": json_stream, "csv": csv_stream}
