"""Reads MATLAB files of annotations, with errors that name the file."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from evae_tf import extras
from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError, first_line

if TYPE_CHECKING:
    import h5py

_DEFLATE = 1032  # highest compression ratio in HDF5
_TRIAL = """
import contextlib, os, sys
import scipy.io
with contextlib.suppress(ImportError):  # Windows has no such limits
    import resource
    limit = (1 << 31) + 100 * os.path.getsize(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
scipy.io.loadmat(sys.argv[1], variable_names=sys.argv[2:])
"""


def read_mat(
    path: str | Path, numbers: Sequence[str], cells: Sequence[str]
) -> tuple[list[FloatArray], list[list[np.ndarray]]]:
    """Reads variables of a .mat file, in MATLAB's orientation.

    Args:
      path: a .mat file of version 5 or 7.3 (HDF5, which stores arrays transposed).
      numbers: names of variables that are tables of real numbers.
      cells: names of variables that are cell arrays of arrays.

    Returns:
      (a float64 [rows, columns] for each of `numbers`, a list of arrays for each of `cells`).

    Raises:
      InputError: the file is missing or damaged, a variable is missing or has another type, or h5py
        or SciPy is not installed.
    """
    for module in ("h5py", "scipy"):
        extras.require(module)
    import h5py
    import scipy.io

    if not Path(path).is_file():
        raise InputError(f"{path}: no such file.")
    names = (*numbers, *cells)
    try:
        if h5py.is_hdf5(path):
            with h5py.File(path) as file:
                found = {name: _from_hdf5(file, name) for name in names if name in file}
        else:
            _try(path, names)
            found = scipy.io.loadmat(path, variable_names=names)
    except Exception as error:  # damaged bytes can raise almost any type in both libraries
        raise InputError(f"{path}: not a complete .mat file ({first_line(error)}).") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(f"{path}: it lacks {', '.join(missing)}; expected {', '.join(names)}.")
    return (
        [_numbers(path, name, found[name]) for name in numbers],
        [_cells(path, name, found[name]) for name in cells],
    )


def _try(path: str | Path, names: Sequence[str]) -> None:
    """Reads a version 5 file in a separate process first, which takes about a second.

    SciPy's reader is not robust: 0.7 % of damaged files crashed the process without a message (see
    github.com/scipy/scipy/pull/25349), and others request any amount of memory.
    """
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment["OPENBLAS_NUM_THREADS"] = "1"  # each thread takes memory
    command = [sys.executable, "-P", "-c", _TRIAL, str(path), *names]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        *_, reason = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ValueError(reason)


def _from_hdf5(file: "h5py.File", name: str) -> np.ndarray:
    value = _whole(file[name])
    if value.dtype != object:
        return value.T
    cells = np.empty(value.size, object)
    for index, reference in enumerate(value.ravel()):
        cells[index] = _whole(file[reference]).T
    return cells


def _whole(dataset: Any) -> np.ndarray:
    """The content of a dataset; refuses a damaged one that would allocate too much memory."""
    if dataset.nbytes > _DEFLATE * dataset.id.get_storage_size():
        raise ValueError(f"{dataset.name} declares more data than it can contain")
    return dataset[()]


def _numbers(path: str | Path, name: str, value: Any) -> FloatArray:
    if not isinstance(value, np.ndarray) or value.ndim != 2 or value.dtype.kind not in "biuf":
        raise InputError(f"{path}: {name} is {_sort(value)}, expected a table of numbers.")
    with np.errstate(invalid="ignore"):  # damaged bytes can be a NaN, which the cast warns about
        return value.astype(np.float64)


def _cells(path: str | Path, name: str, value: Any) -> list[np.ndarray]:
    is_cells = isinstance(value, np.ndarray) and value.dtype == object
    if not is_cells or not all(isinstance(cell, np.ndarray) for cell in value.flat):
        raise InputError(f"{path}: {name} is {_sort(value)}, expected a cell array of arrays.")
    return list(value.flat)


def _sort(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} {list(value.shape)}"
    return f"a {type(value).__name__}"
