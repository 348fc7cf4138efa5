"""Background, occluders, glasses and camera effects of synthetic faces, on [S, S, 3] images."""

from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import ArrayLike

from evae_tf.array_types import BoolArray, ByteArray, FloatArray
from evae_tf.data.synthetic.brush import ellipse, noise
from evae_tf.data.synthetic.scene import View
from evae_tf.data.synthetic.shape import Shape

_SHIFT = 4  # OpenCV takes coordinates in units of 2 ** -_SHIFT pixels


def background(rng: np.random.Generator, side: int) -> ByteArray:
    """A random background of blurred shapes: uint8 [side, side, 3]."""
    contrast = rng.uniform(5, 45)
    ground = rng.uniform(20, 225) + rng.normal(0, 18, 3)
    ground = ground + contrast * noise(rng, (44, 44), (4, 4))[..., None]
    ground = (
        ground + rng.uniform(0, 30) * noise(rng, (44, 44), tuple(rng.integers(5, 40, 2)))[..., None]
    )
    image = cv2.resize(np.asarray(ground, np.float32), (side, side))
    for _ in range(rng.integers(0, 12)):
        size = rng.uniform(0.03, 0.5, 2) * side
        box = (
            rng.uniform(0, side, 2).tolist(),
            size.tolist(),
            rng.choice([0, 0, rng.uniform(0, 90)]),
        )
        color = rng.uniform(0, 255) + rng.normal(0, 20, 3)
        cv2.fillPoly(image, [np.rint(cv2.boxPoints(box)).astype(np.int32)], color.tolist())
    blur = rng.uniform(0, 7)
    if blur > 0.5:
        small = cv2.resize(image, (side // 2, side // 2), interpolation=cv2.INTER_AREA)
        image = cv2.resize(cv2.GaussianBlur(small, (0, 0), blur / 2 + 0.2), (side, side))
    return np.clip(image, 0, 255).astype(np.uint8)


def put_glasses(
    image: ByteArray, view: View, shape: Shape, rng: np.random.Generator, dark: bool
) -> BoolArray:
    """Draws glasses on the image, in place.

    Args:
      image: uint8 [S, S, 3].
      view: `View`.
      shape: `Shape`.
      rng: random generator of shape and colour.
      dark: whether they are sunglasses.

    Returns:
      bool [S, S], pixels covered by dark lenses; all False for clear glasses.
    """
    color = rng.uniform(0, 70) + rng.uniform(0, 60, 3) * (rng.random() < 0.3)
    width = rng.uniform(0.015, 0.06) * view.scale
    corner, radii = rng.uniform(1.2, 3), (rng.uniform(0.3, 0.4), rng.uniform(0.19, 0.3))
    turn = ellipse((0, 0), (1, 1))
    rim = np.sign(turn) * np.abs(turn) ** (2 / (1 + corner)) * radii + [0, 0.03]
    front = shape.surface(np.asarray([0, 0], np.float64))[2] + 0.12
    rims = []
    for x in (-0.5, 0.5):
        flat = rim + [x, 0]
        depth = front - 0.22 * flat[:, :1] ** 2
        rims.append(view(np.concatenate([flat, depth], axis=1))[0])
    tint = rng.uniform(5, 60, 3) if dark else np.asarray([255, 255, 255], np.float64)
    strength = rng.uniform(0.9, 1) if dark else rng.uniform(0, 0.15)
    covered = np.zeros(image.shape[:2], np.uint8)
    cv2.fillPoly(covered, [np.rint(lens).astype(np.int32) for lens in rims], 1)
    glass = covered[..., None] * strength
    image[:] = image + glass * (tint - image)
    half_width, back, _ = shape.row(np.asarray(-0.05))
    lines = [
        *(np.concatenate([lens, lens[:1]]) for lens in rims),
        np.stack([rims[0][0], rims[1][10]]),
    ]
    for side, hinge in ((-1, rims[0][10]), (1, rims[1][0])):
        at_ear, _ = view(np.asarray([side * (half_width + 0.03), -0.08, back], np.float64))
        # The temple on the far side is hidden by the head.
        if side * (view.rotation[0] @ [0, 0, 1]) < 0.15:
            lines.append(np.stack([hinge, at_ear]))
    lines = [np.rint(line * 2**_SHIFT).astype(np.int32) for line in lines]
    cv2.polylines(image, lines, False, color.tolist(), max(1, round(width)), cv2.LINE_AA, _SHIFT)
    return covered.astype(bool) & dark


def put_occluder(image: ByteArray, landmarks: FloatArray, rng: np.random.Generator) -> BoolArray:
    """Draws a hand, scarf, patch or microphone on the image, in place.

    Args:
      image: uint8 [S, S, 3].
      landmarks: float [K, 2], pixels; the occluder is placed near them.
      rng: random generator.

    Returns:
      bool [S, S], the covered pixels.
    """
    side = len(image)
    mask = np.zeros((side, side), np.uint8)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    size = (high - low).max()
    kind = rng.choice(["hand", "scarf", "patch", "microphone"])
    color = rng.uniform(20, 220) + rng.normal(0, 20, 3)
    texture = noise(rng, (side, side), tuple(rng.integers(4, 60, 2)))[..., None] * rng.uniform(
        3, 25
    )
    if kind == "hand":
        color = np.asarray([226, 178, 150], np.float64) * rng.uniform(0.4, 1.02)
        texture = _hand(mask, low, high, rng)
    elif kind == "scarf":
        x = np.linspace(0, side, 9)
        top = high[1] - rng.uniform(0.1, 0.42) * size + rng.normal(0, 0.03 * size, 9)
        _polygon(mask, np.concatenate([np.stack([x, top], axis=1), [(side, side), (0, side)]]))
    elif kind == "patch":
        place = low + (high - low) * rng.uniform(0.1, 0.9, 2)
        box = (place.tolist(), (size * rng.uniform(0.15, 0.5, 2)).tolist(), rng.uniform(0, 180))
        _polygon(mask, cv2.boxPoints(box))
    else:
        color = np.asarray([1, 1, 1], np.float64) * rng.uniform(15, 80)
        head = np.asarray([(low[0] + high[0]) / 2, high[1] - 0.12 * size], np.float64)
        head = head + rng.normal(0, 0.08 * size, 2)
        _lines(mask, [(head, head + [rng.normal(0, 0.3 * size), 1.5 * size])], 0.1 * size)
        _polygon(mask, ellipse(head, size * rng.uniform(0.1, 0.16, 2)))
    # Shading: darker towards the edges, with a shadow on the face behind.
    rounded = cv2.GaussianBlur(mask, (0, 0), 0.035 * side)[..., None] / 255
    shadow = cv2.GaussianBlur(mask, (0, 0), 0.02 * side)[..., None] / 255
    alpha = mask[..., None] / 255
    behind = image * (1 - 0.3 * shadow)
    picture = behind + alpha * ((color + texture) * (0.45 + 0.6 * rounded) - behind)
    image[:] = np.clip(picture, 0, 255)
    return mask > 127


def _hand(
    mask: ByteArray, low: FloatArray, high: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """Draws four fingers from below or beside the face; returns the shading of the gaps."""
    size = (high - low).max()
    tip = low + (high - low) * rng.uniform(0.25, 0.85, 2)
    start = np.asarray([rng.choice([low[0], high[0]]), high[1] + 0.25 * size], np.float64)
    along = (tip - start) / np.linalg.norm(tip - start)
    across = np.asarray([-along[1], along[0]], np.float64) * 0.12 * size
    reach = rng.normal(0, 0.05, 4) + [-0.06, 0.04, 0.03, -0.12]
    fingers = [
        (start + 0.8 * i * across, tip + (i * across) + along * r * size)
        for i, r in zip((-1.5, -0.5, 0.5, 1.5), reach, strict=True)
    ]
    _lines(mask, fingers, 0.125 * size)
    gaps = np.zeros_like(mask)
    _lines(gaps, [(a + 0.45 * across, b + 0.5 * across) for a, b in fingers[:3]], 0.02 * size)
    return -np.float64(0.3) * cv2.GaussianBlur(gaps, (0, 0), 0.012 * len(mask))[..., None]


def _polygon(mask: ByteArray, points: ArrayLike) -> None:
    points = np.rint(np.asarray(points) * 2**_SHIFT).astype(np.int32)
    cv2.fillPoly(mask, [points], 255, cv2.LINE_AA, _SHIFT)


def _lines(mask: ByteArray, lines: Iterable[ArrayLike], width: float) -> None:
    lines = [np.rint(np.asarray(line) * 2**_SHIFT).astype(np.int32) for line in lines]
    cv2.polylines(mask, lines, False, 255, max(2, round(width)), cv2.LINE_AA, _SHIFT)


def camera(image: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Applies light colour, exposure, contrast, blur and noise: uint8 -> uint8."""
    tone = 255 * np.linspace(0, 1, 256)[:, None] ** rng.uniform(0.65, 1.2)
    tone = np.asarray(tone * (1 + rng.normal(0, 0.05, 3)) * rng.uniform(0.78, 1.08), np.float32)
    picture = cv2.LUT(image, tone[None])
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    pale = rng.uniform(0, 0.4) if rng.random() < 0.9 else 1
    picture = cv2.addWeighted(picture, 1 - pale, grey, pale, 0)
    sigma = rng.uniform(0, 1.3)
    if sigma > 0.3:
        picture = cv2.GaussianBlur(picture, (0, 0), sigma)
    noisy = np.float32(rng.uniform(0.5, 6)) * rng.standard_normal(picture.shape, np.float32)
    return np.clip(np.rint(picture + noisy), 0, 255).astype(np.uint8)
