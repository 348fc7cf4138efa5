"""An image as detectors want it: no larger than they need, of sides that they can halve."""

from typing import Any

import cv2
import numpy as np

from evae_tf.array_types import ByteArray


def shrunk(image: ByteArray, long_side: int) -> tuple[Any, float]:
    """(the image, or a smaller one whose longer side is `long_side` pixels; by how much)."""
    height, width = image.shape[:2]
    scale = min(1.0, long_side / max(height, width))
    if scale == 1:
        return image, 1.0
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), scale


def padded(image: ByteArray, multiple: int, size: tuple[int, int] | None = None) -> ByteArray:
    """The image with black pixels to its right and below.

    Args:
      image: uint8 [H, W, 3].
      multiple: of which height and width become multiples, at least once.
      size: (height, width) instead, not less than those of the image.
    """
    height, width = image.shape[:2]
    high, wide = size or tuple(-(-side // multiple) * multiple for side in (height, width))
    border = (0, high - height, 0, wide - width)
    return np.asarray(
        cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=(0, 0, 0)), image.dtype
    )
