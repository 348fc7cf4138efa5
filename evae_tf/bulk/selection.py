"""The photos that a run aligns: each address once, without the finished ones."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from evae_tf.bulk import fingerprints


@dataclasses.dataclass(frozen=True)
class Selection:
    """The selected addresses.

    Attributes:
      pieces: for each piece of the input, bool [n], whether each address is selected.
      photos: number of selected addresses.
      finished: number of different addresses that are finished.
    """

    pieces: list[np.ndarray]
    photos: int
    finished: int


def select(pieces: Iterable[Iterable[list[str]]], finished: np.ndarray) -> Selection:
    """Selects addresses by their fingerprints, which are all that is kept of them.

    Args:
      pieces: the input in pieces, each of them batches of addresses.
      finished: fingerprints of the finished photos, uint64 [N], sorted.
    """
    batches, ends, count = [np.zeros(0, np.uint64)], list[int](), 0
    for piece in pieces:
        for batch in piece:
            batches.append(fingerprints.of(batch))
            count += len(batch)
        ends.append(count)
    every = np.concatenate(batches)
    del batches  # as large as `every`
    first = fingerprints.are_first(every)
    masks = [
        first[start:end] & ~fingerprints.are_in(every[start:end], finished)
        for start, end in zip([0, *ends], ends, strict=False)
    ]
    photos = sum(int(mask.sum()) for mask in masks)
    return Selection(masks, photos, int(first.sum()) - photos)
