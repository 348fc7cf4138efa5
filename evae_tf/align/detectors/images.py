"""Prepares images for detectors: downscaling, and padding to a multiple of their stride."""

from typing import Any

import cv2
import numpy as np

from evae_tf.array_types import ByteArray


def shrunk(image: ByteArray, long_side: int) -> tuple[Any, float]:
    """Downscales an image to a longer side of at most `long_side`; returns (image, scale)."""
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    if scale == 1:
        return image, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def padded(image: ByteArray, multiple: int, size: tuple[int, int] | None = None) -> ByteArray:
    """Pads the image with black pixels at the right and the bottom.

    Args:
      image: uint8 [H, W, 3].
      multiple: height and width become multiples of this.
      size: (height, width) to use instead, not smaller than the image.
    """
    height, width = image.shape[:2]
    high, wide = size or tuple(-(-side // multiple) * multiple for side in (height, width))
    border = (0, high - height, 0, wide - width)
    return np.asarray(
        cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(0, 0, 0)), image.dtype
    )
