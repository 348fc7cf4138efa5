"""Pictures as functions of the place: values between the pixels, and where none are known."""

from collections.abc import Sequence

import cv2
import numpy as np

from evae_tf.array_types import FloatArray

_ROW = 1024  # OpenCV looks up pictures of places, whose sides are limited


def sample(
    picture: FloatArray,
    at: FloatArray,
    interpolation: int = cv2.INTER_LINEAR,
    border: int = cv2.BORDER_REPLICATE,
) -> FloatArray:
    """The colours of a picture, float32 [H, W, C], at (x, y), float [N, 2]: float32 [N, C].

    Args:
      picture: the picture.
      at: pixels; the centre of the first one is (0, 0).
      interpolation: of OpenCV.
      border: what lies outside, of OpenCV.
    """
    padded = np.zeros((-(-len(at) // _ROW) * _ROW, 2), np.float32)
    padded[: len(at)] = at
    taken = cv2.remap(picture, padded.reshape(-1, _ROW, 2), None, interpolation, None, border)
    return taken.reshape(len(padded), -1)[: len(at)]


def continued(
    total: FloatArray, weight: FloatArray, steps: Sequence[tuple[float, float]]
) -> FloatArray:
    """Means of values that are continued smoothly where no weight is.

    Args:
      total: float [H, W] or [H, W, C], the sum of weights times values.
      weight: float [H, W], the sum of the weights.
      steps: standard deviations of blurs, rising, and the weights of the blurred values.
    """
    for sigma, share in steps:
        weight = weight + share * cv2.GaussianBlur(weight, (0, 0), sigma)
        total = total + share * cv2.GaussianBlur(total, (0, 0), sigma)
    return total / (weight.reshape(*weight.shape, *[1] * (total.ndim - 2)) + 1e-30)
