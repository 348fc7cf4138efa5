"""The folder of Parquet files: which photos are finished, and how a file is added exactly once.

A run writes its id into `_settings.json`, then removes unfinished files, then lists the finished
ones. A worker writes a file under a hidden name, compares the id with that of its run, and renames
the file. So a worker that outlives its run, for example after a crash, adds no file that the next
run overlooks: either it renamed the file before the next run listed the folder, or the next run
removed the file, or the id has changed.
"""

import contextlib
import hashlib
import json
import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from evae_tf.atomic import TEMPORARY
from evae_tf.bulk import fingerprints
from evae_tf.bulk.addresses import SetupError, resolve, shown, stated
from evae_tf.errors import InputError

# Names of result files; Parquet readers ignore names that begin with _ or .
_PART = re.compile(r"part-[0-9a-f]{32}\.parquet")


class OutputFolder:
    """The output folder of a run. It is sent to the workers.

    Args:
      address: address of the folder, which every machine of the cluster can reach.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.run = ""

    def check(self, settings: Mapping[str, Any], overwrite: bool = False) -> None:
        """Checks that files in the folder, if there are any, have these settings.

        Args:
          settings: everything that the landmarks depend on, JSON-ready.
          overwrite: whether files of other settings are accepted, because they are removed.

        Raises:
          InputError: the folder holds files of other settings or of another program.
        """
        names = [name for name in self._names() if name.endswith(".parquet")]
        if not names:
            return
        earlier = self._read_settings().get("settings")
        if earlier is None:
            raise InputError(
                f"{shown(self.address)}: holds {names[0]}, which is not from evae-bulk. Use "
                "another --output."
            )
        if overwrite:
            return
        if not earlier:
            raise InputError(
                f"{shown(self.address)}: an earlier run was stopped while it removed old results. "
                "Use --overwrite again."
            )
        for name, value in settings.items():
            if (found := earlier.get(name)) != value:
                raise InputError(
                    f"{shown(self.address)}: holds landmarks with {name} {found}, not {value}. Use "
                    "another --output, or --overwrite."
                )

    def begin(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        """Takes the folder over for this run, see the module.

        Args:
          settings: see `check`.
          overwrite: whether to remove the files of earlier runs.

        Raises:
          InputError: the folder cannot be used, or see `check`.
        """
        with stated(self.address):
            filesystem, folder = resolve(self.address)
            filesystem.create_dir(folder)
        self.check(settings, overwrite)
        self.run = uuid.uuid4().hex
        # Without settings until the old files are gone: they are not those of the new settings.
        self._write_settings({} if overwrite else settings)
        for name in self._names():
            if name.startswith(TEMPORARY) or (overwrite and _PART.fullmatch(name)):
                # A worker of the previous run may remove or rename the file at the same time.
                with stated(f"{self.address}/{name}"), contextlib.suppress(FileNotFoundError):
                    filesystem.delete_file(f"{folder}/{name}")
        if overwrite:
            self._write_settings(settings)

    def write(self, images: Sequence[str], rows: pa.Table) -> None:
        """Adds a file with the rows of some photos. A repeated call replaces the file.

        Args:
          images: addresses of the photos; the name of the file is derived from them.
          rows: table of `rows.SCHEMA`.

        Raises:
          SetupError: the folder cannot be written to, or another run has taken it over.
        """
        digest = hashlib.sha256("\n".join(images).encode("utf-8", "surrogateescape")).hexdigest()
        content = pa.BufferOutputStream()
        pq.write_table(rows, content, compression="zstd")
        try:
            self._write(content.getvalue(), f"part-{digest[:32]}.parquet", self.run)
        except InputError as error:
            raise SetupError(str(error)) from error

    def parts(self) -> list[str]:
        """The names of the finished files, sorted."""
        return sorted(name for name in self._names() if _PART.fullmatch(name))

    def finished(self, parts: Sequence[str]) -> np.ndarray:
        """The fingerprints of the photos in some files.

        Args:
          parts: names of the files.

        Returns:
          uint64 [N], sorted.

        Raises:
          InputError: see `tables`.
        """
        batches = [fingerprints.of(table["image"]) for table in self.tables(["image"], parts)]
        return np.unique(np.concatenate([np.zeros(0, np.uint64), *batches]))

    def tables(self, columns: Sequence[str], parts: Sequence[str]) -> Iterator[pa.Table]:
        """Yields columns of each file.

        Args:
          columns: names of the columns.
          parts: names of the files.

        Raises:
          InputError: a file cannot be read.
        """
        filesystem, folder = resolve(self.address)
        for name in parts:
            with stated(f"{self.address}/{name}"):
                yield pq.read_table(f"{folder}/{name}", columns=columns, filesystem=filesystem)

    def _names(self) -> list[str]:
        with stated(self.address):
            filesystem, folder = resolve(self.address)
            selector = fs.FileSelector(folder, allow_not_found=True)
            return [info.base_name for info in filesystem.get_file_info(selector)]

    def _read_settings(self) -> dict[str, Any]:
        try:
            with stated(self.address):
                filesystem, folder = resolve(self.address)
                with filesystem.open_input_stream(f"{folder}/_settings.json") as file:
                    return json.loads(file.read())
        except InputError as error:
            if isinstance(error.__cause__, FileNotFoundError):
                return {}
            raise

    def _write_settings(self, settings: Mapping[str, Any]) -> None:
        record = json.dumps({"run": self.run, "settings": settings}, indent=1)
        self._write(record.encode(), "_settings.json")

    def _write(self, content: bytes | pa.Buffer, name: str, run: str | None = None) -> None:
        """Writes a file under a hidden name and renames it, if the folder is still this run's."""
        with stated(self.address):
            filesystem, folder = resolve(self.address)
            temporary = f"{folder}/{TEMPORARY}{uuid.uuid4().hex[:8]}-{name}"
            try:
                with filesystem.open_output_stream(temporary) as file:
                    file.write(content)
            except BaseException:  # such as a full disk, which then has room again
                with contextlib.suppress(Exception):
                    filesystem.delete_file(temporary)
                raise
            if run is not None and self._read_settings().get("run") != run:
                filesystem.delete_file(temporary)
                raise SetupError(f"{shown(self.address)}: another run has taken over this folder.")
            filesystem.move(temporary, f"{folder}/{name}")
