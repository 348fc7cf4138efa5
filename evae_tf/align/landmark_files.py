"""The files that landmarks are written to, one writer for each format.

Of photos: see `Writer`. Of videos, frame by frame: a context hands out `write(seconds, faces)`; the
file is at its place only once the context has ended without an error.
"""

import abc
import contextlib
import csv
import io
import itertools
import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import TypeAlias

from evae_tf import atomic, geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.landmark_records import (
    Record,
    landmark_columns,
    landmark_values,
    read_record,
    refuse_another,
)
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError
from evae_tf.markups import Markup

_WriteFaces: TypeAlias = Callable[[float, list[AlignedFace]], None]


class Writer(abc.ABC):
    """Writes the landmarks of photos.

    Args:
      folder: Path of the folder to write to.
      model: what to say of the model.
      markup: `Markup` of the landmarks.
    """

    def __init__(self, folder: Path, model: str, markup: Markup) -> None:
        self.folder = folder
        self.model = model
        self.markup = markup

    @abc.abstractmethod
    def refuse_clashes(self, paths: Collection[Path]) -> None:
        """Raises `InputError` if two of the photos would write the same file."""

    @abc.abstractmethod
    def is_done(self, path: Path) -> bool:
        """Whether a photo's landmarks are there from an earlier run.

        Raises:
          InputError: the file there is of another photo or model.
        """

    @abc.abstractmethod
    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        """Writes the landmarks of one photo."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the run, also one that was broken off."""


class JsonWriter(Writer):
    """`<stem>.json` for each photo, also where there is no face."""

    def refuse_clashes(self, paths: Collection[Path]) -> None:
        """Photos of different stems write different files."""

    def close(self) -> None:
        """Nothing is left to do."""

    def is_done(self, path: Path) -> bool:
        target = self._target(path)
        if not target.exists():
            return False
        refuse_another(target, read_record(target.read_text("utf-8")), path, self.model)
        return True

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        record = {
            "image": str(path),
            "width": image.shape[1],
            "height": image.shape[0],
            "model": self.model,
            "markup": self.markup.name,
            "faces": [face.to_dict() for face in faces],
        }
        atomic.write_text(self._target(path), json.dumps(record) + "\n")

    def _target(self, path: Path) -> Path:
        return self.folder / f"{path.stem}.json"


class PtsWriter(Writer):
    """`<stem>.pts`, `<stem>_1.pts`, ... as 300-W lays them out, counted from 1: a file a face.

    They do not say what they are of, and a photo without a face leaves none: it is not known to be
    done.
    """

    def refuse_clashes(self, paths: Collection[Path]) -> None:
        stems = {path.stem for path in paths}
        for path in paths:
            first, _, number = path.stem.rpartition("_")
            if number.isdecimal() and first in stems:
                raise InputError(
                    f"{path}: {path.stem}.pts may also be the name of a further face of {first}; "
                    "rename the photo, or take another --format."
                )

    def is_done(self, path: Path) -> bool:
        return self._target(path, 0).exists()

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        self._remove(path)
        for index, face in enumerate(faces):
            points = geometry.to_one_based(face.landmarks)
            lines = ["version: 1", f"n_points:  {len(points)}", "{"]
            lines += [f"{x:.3f} {y:.3f}" for x, y in points]
            atomic.write_text(self._target(path, index), "\n".join([*lines, "}"]) + "\n")

    def close(self) -> None:
        """Nothing is left to do."""

    def _remove(self, path: Path) -> None:
        """Removes the files of an earlier run, which may have found more faces."""
        for index in itertools.count():
            target = self._target(path, index)
            if not target.exists():
                return
            target.unlink()

    def _target(self, path: Path, index: int) -> Path:
        return self.folder / f"{path.stem}{f'_{index}' if index else ''}.pts"


class CsvWriter(Writer):
    """One `landmarks.csv`, a row for each face; rows of an earlier run stay.

    Raises:
      InputError: the file is there, but with the columns of another model.
    """

    def __init__(self, folder: Path, model: str, markup: Markup) -> None:
        super().__init__(folder, model, markup)
        self.target = folder / "landmarks.csv"
        self.columns = ["image", *landmark_columns(markup)]
        self.rows: dict[str, list[Record]] = {}  # of each photo, by its path
        if self.target.exists():
            # A spreadsheet that saved the table may have put a byte-order mark in front.
            with self.target.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.DictReader(file)
                if reader.fieldnames != self.columns:
                    raise InputError(
                        f"{self.target}: not a table of {markup.name} landmarks; remove it first."
                    )
                for row in reader:
                    self.rows.setdefault(row["image"], []).append(row)

    def refuse_clashes(self, paths: Collection[Path]) -> None:
        """All photos share one file."""

    def is_done(self, path: Path) -> bool:
        return str(path) in self.rows

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        self.rows[str(path)] = [self._row(path, face.to_dict()) for face in faces]

    def close(self) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, self.columns, lineterminator="\n")
        writer.writeheader()
        for path in sorted(self.rows):
            writer.writerows(self.rows[path])
        atomic.write_text(self.target, text.getvalue())

    def _row(self, path: Path, record: Record) -> Record:
        return dict(zip(self.columns, [str(path), *landmark_values(record)], strict=True))


WRITERS: dict[str, type[Writer]] = {"json": JsonWriter, "csv": CsvWriter, "pts": PtsWriter}


@contextlib.contextmanager
def json_stream(path: Path, header: Record, markup: Markup) -> Iterator[_WriteFaces]:
    """`{..header.., "frames": [{"frame", "seconds", "faces": [...]}]}`, a line for each frame.

    Args:
      path: Path of the file.
      header: dict of what the file says of the video.
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
    """A row for each face of each frame: `frame`, `seconds`, `id`, then as for photos."""
    del header  # a table of numbers
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
    """What a file of `json_stream` says of its video; an empty dict if it is none."""
    with path.open(encoding="utf-8") as file:
        first_line = file.readline().rstrip()
    return read_record(first_line.removesuffix(', "frames": [') + "}")


STREAMS = {"json": json_stream, "csv": csv_stream}
