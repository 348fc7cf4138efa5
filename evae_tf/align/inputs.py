"""Checks and converts the inputs of `Aligner`: images and boxes."""

from os import PathLike
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image, rgb_pixels
from evae_tf.errors import InputError
from evae_tf.geometry import as_float32

ImageLike: TypeAlias = str | PathLike[str] | npt.NDArray[Any] | Image.Image

_MOST_OF_IMAGE = 20  # a larger box has wrong units

_EXPECTED = (
    "expected a path, a PIL image, or an array of uint8, or of floats in [0, 1], of shape [H, W], "
    "[H, W, 1], [H, W, 3] or [H, W, 4]"
)


def rgb_image(image: ImageLike) -> ByteArray:
    """The pixels of an image: uint8 [H, W, 3], RGB.

    Args:
      image: the path of an image file; a PIL image, whose EXIF rotation is applied; or an array of
        uint8, or of floats in [0, 1]: grey [H, W] or [H, W, 1], RGB [H, W, 3], or RGBA
        [H, W, 4], whose alpha is dropped. uint8 RGB is not copied.

    Raises:
      InputError: it is of another type, has no pixels, or its file cannot be read.
    """
    if isinstance(image, np.ndarray):
        return _rgb_array(image)
    if isinstance(image, Image.Image):
        return rgb_pixels(image, "a PIL image")
    if isinstance(image, str | PathLike):
        return read_image(Path(image))
    raise InputError(f"found an image of type {type(image).__name__}; {_EXPECTED}.")


def _rgb_array(image: npt.NDArray[Any]) -> ByteArray:
    channels = image.shape[2] if image.ndim == 3 else 1
    floating = np.issubdtype(image.dtype, np.floating)
    known = image.ndim in (2, 3) and channels in (1, 3, 4) and image.size
    if not known or not (floating or image.dtype == np.uint8):
        shape = list(image.shape)
        raise InputError(f"found an image of {image.dtype} and shape {shape}; {_EXPECTED}.")
    if floating:
        low, high = float(image.min()), float(image.max())
        if not (low >= 0 and high <= 1):  # NaN is neither
            raise InputError(f"found float values from {low:g} to {high:g}; {_EXPECTED}.")
        image = np.rint(image * np.float32(255)).astype(np.uint8)
    if channels == 1:
        return np.repeat(image.reshape(*image.shape[:2], 1), 3, axis=2)
    return np.ascontiguousarray(image[..., :3])


def known_boxes(boxes: npt.ArrayLike, image: ByteArray) -> FloatArray:
    """Checks boxes given by the user and returns them as float32 [N, 4].

    Raises:
      InputError: a box is empty, outside the image or many times larger than it.
    """
    boxes = box_array(boxes, "boxes")
    height, width = image.shape[:2]
    inside = (boxes[:, :2] < (width, height)).all(axis=1) & (boxes[:, 2:] > 0).all(axis=1)
    if not inside.all():
        wrong = boxes[~inside][0].tolist()
        raise InputError(
            f"box {wrong} is outside the image of {width} x {height} pixels; expected (x_min, "
            "y_min, x_max, y_max)."
        )
    too_large = (boxes[:, 2:] - boxes[:, :2]).max(axis=1) > _MOST_OF_IMAGE * max(width, height)
    if too_large.any():
        wrong = boxes[too_large][0].tolist()
        raise InputError(
            f"box {wrong} is more than {_MOST_OF_IMAGE} times as large as the image of {width} x "
            f"{height} pixels; expected a face box in pixels."
        )
    return boxes


def box_array(boxes: npt.ArrayLike, source: str) -> FloatArray:
    """Converts boxes to float32 [N, 4]; they may lie outside an image.

    Args:
      boxes: [N, 4], (x_min, y_min, x_max, y_max), or empty.
      source: where they come from, for messages.

    Raises:
      InputError: it is no such array, or a box is empty or not finite.
    """
    try:
        array = as_float32(boxes)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"{source}: found {type(boxes).__name__}, expected a numeric array [N, 4]."
        ) from error
    if array.shape in ((0,), (4,)):
        array = array.reshape(-1, 4)
    if array.ndim != 2 or array.shape[1] != 4:
        raise InputError(f"{source}: found the shape {list(array.shape)}, expected [N, 4].")
    good = np.isfinite(array).all(axis=1) & (array[:, 2:] > array[:, :2]).all(axis=1)
    if not good.all():
        raise InputError(
            f"{source}: box {array[~good][0].tolist()} is empty or not finite; expected (x_min, "
            "y_min, x_max, y_max)."
        )
    return array
