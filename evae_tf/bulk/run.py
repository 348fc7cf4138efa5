"""A run: from `--input` to a folder of Parquet files."""

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from evae_tf import atomic, progress
from evae_tf.bulk import chunks, cluster, inputs, tables
from evae_tf.bulk.addresses import is_local, local_path
from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.bulk.settings import Identity, Settings
from evae_tf.bulk.workers import RunWorker, map_batches
from evae_tf.errors import InputError


@dataclasses.dataclass
class Summary:
    """What a run came to.

    Attributes:
      photos: number of photos tried, those that cannot be used among them.
      faces: number of faces found.
      without_face: number of readable photos without one.
      errors: number of photos that cannot be used.
      finished: number of photos that were finished before.
    """

    photos: int = 0
    faces: int = 0
    without_face: int = 0
    errors: int = 0
    finished: int = 0


def align(
    pattern: str,
    output: str,
    settings: Settings,
    *,
    address: str | None = None,
    workers: int | None = None,
    overwrite: bool = False,
) -> Summary:
    """Finds the faces of photos that are not finished, and adds their rows to a folder.

    Args:
      pattern: what `inputs.find` takes.
      output: address of the folder.
      settings: of the aligner.
      address: of a Ray cluster; None starts Ray on this machine.
      workers: how many work; None: one for each CPU.
      overwrite: whether all is done again.

    Returns:
      `Summary`.

    Raises:
      InputError: the input, the output folder, the model or the cluster cannot be used; or workers
        died again and again.
    """
    found = inputs.find(pattern)
    identity = Identity.of(settings.load())  # before Ray takes its time
    with _own_folder(output) as folder, cluster.joined(address):
        number = cluster.workers_that_fit(workers)
        folder.begin(identity.aligner, overwrite)
        finished = folder.finished()
        photos = found.rows if isinstance(found, tables.Tables) else len(found)
        summary = Summary(finished=len(finished))
        bar = progress.bar(total=photos, initial=len(finished), desc="aligning", unit="photo")
        with bar, _failures_stated():
            todo = _dataset(found, chunks.size_of(photos, number), finished)
            if todo is None:
                return summary
            made = map_batches(todo, RunWorker, (settings, identity, folder), number, 1)
            for counts in _counted(made):
                _add(summary, counts)
                bar.update(counts["photos"])
                bar.set_postfix(faces=summary.faces, errors=summary.errors)
    return summary


@contextlib.contextmanager
def _own_folder(address: str) -> Iterator[OutputFolder]:
    """The output folder; on this machine's disks it is locked, elsewhere the later run wins."""
    if not is_local(address):
        yield OutputFolder(address)
        return
    with atomic.exclusive_folder(local_path(address)) as path:
        yield OutputFolder(str(path))


def _dataset(found: inputs.Photos | tables.Tables, size: int, finished: np.ndarray) -> Any:
    """A Ray dataset of chunks, a row each and each a block of its own; None where nothing is left.

    Tables are read on the cluster, by tasks that book no CPU: workers cannot keep them waiting.
    """
    import ray

    if isinstance(found, list):
        rows = list(chunks.of([found], size, finished))
        return ray.data.from_arrow(rows) if rows else None
    ray.data.DataContext.get_current().target_max_block_size = 1
    known = ray.put(finished)

    def read(batch: pa.Table) -> Iterator[pa.Table]:
        for piece in batch.to_pylist():
            addresses = tables.read(piece["table"], piece["row_group"], size)
            yield from chunks.of(addresses, size, ray.get(known))

    pieces = [pa.table({"table": [name], "row_group": [group]}) for name, group in found.pieces]
    return ray.data.from_arrow(pieces).map_batches(
        read, batch_size=1, batch_format="pyarrow", num_cpus=0
    )


def _counted(dataset: Any) -> Iterator[dict[str, Any]]:
    """Yields what workers say of each chunk, as they finish it."""
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for counts in batch.to_pylist():
            if problem := counts.pop("problem"):
                raise InputError(problem)
            yield counts


def _failures_stated() -> contextlib.AbstractContextManager[None]:
    from evae_tf.bulk import failures  # which imports Ray

    return failures.stated()


def _add(summary: Summary, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        setattr(summary, name, getattr(summary, name) + count)
