"""Smoothing of video landmarks: low jitter on a still face, low lag on a moving one."""

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
    """The size of a face, the unit of length of the filter.

    It depends on the landmarks only, because face boxes differ between models.

    Args:
      landmarks: float [K, 2], image pixels; NaN is left out.

    Returns:
      sqrt(width x height) of the tight box, image pixels; at least 1, also for points in a line.
    """
    return max(1.0, float(geometry.box_size(geometry.landmark_box(landmarks))))


class OneEuroFilter:
    """A low-pass filter for the landmarks of one face; it filters fast landmarks less.

    Lengths are relative to the size of the face, so the strength is the same for near and far
    faces. The defaults are tuned by `benchmarks.smoothing`.

    Args:
      min_cutoff_hz: cutoff for a landmark at rest. Lower values reduce jitter.
      speed_weight: increase of the cutoff, in Hz, for a speed of one face size per second. Higher
        values reduce lag.
      typical_deviation: typical standard deviation of a landmark, as a fraction of the face size.
        Landmarks with a lower uncertainty are filtered less, others more. None, or a model without
        covariance, filters all landmarks equally.

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
        self._seconds = math.inf  # the first call starts the filter
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
          seconds: time of the frame. If it is not later than that of the previous call, the filter
            restarts and returns the landmarks unchanged.
          size: size of the face, image pixels; see `face_size`.
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
    """Standard deviation of each landmark as a fraction of the face size, float [K, 1]."""
    variance = np.trace(covariance, axis1=1, axis2=2) / 2
    return np.sqrt(np.maximum(variance, 1e-12))[:, None] / size


def _share(cutoff_hz: float | FloatArray, step: float) -> float | FloatArray:
    """The smoothing factor of a low-pass filter for `step` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step))
