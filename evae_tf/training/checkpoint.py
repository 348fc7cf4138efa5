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

    As a `.npz` file of the arrays in the model's own order: names are counted up within a process
    (`evae`, `evae_1`). Not as Keras' `.weights.h5`: when the disk is full in the midst of writing
    one, the HDF5 library ends the whole process.

    Raises:
      InputError: the file cannot be written.
    """
    content = io.BytesIO()
    np.savez(content, *(ops.convert_to_numpy(variable) for variable in _variables(model)))
    with atomic.replacing_file(path) as temporary:
        # A copy: a view of the buffer, left over when writing fails, crashes Python 3.12.
        temporary.write_bytes(content.getvalue())


def load(model: Any, path: Path) -> None:
    """Brings back what `save` wrote.

    Raises:
      InputError: the file is damaged, or of another model.
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
