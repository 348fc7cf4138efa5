"""MATLAB files of annotations, read so that whatever is wrong names the file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io

from evae_tf.errors import InputError


def read_mat(path: str | Path, names: Sequence[str]) -> list[Any]:
    """Some variables of a .mat file, in MATLAB's orientation in both official layouts.

    Args:
      path: a .mat file of version 5, or of version 7.3 (which is HDF5 and stores every array
        transposed).
      names: of the variables.

    Returns:
      One value for each name: an array, or a list of arrays for a cell array.

    Raises:
      InputError: the file is missing or damaged, or lacks one of the variables.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.")
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                found = {name: _from_hdf5(file, name) for name in names if name in file}
        else:
            found = scipy.io.loadmat(path, variable_names=names)
    except Exception as error:  # damaged bytes make both libraries raise almost anything
        raise InputError(f"{path}: not a complete .mat file ({error}).") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path}: it lacks {', '.join(missing)}; expected {', '.join(names)}.")
    return [_cells(found[name]) for name in names]


def _from_hdf5(file: h5py.File, name: str) -> np.ndarray:
    value = file[name][()]
    if value.dtype != object:
        return value.T
    cells = np.empty(value.size, object)
    for index, reference in enumerate(value.ravel()):
        cells[index] = file[reference][()].T
    return cells


def _cells(value: np.ndarray) -> Any:
    return list(value.ravel()) if value.dtype == object else value
