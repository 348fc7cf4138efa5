"""The state of a training, weights and optimiser, in one file."""

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from keras import ops

from evae_tf import atomic
from evae_tf.errors import InputError


def save(model: Any, path: Path) -> None:
    """Writes the weights of a compiled model and the state of its optimiser, atomically.

    The file is a `.npz` of the arrays in the model's order; names are not used, because Keras
    numbers them within a process (`evae`, `evae_1`). It is not a `.weights.h5`: the HDF5 library
    aborts the process when the disk is full.

    Raises:
      InputError: the file cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, *(ops.convert_to_numpy(variable) for variable in _variables(model)))
    with atomic.replacing_file(path) as temporary:
        # A copy: Python 3.12 crashes if a view of the buffer outlives a failed write.
        temporary.write_bytes(content.getvalue())


def load(model: Any, path: Path) -> None:
    """Restores the state that `save` wrote.

    Raises:
      InputError: the file is damaged or belongs to another model.
    """
    variables = _variables(model)
    try:
        with np.load(path, allow_pickle=False) as content:
            if len(content) != len(variables):
                raise ValueError(f"{len(content)} arrays, expected {len(variables)}")
            for variable, array in zip(variables, content.values(), strict=True):
                variable.assign(array)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: not a checkpoint of this run ({error}).") from error


def _variables(model: Any) -> list[Any]:
    return [*model.weights, *model.optimizer.variables]
