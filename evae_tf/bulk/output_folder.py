"""The folder of Parquet files: what is finished in it, and how a file gets there exactly once.

A run writes its own number into `_settings.json`, then removes what is half written, then reads
which photos are finished. A worker writes a file under a hidden name, then looks whether the number
is still that of its run, then renames it. So a worker that outlives its run, as after a crash,
adds nothing that the next run does not see: either its file was renamed before the next run looked,
or it was removed, or the number has changed.
"""

import contextlib
import hashlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from evae_tf.atomic import TEMPORARY
from evae_tf.bulk import fingerprints
from evae_tf.bulk.addresses import SetupError, resolve, stated
from evae_tf.errors import InputError

_PREFIX = "part-"  # of the files of landmarks; Parquet readers pass over names with _ or . in front


class OutputFolder:
    """Where a run writes; it travels to the workers.

    Args:
      address: of the folder; every machine of the cluster has to reach it.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")
        self.run = ""

    def begin(self, settings: Mapping[str, Any], overwrite: bool) -> None:
        """Makes the folder this run's own; see the module.

        Args:
          settings: what the landmarks depend on, JSON-ready.
          overwrite: whether files of an earlier run are removed.

        Raises:
          InputError: the folder cannot be used, or holds something else or other settings' files.
        """
        with stated(self.address):
            filesystem, folder = resolve(self.address)
            filesystem.create_dir(folder)
        names, before = self._names(), self._read_settings()
        parts = [name for name in names if name.endswith(".parquet")]
        if not overwrite:
            self._refuse_another(settings, before, parts)
        self.run = uuid.uuid4().hex
        record = json.dumps({"run": self.run, "settings": settings}, indent=1)
        self._write(record.encode(), "_settings.json")
        for name in self._names():
            if name.startswith(TEMPORARY) or (overwrite and name.startswith(_PREFIX)):
                # A worker of the run before may remove or rename its own meanwhile.
                with stated(f"{self.address}/{name}"), contextlib.suppress(FileNotFoundError):
                    filesystem.delete_file(f"{folder}/{name}")

    def write(self, images: Sequence[str], rows: pa.Table) -> None:
        """Adds the file of some photos; a repeated call replaces it.

        Args:
          images: the addresses, which name the file.
          rows: table of `rows.SCHEMA`.

        Raises:
          SetupError: the folder cannot be written to, or belongs to another run by now.
        """
        digest = hashlib.sha256("\n".join(images).encode("utf-8", "surrogateescape")).hexdigest()
        content = pa.BufferOutputStream()
        pq.write_table(rows, content, compression="zstd")
        try:
            self._write(content.getvalue(), f"{_PREFIX}{digest[:32]}.parquet", self.run)
        except InputError as error:
            raise SetupError(str(error)) from error

    def finished(self) -> np.ndarray:
        """The fingerprints of the photos that are in the files: uint64 [N], sorted."""
        batches = [fingerprints.of(table["image"]) for table in self.tables(["image"])]
        return np.unique(np.concatenate([np.zeros(0, np.uint64), *batches]))

    def tables(self, columns: Sequence[str]) -> Iterator[pa.Table]:
        """Yields the given columns of each file.

        Raises:
          InputError: a file is no table of landmarks.
        """
        filesystem, folder = resolve(self.address)
        for name in sorted(name for name in self._names() if name.startswith(_PREFIX)):
            with stated(f"{self.address}/{name}"):
                yield pq.read_table(f"{folder}/{name}", columns=columns, filesystem=filesystem)

    def _refuse_another(
        self, settings: Mapping[str, Any], before: Mapping[str, Any], parts: Sequence[str]
    ) -> None:
        if not parts:
            return
        earlier = before.get("settings")
        if earlier is None:
            raise InputError(
                f"{self.address}: holds {parts[0]}, but not of evae-bulk; take another --output."
            )
        for name, value in settings.items():
            if (found := earlier.get(name)) != value:
                raise InputError(
                    f"{self.address}: holds landmarks of another {name}, {found} instead of "
                    f"{value}; take another --output, or --overwrite."
                )

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

    def _write(self, content: bytes | pa.Buffer, name: str, run: str | None = None) -> None:
        """Writes a file beside its place and renames it, unless the folder is another run's."""
        with stated(self.address):
            filesystem, folder = resolve(self.address)
            temporary = f"{folder}/{TEMPORARY}{uuid.uuid4().hex[:8]}-{name}"
            with filesystem.open_output_stream(temporary) as file:
                file.write(content)
            if run is not None and self._read_settings().get("run") != run:
                filesystem.delete_file(temporary)
                raise SetupError(f"{self.address}: another run has begun to write to this folder.")
            filesystem.move(temporary, f"{folder}/{name}")
