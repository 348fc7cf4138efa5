"""Crops in .npy files, which one or several processes write, and which are read by rows.

Rows are read and written by file offsets, not through a memory map: the pages of a map would count
as memory of the process.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from evae_tf.array_types import ByteArray, IndexArray
from evae_tf.atomic import replacing_file
from evae_tf.errors import InputError


def part(length: int, index: int, count: int) -> range:
    """The rows of part `index` if `length` rows are split into `count` parts of nearly one size."""
    return range(length * index // count, length * (index + 1) // count)


@dataclasses.dataclass(frozen=True)
class CropStore:
    """A folder of crop files, in which each process writes one part.

    Attributes:
      folder: the folder, on a disk that all processes share.
      index: number of this process, from 0.
      count: number of processes.
      wait: waits until all processes have called it.
    """

    folder: Path
    index: int = 0
    count: int = 1
    wait: Callable[[], None] = lambda: None

    def open(
        self, name: str, shape: Sequence[int], write: Callable[["PartWriter"], object]
    ) -> "CropFiles":
        """Opens the crops `name`. They are written first unless they exist.

        Existing parts may come from another number of processes.

        Args:
          name: begins the names of the files; different for different crops.
          shape: (N, height, width, channels) of all parts together.
          write: sets all rows of a `PartWriter`.

        Raises:
          InputError: a file cannot be written or read.
        """
        own = self._path(name, self.index, self.count)
        if not self._found(name) and not own.exists():
            with replacing_file(own) as temporary:
                rows = part(shape[0], self.index, self.count)
                with contextlib.closing(PartWriter(temporary, shape, rows)) as writer:
                    write(writer)
        self.wait()
        if not (paths := self._found(name)):
            raise InputError(
                f"{self.folder}: lacks the crops of the other processes; expected a folder on a "
                "disk that all processes share."
            )
        return CropFiles(paths)

    def _found(self, name: str) -> list[Path]:
        """The parts of a complete set of files, or nothing."""
        for first in sorted(self.folder.glob(f"{name}_1of*.npy")):
            count = int(first.stem.rpartition("of")[2])
            paths = [self._path(name, index, count) for index in range(count)]
            if all(path.exists() for path in paths):
                return paths
        return []

    def _path(self, name: str, index: int, count: int) -> Path:
        return self.folder / f"{name}_{index + 1}of{count}.npy"


class PartWriter:
    """A new .npy file for some rows of an array.

    Args:
      path: the file.
      shape: shape of the whole array.
      rows: the rows of this part; they have the same indices as in the whole array.
    """

    def __init__(self, path: Path, shape: Sequence[int], rows: range) -> None:
        if not hasattr(os, "pwrite"):  # Windows
            raise InputError("cache=file and several processes need Linux or macOS.")
        self.shape = tuple(shape)
        self.rows = rows
        self._file = path.open("w+b", buffering=0)
        own = {"descr": "|u1", "fortran_order": False, "shape": (len(rows), *shape[1:])}
        np.lib.format.write_array_header_1_0(self._file, own)
        self._start = self._file.tell()
        if rows and hasattr(os, "posix_fallocate"):  # finds a full disk before the work
            os.posix_fallocate(self._file.fileno(), self._start, len(rows) * self._row_bytes)

    @property
    def _row_bytes(self) -> int:
        return int(np.prod(self.shape[1:]))

    def __setitem__(self, index: int, crop: ByteArray) -> None:
        """Writes one row. Threads may write at the same time."""
        offset = self._start + (index - self.rows.start) * self._row_bytes
        os.pwrite(self._file.fileno(), crop.tobytes(), offset)

    def close(self) -> None:
        """Writes everything to the disk, for readers on other machines."""
        os.fsync(self._file.fileno())
        self._file.close()


class CropFiles:
    """An array uint8 [N, height, width, channels] in files; reading is safe in several threads.

    Args:
      paths: the files of its parts, in order.

    Raises:
      InputError: a file cannot be read.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        try:
            mapped = [np.load(path, mmap_mode="r") for path in paths]
            self._files = [path.open("rb", buffering=0) for path in paths]
        except (OSError, ValueError) as error:
            names = ", ".join(map(str, paths))
            raise InputError(f"{names}: cannot be read ({error}); delete to cut again.") from error
        self._paths = list(paths)
        self._offsets = [array.offset for array in mapped]
        self._starts = np.cumsum([0, *map(len, mapped)])
        self.shape = (int(self._starts[-1]), *mapped[0].shape[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | IndexArray) -> ByteArray:
        """Reads rows, by a slice or non-negative indices."""
        indices = np.arange(len(self))[rows]
        crops = np.empty((len(indices), *self.shape[1:]), np.uint8)
        numbers = np.searchsorted(self._starts, indices, side="right") - 1
        size = int(np.prod(self.shape[1:]))
        for row, (index, number) in enumerate(zip(indices, numbers, strict=True)):
            offset = self._offsets[number] + int(index - self._starts[number]) * size
            content = os.pread(self._files[number].fileno(), size, offset)
            if len(content) != size:
                raise InputError(f"{self._paths[number]}: is truncated; delete it to cut again.")
            crops[row] = np.frombuffer(content, np.uint8).reshape(crops.shape[1:])
        return crops
