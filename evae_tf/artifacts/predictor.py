"""The interface of a trained model, and what all kinds of files share of it."""

import abc
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError
from evae_tf.metadata import ModelMetadata

MOST_AT_ONCE = 64  # crops; more take memory and no less time


class Predictor(Protocol):
    """The result of `open_model`: a model that is thread-safe and can be pickled.

    Attributes:
      metadata: the model's metadata.
    """

    metadata: ModelMetadata

    def predict(self, images: npt.ArrayLike) -> dict[str, FloatArray]:
        """The model's outputs.

        Args:
          images: float [N, S, S, 3], RGB in [0, 1]; N may be 0.

        Returns:
          dict of float32 arrays [N, ...], such as `landmarks` [N, K, 2], crop fractions.

        Raises:
          ValueError: the shape is wrong.
        """
        ...


class FilePredictor(abc.ABC):
    """A `Predictor` that is pickled as its constructor arguments and opens the file again.

    Args:
      path: the model's file or folder.
      arguments: the other constructor arguments of its class.
    """

    metadata: ModelMetadata

    def __init__(self, path: Path, *arguments: Any) -> None:
        self.path = path.absolute()
        self._arguments = arguments

    def predict(self, images: npt.ArrayLike) -> dict[str, FloatArray]:
        """See `Predictor`."""
        images = np.asarray(images)
        if images.size and not np.issubdtype(images.dtype, np.floating):
            raise InputError(f"images of {images.dtype}, expected floats in [0, 1].")
        images = images.astype(np.float32, copy=False)
        size = self.metadata.input_size
        expected = (size, size, 3)
        if not images.size and images.shape[1:] in (expected, ()):
            # Only the model knows the shapes of its outputs.
            outputs = self._predict(np.zeros((1, *expected), np.float32))
            return {name: value[:0] for name, value in outputs.items()}
        if images.shape[1:] != expected:  # some runtimes would abort or return nonsense
            raise InputError(
                f"images have the shape {[*images.shape]}, expected [N, {size}, {size}, 3]."
            )
        parts = [
            self._predict(part)
            for part in np.split(images, range(MOST_AT_ONCE, len(images), MOST_AT_ONCE))
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @abc.abstractmethod
    def _predict(self, images: FloatArray) -> dict[str, FloatArray]:
        """As `predict`, for 1 to `MOST_AT_ONCE` images of the right shape."""

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.path, *self._arguments)
