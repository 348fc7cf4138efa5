"""The pixel convention, and all conversions between frames.

Image frame: the centre of the first pixel is (0, 0), x to the right, y down, as in OpenCV; an
image of width W covers x from -0.5 to W - 0.5. Crop frame: fractions of the crop; the centre of
pixel i of a crop of width S is at (i + 0.5) / S. Official files of 300-W, MTFL and COFW count
pixels from 1: `from_one_based` converts.

Boxes are (x_min, y_min, x_max, y_max). Point arrays are [..., K, 2] as (x, y).
"""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike

from evae_tf.array_types import BoolArray, ByteArray, FloatArray, Tensor


def as_float32(values: ArrayLike) -> FloatArray:
    """Converts to float32; values out of range become infinite without a NumPy warning."""
    with np.errstate(over="ignore"):
        return np.asarray(values, np.float32)


def from_one_based(points: ArrayLike) -> FloatArray:
    """Converts image points counted from (1, 1) to points counted from (0, 0)."""
    return as_float32(points) - 1.0


def to_one_based(points: ArrayLike) -> FloatArray:
    """The inverse of `from_one_based`."""
    return np.asarray(points, np.float32) + 1.0


def fraction_to_pixel(fraction: Tensor, size: Tensor) -> Tensor:
    """Converts fractions of `size` pixels to pixel coordinates (array or tensor)."""
    return fraction * size - 0.5


def pixel_to_fraction(pixel: Tensor, size: Tensor) -> Tensor:
    """The inverse of `fraction_to_pixel`."""
    return (pixel + 0.5) / size


def annotated(landmarks: ArrayLike) -> BoolArray:
    """Which points are annotated, that is not NaN: float [..., K, 2] -> bool [..., K]."""
    return np.asarray(~np.isnan(np.asarray(landmarks)).any(axis=-1))


def landmark_box(landmarks: ArrayLike) -> FloatArray:
    """The tight box of each face's annotated points: float [..., K, 2] -> float32 [..., 4].

    Points that are NaN are left out; the box of a face without annotated points is NaN.
    """
    landmarks = np.asarray(landmarks, np.float32)
    least, most = (pick.reduce(landmarks, axis=-2) for pick in (np.fmin, np.fmax))
    return np.concatenate([least, most], axis=-1)


def box_diagonal(box: ArrayLike) -> FloatArray:
    """Length of the diagonal: float [..., 4] -> float [...], in the box's unit."""
    box = np.asarray(box)
    return np.hypot(box[..., 2] - box[..., 0], box[..., 3] - box[..., 1])


def box_size(box: ArrayLike) -> FloatArray:
    """sqrt(width x height): float [..., 4] -> float [...], in the box's unit."""
    box = np.asarray(box)
    return np.sqrt((box[..., 2] - box[..., 0]) * (box[..., 3] - box[..., 1]))


def square_around(box: ArrayLike, margin: float) -> FloatArray:
    """The square crop around a face box, centred on it.

    Args:
      box: float [..., 4], image pixels.
      margin: the square's side is `(1 + margin)` times the longer side of the box.

    Returns:
      float32 [..., 3]: centre x, centre y, side, in image pixels.
    """
    box = np.asarray(box, np.float32)
    centre = (box[..., :2] + box[..., 2:]) / 2
    side = (box[..., 2:] - box[..., :2]).max(axis=-1, keepdims=True) * (1 + margin)
    return np.concatenate([centre, side], axis=-1)


BOX_COLUMNS = ("box_x_min", "box_y_min", "box_x_max", "box_y_max")  # of a box, in tables

TIGHT_BOX = (0.0, 0.0, 1.0)  # `relative_box` of boxes that are the tight ones


def squares_overlap(first: ArrayLike, second: ArrayLike) -> FloatArray:
    """Intersection over union of axis-aligned squares, 0 to 1.

    Args:
      first: float [..., 3], centre x, centre y and side.
      second: like `first`.

    Returns:
      float [...].
    """
    first, second = np.asarray(first), np.asarray(second)
    one, other = first[..., 2:], second[..., 2:]
    apart = np.abs(first[..., :2] - second[..., :2])
    reach = np.clip((one + other) / 2 - apart, 0, np.minimum(one, other))
    shared = reach.prod(axis=-1)
    return shared / (one[..., 0] ** 2 + other[..., 0] ** 2 - shared)


def relative_box(boxes: ArrayLike, landmarks: ArrayLike) -> tuple[float, float, float]:
    """The place of face boxes relative to the tight boxes of their landmarks.

    Args:
      boxes: float [N, 4], image pixels.
      landmarks: float [N, K, 2], image pixels; NaN where a point is not annotated.

    Returns:
      (x, y, scale), medians over the faces: offset of the box's centre from that of the tight box,
      and length of its longer side, both relative to the longer side of the tight box.
    """
    own, tight = square_around(boxes, 0.0), square_around(landmark_box(landmarks), 0.0)
    sides = np.maximum(tight[:, 2:], 1.0)  # the box of a single landmark has no size
    relative = np.concatenate([own[:, :2] - tight[:, :2], own[:, 2:]], axis=1) / sides
    x, y, scale = (round(float(value), 4) for value in np.median(relative, axis=0))
    return x, y, scale


def box_of_landmarks(
    landmarks: ArrayLike, relative: tuple[float, float, float] = TIGHT_BOX
) -> FloatArray:
    """Face boxes from landmarks, the inverse of `relative_box`.

    The boxes have the aspect ratio of the tight boxes.

    Args:
      landmarks: float [..., K, 2]; NaN where a point is not annotated.
      relative: (x, y, scale).

    Returns:
      float32 [..., 4], in the unit of the landmarks.
    """
    tight, (x, y, scale) = landmark_box(landmarks), relative
    sides = tight[..., 2:] - tight[..., :2]
    middle = (tight[..., :2] + tight[..., 2:]) / 2
    middle = middle + np.asarray([x, y], np.float32) * sides.max(axis=-1, keepdims=True)
    half = np.float32(scale) * sides / 2
    return np.concatenate([middle - half, middle + half], axis=-1)


def image_to_crop(points: ArrayLike, square: ArrayLike) -> FloatArray:
    """Image pixels -> crop fractions: points [..., K, 2], square [..., 3] of `square_around`."""
    square = np.asarray(square, np.float32)[..., None, :]
    return (np.asarray(points, np.float32) - square[..., :2]) / square[..., 2:] + 0.5


def crop_to_image(fractions: ArrayLike, square: ArrayLike, angle: ArrayLike = 0.0) -> FloatArray:
    """The inverse of `image_to_crop`, also for turned squares.

    Args:
      fractions: float [..., K, 2], crop fractions.
      square: float [..., 3], see `square_around`.
      angle: float [...], radians by which the square was turned, see `cut_square`.

    Returns:
      float32 [..., K, 2], image pixels.
    """
    square = np.asarray(square, np.float32)[..., None, :]
    offsets = (np.asarray(fractions, np.float32) - 0.5) * square[..., 2:]
    return rotate(offsets, angle) + square[..., :2]


def rotate(points: FloatArray, angle: ArrayLike) -> FloatArray:
    """Rotates points [..., K, 2] about the origin, from x towards y, by angle [...] in radians."""
    cosine, sine = (
        function(np.asarray(angle, np.float32))[..., None] for function in (np.cos, np.sin)
    )
    x, y = points[..., 0], points[..., 1]
    return np.stack([cosine * x - sine * y, sine * x + cosine * y], axis=-1)


def covariance_to_image(
    covariance: ArrayLike, square: ArrayLike, angle: ArrayLike = 0.0
) -> FloatArray:
    """Converts covariances of landmarks from crop to image; see `crop_to_image`.

    Args:
      covariance: float [..., K, 2, 2], crop fractions squared.
      square: float [..., 3].
      angle: float [...], radians.

    Returns:
      float32 [..., K, 2, 2], image pixels squared.
    """
    turn = np.asarray(angle, np.float32)[..., None]
    turned = rotate(rotate(np.asarray(covariance, np.float32), turn).mT, turn)  # both axes
    return turned.mT * np.asarray(square, np.float32)[..., 2, None, None, None] ** 2


def cut_square(image: ByteArray, square: ArrayLike, size: int, angle: float = 0.0) -> ByteArray:
    """Cuts a square out of an image and resizes it; black outside the image.

    Each pixel is one bilinear sample. A square of twice the crop's size or more is first averaged
    over whole pixels (`INTER_AREA`) to avoid aliasing.

    Args:
      image: uint8 [H, W, 3].
      square: float [3], see `square_around`.
      size: S, the crop's side in pixels.
      angle: radians by which the square is turned about its centre, from x towards y. A face with
        this roll is upright in the crop.

    Returns:
      uint8 [S, S, 3].
    """
    square = np.asarray(square, np.float64)
    centre, side = square[:2], float(square[2])
    cosine, sine = math.cos(angle), math.sin(angle)
    step = side / size
    shrink = max(int(step), 1)
    reach = side / 2 * (abs(cosine) + abs(sine))
    image, centre = _part(image, centre, reach + 2 * shrink)
    shrink = min(shrink, max(image.shape[:2]))  # a square may be far larger than the image
    if shrink >= 2:
        image, centre = _shrunk(image, centre, shrink)
        step /= shrink
    axes = step * np.array([[cosine, -sine], [sine, cosine]])
    first = centre - axes.sum(axis=1) * (size - 1) / 2
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    crop = cv2.warpAffine(image, np.column_stack([axes, first]), (size, size), flags=flags)
    return np.asarray(crop, image.dtype)


def _part(image: ByteArray, centre: FloatArray, reach: float) -> tuple[ByteArray, FloatArray]:
    """The part of `image` within `reach` of `centre`, and the new `centre`.

    OpenCV refuses larger images.
    """
    left, top = (max(0, int(start - reach)) for start in centre)
    right, bottom = (max(0, int(start + reach)) for start in centre)
    part = image[top:bottom, left:right]
    if not part.size:  # the square is completely outside the image
        return np.zeros((1, 1, 3), image.dtype), centre
    return part, centre - (left, top)


def _shrunk(part: ByteArray, centre: FloatArray, shrink: int) -> tuple[ByteArray, FloatArray]:
    """An image averaged over `shrink` x `shrink` pixels, and the new `centre`."""
    columns, rows = -(-part.shape[1] // shrink), -(-part.shape[0] // shrink)
    whole = cv2.copyMakeBorder(
        part,
        *(0, rows * shrink - part.shape[0], 0, columns * shrink - part.shape[1]),
        cv2.BORDER_REPLICATE,
    )
    smaller = cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA)
    return np.asarray(smaller, part.dtype), fraction_to_pixel(pixel_to_fraction(centre, shrink), 1)


def jitter_boxes(boxes: ArrayLike, seed: int) -> FloatArray:
    """Perturbs boxes like a rough detector, for robustness figures.

    Each face gets a uniform scale in [0.85, 1.15] and a uniform shift in x and y within 8 % of the
    longer side.

    Args:
      boxes: float [N, 4], image pixels.
      seed: random seed.

    Returns:
      float32 [N, 4].
    """
    rng = np.random.default_rng(seed)
    boxes = np.asarray(boxes, np.float32)
    centre, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    scale = rng.uniform(0.85, 1.15, (len(boxes), 1))
    shift = rng.uniform(-0.08, 0.08, (len(boxes), 2)) * 2 * half.max(axis=1, keepdims=True)
    centre, half = centre + shift, half * scale
    return np.concatenate([centre - half, centre + half], axis=1).astype(np.float32)
