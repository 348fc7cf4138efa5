"""Addresses in chunks: a row that Ray hands to one worker, which writes one file of it."""

from collections.abc import Iterable, Iterator

import numpy as np
import pyarrow as pa

from evae_tf.bulk import fingerprints

# A killed run loses no more than a chunk of each worker; 100 million photos make 200,000 files.
_LEAST, _MOST = 8, 512
_A_WORKER = 16  # chunks, where there are enough photos: the workers are then done together


def size_of(photos: int, workers: int) -> int:
    """How many photos a chunk holds."""
    return min(max(photos // (_A_WORKER * workers), _LEAST), _MOST)


def of(batches: Iterable[list[str]], size: int, finished: np.ndarray) -> Iterator[pa.Table]:
    """Yields tables of one row with one column, `images`: addresses that are not finished.

    Args:
      batches: of addresses.
      size: of a chunk; the last is smaller.
      finished: fingerprints, uint64 [N], sorted.
    """
    waiting: list[str] = []
    for batch in batches:
        done = fingerprints.are_in(fingerprints.of(batch), finished) if batch else []
        waiting += [address for address, known in zip(batch, done, strict=True) if not known]
        while len(waiting) >= size:
            yield _row(waiting[:size])
            del waiting[:size]
    if waiting:
        yield _row(waiting)


def _row(addresses: list[str]) -> pa.Table:
    # Of an address that a chunk names twice, one photo.
    column = pa.array([list(dict.fromkeys(addresses))], pa.list_(pa.string()))
    return pa.table({"images": column})
