"""A run of `evae-bulk`: from `--input` to a folder of Parquet files."""

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
from evae_tf.bulk.selection import Selection, select
from evae_tf.bulk.settings import Identity, Settings
from evae_tf.bulk.workers import RunWorker, map_batches
from evae_tf.errors import InputError

_BATCH = 2**16  # addresses that are read together to select from them


@dataclasses.dataclass
class Summary:
    """The result of a run.

    Attributes:
      photos: number of photos that were tried, including those that cannot be used.
      faces: number of faces found.
      without_face: number of readable photos without a face.
      errors: number of photos that cannot be used.
      finished: number of photos of the input that were finished before.
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
    """Finds the faces of all unfinished photos and adds their rows to a folder.

    Args:
      pattern: the input, see `inputs.find`.
      output: address of the folder.
      settings: settings of the aligner.
      address: address of a Ray cluster; None starts Ray on this machine.
      workers: number of workers; None: one for each CPU.
      overwrite: whether finished photos are aligned again.

    Returns:
      `Summary`.

    Raises:
      InputError: the input, the output folder, the model or the cluster cannot be used; or workers
        were killed repeatedly.
    """
    found = inputs.find(pattern)
    identity = Identity.of(settings.load())
    with _own_folder(output) as folder:
        folder.check(identity.aligner, overwrite)
        parts = [] if overwrite else folder.parts()
        selection = _select(found, folder, parts)
        if not selection.photos:  # starting Ray takes seconds
            return Summary(finished=selection.finished)
        with cluster.joined(address):
            number = cluster.workers_that_fit(workers)
            folder.begin(identity.aligner, overwrite)
            now = folder.parts()
            if now != parts:  # a worker of an earlier run was still writing
                selection = _select(found, folder, now)
            return _run(found, selection, (settings, identity, folder), number)


@contextlib.contextmanager
def _own_folder(address: str) -> Iterator[OutputFolder]:
    """The output folder. A local one is locked; elsewhere, the later of two runs takes it over."""
    if not is_local(address):
        yield OutputFolder(address)
        return
    with atomic.exclusive_folder(local_path(address)) as path:
        yield OutputFolder(str(path))


def _select(
    found: inputs.Photos | tables.Tables, folder: OutputFolder, parts: list[str]
) -> Selection:
    """The photos that are not in the given files of the folder."""
    if isinstance(found, list):
        pieces = iter([iter([found])])
    else:
        pieces = (tables.read(*piece, _BATCH) for piece in found.pieces)
    return select(pieces, folder.finished(parts))


def _run(
    found: inputs.Photos | tables.Tables,
    selection: Selection,
    arguments: tuple[Settings, Identity, OutputFolder],
    workers: int,
) -> Summary:
    """Aligns the selected photos with Ray, which is started."""
    from evae_tf.bulk import failures  # which imports Ray

    summary = Summary(finished=selection.finished)
    if not selection.photos:
        return summary
    photos = selection.photos + selection.finished
    bar = progress.bar(total=photos, initial=selection.finished, desc="aligning", unit="photo")
    with bar, failures.stated():
        size = chunks.size_of(selection.photos, workers)
        todo = _dataset(found, selection, size)
        workers = min(workers, -(-selection.photos // size))  # no more than chunks
        for counts in _counted(map_batches(todo, RunWorker, arguments, workers, 1)):
            _add(summary, counts)
            bar.update(counts["photos"])
            bar.set_postfix(faces=summary.faces, errors=summary.errors)
    return summary


def _dataset(found: inputs.Photos | tables.Tables, selection: Selection, size: int) -> Any:
    """A Ray dataset of chunks. Each chunk is a row, and a block of its own.

    Tables are read on the cluster, by tasks that book no CPU: so workers cannot block them.
    """
    import ray

    if isinstance(found, list):
        return ray.data.from_arrow(list(chunks.of([found], size, selection.pieces[0])))
    ray.data.DataContext.get_current().target_max_block_size = 1

    def read(batch: pa.Table) -> Iterator[pa.Table]:
        for piece in batch.to_pylist():
            addresses = tables.read(piece["table"], piece["row_group"], size)
            yield from chunks.of(addresses, size, np.frombuffer(piece["selected"], bool))

    pieces = [
        pa.table({"table": [name], "row_group": [group], "selected": [mask.tobytes()]})
        for (name, group), mask in zip(found.pieces, selection.pieces, strict=True)
        if mask.any()
    ]
    return ray.data.from_arrow(pieces).map_batches(
        read, batch_size=1, batch_format="pyarrow", num_cpus=0
    )


def _counted(dataset: Any) -> Iterator[dict[str, Any]]:
    """Yields the counts of each chunk when a worker has finished it."""
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow"):
        for counts in batch.to_pylist():
            if problem := counts.pop("problem"):
                raise InputError(problem)
            yield counts


def _add(summary: Summary, counts: dict[str, int]) -> None:
    for name, count in counts.items():
        setattr(summary, name, getattr(summary, name) + count)
