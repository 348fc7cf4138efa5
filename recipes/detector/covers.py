"""Draws occluders on faces: masks, sunglasses, hats and hands.

Each function draws on an image in place. Landmarks are float [68, 2], image pixels.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from evae_tf.array_types import ByteArray, FloatArray

_SHIFT = 4  # OpenCV's integer coordinates are sixteenths of a pixel
_LEFT_EYE, _RIGHT_EYE = slice(36, 42), slice(42, 48)
_CHEEKS = (2, 14, 30)  # points surrounded by skin


def draw_mask(image: ByteArray, landmarks: FloatArray, rng: np.random.Generator) -> None:
    """A medical mask from the bridge of the nose to below the chin, often with ear loops."""
    middle = landmarks[30]
    top = landmarks[28] + (landmarks[29] - landmarks[28]) * rng.uniform(-0.3, 1.2)
    first = int(rng.integers(1, 4))
    jaw = landmarks[first : 17 - first]
    jaw = middle + (jaw - middle) * rng.uniform(0.98, 1.1)
    fabric = _fabric(rng)
    _fill(image, np.concatenate([jaw, top[None]]), fabric, rng)
    size = np.ptp(landmarks, axis=0).max()
    width = max(1, round(size * 0.012))
    for share in np.sort(rng.uniform(0.2, 0.8, rng.integers(0, 4))):
        down = (landmarks[8] - top) * (share - 0.4)
        line = [jaw[1] + down, jaw[-2] + down]
        _line(image, line, fabric * rng.uniform(0.75, 0.95), width)
    if rng.random() < 0.5:
        for end, ear in ((jaw[0], landmarks[0]), (jaw[-1], landmarks[16])):
            _line(image, [end, ear], fabric, width)


def draw_sunglasses(image: ByteArray, landmarks: FloatArray, rng: np.random.Generator) -> None:
    """Two dark lenses and their bridge; or ordinary glasses, of which only the rims are drawn."""
    eyes = [landmarks[each].mean(axis=0) for each in (_LEFT_EYE, _RIGHT_EYE)]
    apart = np.linalg.norm(landmarks[45] - landmarks[36])
    wide = apart * rng.uniform(0.2, 0.3)
    angle = float(np.degrees(np.arctan2(*(eyes[1] - eyes[0])[::-1])))
    lens = rng.uniform(5, 70, 3)
    only_rims = rng.random() < 0.3
    thick = max(1, round(apart * 0.04))
    for eye, outer in zip(eyes, (landmarks[36], landmarks[45]), strict=True):
        # In a profile, the far lens is as narrow as its eye.
        seen = np.clip(np.linalg.norm(outer - eye) / (0.17 * max(apart, 1e-3)), 0.3, 1.0)
        axes = (wide * seen, wide * rng.uniform(0.75, 0.95))
        _ellipse(image, eye, axes, angle, lens, thick if only_rims else cv2.FILLED)
    _line(image, eyes, lens, thick)


def draw_hat(image: ByteArray, landmarks: FloatArray, rng: np.random.Generator) -> None:
    """A cap, a helmet or a scarf above the brows."""
    brows = landmarks[17:27].mean(axis=0)
    up = brows - landmarks[8]
    across = landmarks[16] - landmarks[0]
    fabric = _fabric(rng)
    centre = brows + up * rng.uniform(0.3, 0.45)
    angle = float(np.degrees(np.arctan2(up[0], -up[1])))
    wide = max(np.linalg.norm(across) * rng.uniform(0.5, 0.62), np.linalg.norm(up) * 0.35)
    high = np.linalg.norm(up) * rng.uniform(0.22, 0.34)
    _ellipse(image, centre, (wide, high), angle, fabric, cv2.FILLED)
    if rng.random() < 0.5:  # its brim
        brim = brows + up * rng.uniform(0.08, 0.16)
        _ellipse(image, brim, (wide * 1.1, high * 0.25), angle, fabric * 0.8, cv2.FILLED)


def draw_hand(image: ByteArray, landmarks: FloatArray, rng: np.random.Generator) -> None:
    """Four fingers over mouth, cheek or eyes, from below or from a side."""
    size = np.ptp(landmarks, axis=0).max()
    target = landmarks[int(rng.integers(0, 68))]
    angle = rng.uniform(0, 2 * np.pi)
    along = np.float32([np.cos(angle), np.sin(angle)])
    beside = np.float32([-along[1], along[0]])
    skin = _skin(image, landmarks) * rng.uniform(0.75, 1.15) + rng.normal(0, 6, 3)
    width = size * rng.uniform(0.1, 0.15)
    palm = target + along * size * 0.55
    _ellipse(image, palm, (2.2 * width, 2.6 * width), np.degrees(angle), skin, cv2.FILLED)
    for finger in range(4):
        side = (finger - 1.5) * width * 1.05
        tip = target + beside * side + along * size * rng.uniform(-0.08, 0.08)
        knuckle = palm + beside * side
        shade = skin * rng.uniform(0.92, 1.05)
        _line(image, [tip, knuckle], shade * 0.7, max(1, round(width)))
        _line(image, [tip, knuckle], shade, max(1, round(width * 0.85)))


def _skin(image: ByteArray, landmarks: FloatArray) -> FloatArray:
    height, width = image.shape[:2]
    spots = np.rint(landmarks[list(_CHEEKS)]).astype(int)
    inside = ((spots >= 0) & (spots < (width, height))).all(axis=1)
    if not inside.any():
        return np.float32([190, 140, 115])
    x, y = spots[inside].T
    return image[y, x].astype(np.float32).mean(axis=0)


def _fabric(rng: np.random.Generator) -> FloatArray:
    """A colour: white, black, surgical blue or random."""
    usual = np.float32([[235, 235, 235], [30, 30, 32], [150, 190, 215], [60, 80, 120]])
    colour = usual[rng.integers(len(usual))] if rng.random() < 0.6 else rng.uniform(20, 240, 3)
    return np.clip(colour + rng.normal(0, 12, 3), 0, 255).astype(np.float32)


def _fill(
    image: ByteArray, polygon: FloatArray, colour: FloatArray, rng: np.random.Generator
) -> None:
    """Fills a polygon, shaded by the brightness of the pixels under it."""
    inside = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(inside, [_fixed(polygon)], 1, cv2.LINE_8, _SHIFT)
    where = inside.astype(bool)
    if not where.any():
        return
    light = image[where].mean(axis=1, keepdims=True) / max(float(image[where].mean()), 1.0)
    shade = 1 + rng.uniform(0, 0.5) * (light - 1)
    image[where] = np.clip(colour * shade * rng.uniform(0.7, 1.1), 0, 255)


def _ellipse(
    image: ByteArray,
    centre: FloatArray,
    axes: Sequence[float],
    angle: float,
    colour: FloatArray,
    thickness: int,
) -> None:
    x, y = _fixed(np.asarray(centre)).tolist()
    a, b = np.maximum(np.rint(np.asarray(axes) * 2**_SHIFT), 1).astype(int).tolist()
    cv2.ellipse(
        image, (x, y), (a, b), float(angle), 0, 360, _colour(colour), thickness, cv2.LINE_AA, _SHIFT
    )


def _line(
    image: ByteArray, points: Sequence[FloatArray], colour: FloatArray, thickness: int
) -> None:
    start, end = (tuple(_fixed(np.asarray(point)).tolist()) for point in points)
    cv2.line(image, start, end, _colour(colour), thickness, cv2.LINE_AA, _SHIFT)


def _fixed(points: FloatArray) -> FloatArray:
    return np.rint(np.clip(points, -4096, 4096) * 2**_SHIFT).astype(np.int32)


def _colour(colour: FloatArray) -> tuple[float, ...]:
    return tuple(np.clip(colour, 0, 255).astype(float).tolist())
