"""Addresses in chunks. A worker aligns one chunk at a time and writes one file of it."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from evae_tf.errors import InputError

# A killed run loses at most one chunk of each worker. 100 million photos make 200,000 files.
_MIN_SIZE, _MAX_SIZE = 8, 512
_PER_WORKER = 16  # chunks, if there are enough photos: then all workers finish at about one time


def size_of(photos: int, workers: int) -> int:
    """Number of photos in a chunk."""
    return min(max(photos // (_PER_WORKER * workers), _MIN_SIZE), _MAX_SIZE)


def of(batches: Iterable[list[str]], size: int, selected: np.ndarray) -> Iterator[pa.Table]:
    """Yields tables of one row with one column, `images`: the addresses of a chunk.

    Args:
      batches: batches of addresses.
      size: number of addresses in a chunk; the last one is smaller.
      selected: bool [N], which of all addresses to take.

    Raises:
      InputError: there are not N addresses.
    """
    waiting, start = list[str](), 0
    for batch in batches:
        flags = selected[start : start + len(batch)]
        waiting += [address for address, flag in zip(batch, flags, strict=False) if flag]
        start += len(batch)
        while len(waiting) >= size:
            yield _row(waiting[:size])
            del waiting[:size]
    if start != len(selected):
        raise InputError(
            f"a table changed during the run: it had {len(selected)} addresses, now {start}."
        )
    if waiting:
        yield _row(waiting)


def _row(addresses: list[str]) -> pa.Table:
    return pa.table({"images": pa.array([addresses], pa.list_(pa.string()))})
