"""Landmarks of a video that neither tremble on a still face nor lag behind a moving one."""

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from evae_tf import geometry
from evae_tf.array_types import FloatArray

# (landmarks, seconds, size, covariance) -> landmarks, see `OneEuroFilter.__call__`.
Smoother: TypeAlias = Callable[[FloatArray, float, float, FloatArray | None], FloatArray]

_SPEED_CUTOFF_HZ = 1.0  # of the source


def face_size(landmarks: npt.ArrayLike) -> float:
    """The size of a face that the filter's strength is measured in.

    It is taken from the landmarks alone: the box of a face is wider in some models than in others.

    Args:
      landmarks: float [K, 2], image pixels; NaN is left out.

    Returns:
      sqrt(width x height) of the tight box, image pixels; at least 1, also of points in a line.
    """
    return max(1.0, float(geometry.box_size(geometry.landmark_box(landmarks))))


class OneEuroFilter:
    """A low-pass filter for the landmarks of one face, weaker the faster each of them moves.

    Lengths are measured in sizes of the face, so that the strength is the same for near and far
    faces.

    Args:
      min_cutoff_hz: of a landmark that does not move. The lower, the stiller.
      speed_weight: how many Hz the cutoff rises for a speed of one face a second. The higher, the
        less lag.
      typical_deviation: of a landmark, as fraction of the face's size: one that is surer is
        filtered less, one that is less sure more. None, or a model without covariance, filters all
        alike. Defaults are those of `benchmarks.smoothing`.

    Source: Casiez et al., 1 Euro Filter: A Simple Speed-based Low-pass Filter for Noisy Input in
    Interactive Systems, CHI 2012. Weighting by the deviation is ours.
    """

    def __init__(
        self,
        min_cutoff_hz: float = 0.25,
        speed_weight: float = 80.0,
        typical_deviation: float | None = 0.015,
    ) -> None:
        self.min_cutoff_hz = min_cutoff_hz
        self.speed_weight = speed_weight
        self.typical_deviation = typical_deviation
        self._seconds = math.inf  # the first call is no later one
        self._smooth = self._raw = self._speed = np.zeros((0, 2))

    def __call__(
        self,
        landmarks: npt.ArrayLike,
        seconds: float,
        size: float,
        covariance: FloatArray | None = None,
    ) -> FloatArray:
        """The smoothed landmarks of the next frame.

        Args:
          landmarks: float [K, 2], image pixels.
          seconds: when; later than in the call before, or the landmarks come back as they are.
          size: of the face, image pixels; see `face_size`.
          covariance: float [K, 2, 2], pixels squared, or None.

        Returns:
          float32 [K, 2].
        """
        landmarks = np.asarray(landmarks, np.float64)
        if seconds <= self._seconds:
            self._smooth, self._speed = landmarks, np.zeros_like(landmarks)
        else:
            step = seconds - self._seconds
            speed = (landmarks - self._raw) / (step * size)
            self._speed = self._speed + _share(_SPEED_CUTOFF_HZ, step) * (speed - self._speed)
            moved = np.linalg.norm(self._speed, axis=1, keepdims=True)
            cutoff = self.min_cutoff_hz + self.speed_weight * moved
            if self.typical_deviation is not None and covariance is not None:
                cutoff = cutoff * self.typical_deviation / _deviation(covariance, size)
            self._smooth = self._smooth + _share(cutoff, step) * (landmarks - self._smooth)
        self._seconds, self._raw = seconds, landmarks
        return self._smooth.astype(np.float32)


def _deviation(covariance: FloatArray, size: float) -> FloatArray:
    """That of each landmark as fraction of the face's size, float [K, 1]."""
    variance = np.trace(covariance, axis1=1, axis2=2) / 2
    return np.sqrt(np.maximum(variance, 1e-12))[:, None] / size


def _share(cutoff_hz: float | FloatArray, step: float) -> float | FloatArray:
    """How far the smoothed value goes towards the new one in `step` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step))
