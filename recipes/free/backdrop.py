"""What is behind a rendered person, and what a camera does to the picture."""

import cv2
import numpy as np

from evae_tf.array_types import ByteArray, FloatArray


def backdrop(rng: np.random.Generator, side: int, photos: list[ByteArray]) -> FloatArray:
    """A background: a wall, blurred shapes, or the blurred corner of a photo.

    Args:
      rng: the source of randomness.
      side: pixels.
      photos: uint8 [H, W, 3], pictures whose corners are used.

    Returns:
      float [side, side, 3], RGB, 0 to 1.
    """
    if photos and rng.random() < 0.5:
        picture = _corner(rng, photos[rng.integers(len(photos))])
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_LINEAR) / 255
    else:
        picture = _shapes(rng, side)
    sigma = rng.uniform(0.1, 5) * side / 176
    picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    return np.clip(picture * rng.uniform(0.5, 1.3), 0, 1)


def expose(picture: FloatArray, rng: np.random.Generator) -> ByteArray:
    """The photo that a camera makes of a scene: lost resolution, blur, noise and a tone curve.

    Args:
      picture: float [side, side, 3], RGB, 0 to 1.
      rng: the source of randomness.

    Returns:
      uint8 [side, side, 3].
    """
    side = len(picture)
    if rng.random() < 0.3:
        small = int(side * rng.uniform(0.35, 0.9))
        picture = cv2.resize(picture, (small, small), interpolation=cv2.INTER_AREA)
        picture = cv2.resize(picture, (side, side), interpolation=cv2.INTER_CUBIC)
    elif rng.random() < 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.4, 1.6))
    picture = np.clip(picture, 0, 1) ** rng.uniform(0.75, 1.35)
    grain = rng.normal(0, rng.uniform(0, 0.025), picture.shape)
    return (np.clip(picture + grain, 0, 1) * 255 + 0.5).astype(np.uint8)


def _corner(rng: np.random.Generator, photo: ByteArray) -> ByteArray:
    height, width = photo.shape[:2]
    size = int(min(height, width) * rng.uniform(0.2, 0.35))
    left = 0 if rng.random() < 0.5 else width - size
    top = rng.integers(0, max(1, height // 3))
    return photo[top : top + size, left : left + size][:, :: rng.choice([-1, 1])]


def _shapes(rng: np.random.Generator, side: int) -> FloatArray:
    ground = rng.uniform(0, 1) + rng.normal(0, 0.08, 3)
    picture = np.ones((side, side, 3)) * ground
    slope = rng.normal(0, 0.25, 2)
    y, x = np.mgrid[:side, :side] / side - 0.5
    picture += (slope[0] * x + slope[1] * y)[..., None]
    for _ in range(rng.integers(0, 14)):
        color = np.clip(ground + rng.normal(0, 0.3) + rng.normal(0, 0.12, 3), 0, 1)
        corner = rng.uniform(-0.2, 1, 2) * side
        size = rng.uniform(0.05, 0.6, 2) * side
        box = cv2.boxPoints((tuple(corner), tuple(size), rng.uniform(0, 180)))
        cv2.fillPoly(picture, [box.astype(np.int32)], color.tolist())
    return np.clip(picture, 0, 1)
