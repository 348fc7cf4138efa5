"""Degrades the tiles of `mosaic` like amateur photos: light, colour, blur, noise and JPEG."""

from collections.abc import Callable

import cv2
import numpy as np

from evae_tf.array_types import ByteArray


def degraded(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    """An image uint8 [S, S, 3] after a random selection of the degradations."""
    steps: list[tuple[float, Callable[[ByteArray, np.random.Generator], ByteArray]]] = [
        (0.6, _light),
        (0.15, _grey),
        (0.2, _blur),
        (0.15, _noise),
        (0.35, _jpeg),
    ]
    for rate, step in steps:
        if rng.random() < rate:
            image = step(image, rng)
    return image


def _light(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    gain = np.exp(rng.normal(0, 0.25)) * (rng.uniform(0.15, 0.5) if rng.random() < 0.12 else 1)
    gains = gain * np.exp(rng.normal(0, 0.08, 3))
    gamma = np.exp(rng.normal(0, 0.2))
    levels = 255 * (np.arange(256)[:, None] / 255) ** gamma * gains + rng.normal(0, 8)
    table = levels.clip(0, 255).astype(np.uint8)
    return cv2.LUT(image, table[:, None, :])


def _grey(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    return cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def _blur(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    if rng.random() < 0.5:
        return cv2.GaussianBlur(image, (0, 0), float(rng.uniform(0.4, 1.8)))
    side = round(len(image) * rng.uniform(0.4, 0.9))
    smaller = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return cv2.resize(smaller, image.shape[:2])


def _noise(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    noise = rng.integers(-24, 25, image.shape, np.int16)
    return (image + noise * np.float32(rng.uniform(0.2, 1))).clip(0, 255).astype(np.uint8)


def _jpeg(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))]
    return cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
