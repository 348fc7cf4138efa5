"""Array types for signatures; shapes are given in the docstrings."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.floating[Any]]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ByteArray: TypeAlias = npt.NDArray[np.uint8]
IndexArray: TypeAlias = npt.NDArray[np.intp]
Tensor: TypeAlias = Any  # of the Keras backend; Keras and TensorFlow have no type stubs
