"""Landmarks of a video that neither tremble on a still face nor lag behind a moving one."""

import math

import numpy as np

_SPEED_CUTOFF_HZ = 1.0  # of the source


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

    def __init__(self, min_cutoff_hz=0.25, speed_weight=80.0, typical_deviation=0.015):
        self.min_cutoff_hz = min_cutoff_hz
        self.speed_weight = speed_weight
        self.typical_deviation = typical_deviation
        self._seconds = None
        self._smooth = None
        self._raw = None
        self._speed = None

    def __call__(self, landmarks, seconds, size, covariance=None):
        """The smoothed landmarks of the next frame.

        Args:
          landmarks: float [K, 2], image pixels.
          seconds: when; later than in the call before, or the landmarks come back as they are.
          size: of the face, image pixels.
          covariance: float [K, 2, 2], pixels squared, or None.

        Returns:
          float32 [K, 2].
        """
        landmarks = np.asarray(landmarks, np.float64)
        if self._smooth is None or seconds <= self._seconds:
            self._smooth, self._speed = landmarks, np.zeros_like(landmarks)
        else:
            step = seconds - self._seconds
            speed = (landmarks - self._raw) / (step * size)
            self._speed += _share(_SPEED_CUTOFF_HZ, step) * (speed - self._speed)
            moved = np.linalg.norm(self._speed, axis=1, keepdims=True)
            cutoff = self.min_cutoff_hz + self.speed_weight * moved
            if self.typical_deviation is not None and covariance is not None:
                cutoff = cutoff * self._sureness(covariance, size)
            self._smooth = self._smooth + _share(cutoff, step) * (landmarks - self._smooth)
        self._seconds, self._raw = seconds, landmarks
        return self._smooth.astype(np.float32)

    def _sureness(self, covariance, size):
        """Typical deviation over that of each landmark, float [K, 1]."""
        variance = np.trace(covariance, axis1=1, axis2=2) / 2
        deviation = np.sqrt(np.maximum(variance, 1e-12)) / size
        return (self.typical_deviation / deviation)[:, None]


def _share(cutoff_hz, step):
    """How far the smoothed value goes towards the new one in `step` seconds."""
    return 1 / (1 + 1 / (2 * math.pi * cutoff_hz * step))
