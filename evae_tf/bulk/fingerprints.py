"""Addresses as 64-bit numbers: 100 million of them take 800 MB instead of about 10 GB.

Among 100 million addresses, two have the same number with a probability of 1 in 3,700
(n² / 2 / 2^64). One of the two photos would then be skipped.
"""

import numpy as np
import pandas as pd
import pyarrow as pa


def of(addresses: pa.Array | pa.ChunkedArray | list[str]) -> np.ndarray:
    """The fingerprints of addresses: uint64 [N], the same on every machine."""
    values = addresses if isinstance(addresses, list) else addresses.to_pylist()
    return pd.util.hash_array(np.array(values, object), categorize=False)


def are_in(fingerprints: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Whether each fingerprint is among the sorted `known` ones: bool [N]."""
    if not len(known):
        return np.zeros(len(fingerprints), bool)
    places = np.minimum(np.searchsorted(known, fingerprints), len(known) - 1)
    return known[places] == fingerprints


def are_first(fingerprints: np.ndarray) -> np.ndarray:
    """Whether each fingerprint appears for the first time: bool [N]."""
    # Repeated addresses are rare. Sorting a copy takes less memory than sorting indices.
    ordered = np.sort(fingerprints)
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    places = np.flatnonzero(are_in(fingerprints, repeated))
    first = np.ones(len(fingerprints), bool)
    first[places] = False
    first[places[np.unique(fingerprints[places], return_index=True)[1]]] = True
    return first
