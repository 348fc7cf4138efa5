"""Landmark files of photos, one writer per format; see `landmark_streams` for videos."""

import abc
import collections
import csv
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TextIO

from evae_tf import atomic, geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.landmark_records import (
    landmark_columns,
    landmark_values,
    read_record,
    refuse_another,
)
from evae_tf.array_types import ByteArray
from evae_tf.errors import InputError
from evae_tf.markups import Markup

TABLE = "landmarks.csv"


class Writer(abc.ABC):
    """Writes the landmarks of photos.

    Args:
      folder: Path of the output folder.
      model: name of the model, as recorded in the files.
      markup: `Markup` of the landmarks.
    """

    def __init__(self, folder: Path, model: str, markup: Markup) -> None:
        self.folder = folder
        self.model = model
        self.markup = markup

    @staticmethod
    @abc.abstractmethod
    def file_name(path: Path) -> str | None:
        """File name for a photo's first face; None if all photos share one table."""

    @abc.abstractmethod
    def refuse_another(self, path: Path, before: int | None) -> None:
        """Raises `InputError` if a photo's landmark file exists but is not of this photo.

        Args:
          path: Path of the photo.
          before: see `begin`.
        """

    @abc.abstractmethod
    def is_there(self, path: Path, faces: int) -> bool:
        """Whether all files of a photo with `faces` faces exist."""

    @abc.abstractmethod
    def begin(self, before: Mapping[Path, int | None]) -> None:
        """Begins a run that replaces the landmarks of some photos.

        Args:
          before: the number of faces that an earlier run wrote of each photo, or None.
        """

    @abc.abstractmethod
    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        """Writes the landmarks of one photo."""

    @abc.abstractmethod
    def close(self) -> None:
        """Ends the run, also an interrupted one."""


class JsonWriter(Writer):
    """Writes `<stem>.json` for each photo, also for photos without a face."""

    @staticmethod
    def file_name(path: Path) -> str:
        return f"{path.stem}.json"

    def refuse_another(self, path: Path, before: int | None) -> None:
        target = self.folder / self.file_name(path)
        if os.path.exists(target):
            record = read_record(target.read_text("utf-8", errors="replace"))
            refuse_another(target, record, path, self.model)

    def is_there(self, path: Path, faces: int) -> bool:
        return os.path.exists(self.folder / self.file_name(path))

    def begin(self, before: Mapping[Path, int | None]) -> None:
        """Files are replaced one by one."""

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        record = {
            "image": str(path),
            "width": image.shape[1],
            "height": image.shape[0],
            "model": self.model,
            "markup": self.markup.name,
            "faces": [face.to_dict() for face in faces],
        }
        atomic.write_text(self.folder / self.file_name(path), json.dumps(record) + "\n")

    def close(self) -> None:
        """Nothing is left to do."""


class PtsWriter(Writer):
    """Writes one 300-W file per face: `<stem>.pts`, `<stem>_1.pts`, ..., pixels counted from 1.

    Files of faces that an earlier run found, and this one does not, are removed.
    """

    _before: Mapping[Path, int | None] = {}

    @staticmethod
    def file_name(path: Path) -> str:
        return f"{path.stem}.pts"

    def refuse_another(self, path: Path, before: int | None) -> None:
        """The file does not name its photo; annotations are called the same."""
        target = self._file(path, 0)
        if before is None and os.path.exists(target):
            raise InputError(
                f"{target}: the file exists, and is not from an earlier run; use another --output "
                "or --overwrite."
            )

    def is_there(self, path: Path, faces: int) -> bool:
        return all(os.path.exists(self._file(path, index)) for index in range(faces))

    def begin(self, before: Mapping[Path, int | None]) -> None:
        self._before = before

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        for index, face in enumerate(faces):
            points = geometry.to_one_based(face.landmarks)
            lines = ["version: 1", f"n_points:  {len(points)}", "{"]
            lines += [f"{x:.3f} {y:.3f}" for x, y in points]
            atomic.write_text(self._file(path, index), "\n".join([*lines, "}"]) + "\n")
        for index in range(len(faces), self._before.get(path) or 0):
            self._file(path, index).unlink(missing_ok=True)

    def close(self) -> None:
        """Nothing is left to do."""

    def _file(self, path: Path, index: int) -> Path:
        further = path.with_stem(f"{path.stem}_{index}") if index else path
        return self.folder / self.file_name(further)


class CsvWriter(Writer):
    r"""Writes one `landmarks.csv` with a row per face; keeps rows of other photos.

    Rows are appended at once, so a killed run loses the last one at most. They are sorted by photo
    when a run ends. Bytes of a file name that are not UTF-8 are written as `\udc..`.

    Raises:
      InputError: the file exists with the columns of another model.
    """

    def __init__(self, folder: Path, model: str, markup: Markup) -> None:
        super().__init__(folder, model, markup)
        self.target = folder / TABLE
        self.columns = ["image", *landmark_columns(markup)]
        rows = self._read()
        if rows and rows[0] != self.columns:
            raise InputError(
                f"{self.target}: found other columns, expected a table of {markup.name} landmarks; "
                "remove the file first."
            )
        self._counts = collections.Counter(_key(row[0]) for row in rows[1:] if row)
        self._file: TextIO | None = None

    @staticmethod
    def file_name(path: Path) -> None:
        return None

    def refuse_another(self, path: Path, before: int | None) -> None:
        """All photos share one file."""

    def is_there(self, path: Path, faces: int) -> bool:
        return self.target.exists() and self._counts[_key(_shown(path))] == faces

    def begin(self, before: Mapping[Path, int | None]) -> None:
        again = {_key(_shown(path)) for path in before}
        self._rewrite([row for row in self._read()[1:] if self._is_whole(row, again)])
        with atomic.writing(self.target):
            self._file = self.target.open("a", newline="", encoding="utf-8")
        self._rows = csv.writer(self._file, lineterminator="\n")

    def write(self, path: Path, image: ByteArray, faces: list[AlignedFace]) -> None:
        assert self._file is not None, "begin was not called"
        for face in faces:
            self._rows.writerow([_shown(path), *landmark_values(face.to_dict())])
        with atomic.writing(self.target):
            self._file.flush()

    def close(self) -> None:
        if self._file is None:
            return
        with atomic.writing(self.target):
            self._file.close()
        rows = self._read()[1:]
        images = [row[0] for row in rows]
        if images != sorted(images):
            self._rewrite(sorted(rows, key=lambda row: row[0]))

    def _is_whole(self, row: list[str], again: set[str]) -> bool:
        """Whether a row is complete and its photo is not written again."""
        return len(row) == len(self.columns) and _key(row[0]) not in again

    def _read(self) -> list[list[str]]:
        if not self.target.exists():
            return []
        try:  # a spreadsheet may have saved the table with a byte-order mark
            with self.target.open(newline="", encoding="utf-8-sig") as file:
                return list(csv.reader(file))
        except (ValueError, csv.Error) as error:
            raise InputError(
                f"{self.target}: not a valid table ({error}); remove the file first."
            ) from error

    def _rewrite(self, rows: list[list[str]]) -> None:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([self.columns, *rows])
        atomic.write_text(self.target, text.getvalue())


def _key(shown: str) -> str:
    """The same for a relative and an absolute path of a photo."""
    return os.path.abspath(shown)


def _shown(path: Path) -> str:
    return str(path).encode("utf-8", "backslashreplace").decode("utf-8")


WRITERS: dict[str, type[Writer]] = {"json": JsonWriter, "csv": CsvWriter, "pts": PtsWriter}
