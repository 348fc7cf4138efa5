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
from evae_tf.align.landmark_records import (
    Record,
    landmark_columns,
    landmark_values,
    read_record,
    refuse_another,
)
from evae_tf.errors import InputError
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
        rows.writerow(_columns(markup))
        count = 0

        def write(seconds: float, faces: list[AlignedFace]) -> None:
            nonlocal count
            for face in faces:
                record = face.to_dict()
                rows.writerow([count, round(seconds, 4), record["id"], *landmark_values(record)])
            count += 1

        yield write


def refuse_another_file(path: Path, source: str, model: str, markup: Markup) -> None:
    """Refuses to overwrite the landmarks of another video or model, or a file of another kind.

    A table does not name its video.

    Args:
      path: Path of an existing file.
      source: the video to be written.
      model: the model in use.
      markup: `Markup` of the landmarks.

    Raises:
      InputError: the file is another one.
    """
    with path.open(encoding="utf-8", errors="replace") as file:
        first_line = file.readline().rstrip()
    if path.suffix == ".json":
        header = read_record(first_line.removesuffix(', "frames": [') + "}")
        refuse_another(path, header, source, model, key="video")
    elif first_line != ",".join(_columns(markup)):
        raise InputError(
            f"{path}: the file exists, and is not a table of {markup.name} landmarks of a video; "
            "use another --output or --overwrite."
        )


def _columns(markup: Markup) -> list[str]:
    return ["frame", "seconds", "id", *landmark_columns(markup)]


STREAMS = {"json": json_stream, "csv": csv_stream}
