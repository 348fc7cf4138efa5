"""Synthetic occluders: patches, hands, glasses and scarves, in `keras.ops`.

Each kind is a shape in its own frame, (u, v) within [-1, 1], which is rotated, scaled and placed.
The same formula determines the covered pixels and the covered landmarks.
"""

import math
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from keras import ops

from evae_tf.array_types import Tensor

# Ranges of the draws: centre and half sides as fractions of the crop, rotation in degrees. Glasses
# are near the eyes, scarves extend down from the mouth.
_RANGES = {
    "ellipse": {"x": (0, 1), "y": (0, 1), "width": (0.05, 0.25), "height": (0.05, 0.25)},
    "rectangle": {"x": (0, 1), "y": (0, 1), "width": (0.05, 0.25), "height": (0.05, 0.25)},
    "hand": {"x": (0, 1), "y": (0.2, 1), "width": (0.12, 0.25), "height": (0.15, 0.3)},
    "glasses": {"x": (0.4, 0.6), "y": (0.2, 0.4), "width": (0.28, 0.4), "height": (0.07, 0.14)},
    "scarf": {"x": (0.4, 0.6), "y": (1.2, 1.5), "width": (0.6, 0.8), "height": (0.5, 0.7)},
}
_TURN_DEGREES = {"ellipse": 90, "rectangle": 90, "hand": 180, "glasses": 15, "scarf": 15}
KINDS = tuple(_RANGES)
Draws: TypeAlias = Mapping[str, Tensor]  # by name, each float [B], uniform in [0, 1)


def covered(x: Tensor, y: Tensor, draw: Draws) -> Tensor:
    """Whether positions are covered by the occluder of their image.

    Args:
      x: float, crop fractions, [B, ...].
      y: as `x`; the two are broadcast.
      draw: dict of `occluder_kind`, `_x`, `_y`, `_width`, `_height` and `_angle` to float [B],
        uniform in [0, 1).

    Returns:
      bool, [B, ...].
    """
    lead = (-1,) + (1,) * (len(x.shape) - 1)
    kind = ops.cast(ops.floor(draw["occluder_kind"] * len(KINDS)), "int32")

    def within(name: str, ranges: Mapping[str, tuple[float, float]]) -> Tensor:
        low, high = np.asarray([ranges[each] for each in KINDS], np.float32).T
        low, high = ops.take(low, kind), ops.take(high, kind)
        return ops.reshape(low + (high - low) * draw[f"occluder_{name}"], lead)

    turn = {each: (-degrees, degrees) for each, degrees in _TURN_DEGREES.items()}
    angle = within("angle", turn) * math.pi / 180
    sides = {
        name: within(name, {each: ranges[name] for each, ranges in _RANGES.items()})
        for name in ("x", "y", "width", "height")
    }
    x, y = x - sides["x"], y - sides["y"]
    cosine, sine = ops.cos(angle), ops.sin(angle)
    u = (cosine * x + sine * y) / sides["width"]
    v = (cosine * y - sine * x) / sides["height"]
    inside = False
    for index, name in enumerate(KINDS):
        is_kind = ops.reshape(ops.equal(kind, index), lead)
        inside = ops.logical_or(inside, ops.logical_and(is_kind, _SHAPES[name](u, v)))
    return inside


def _ellipse(u: Tensor, v: Tensor) -> Tensor:
    return u * u + v * v < 1.0


def _rectangle(u: Tensor, v: Tensor) -> Tensor:
    return ops.maximum(ops.abs(u), ops.abs(v)) < 1.0


def _hand(u: Tensor, v: Tensor) -> Tensor:
    """A palm and four fingers above it, with gaps; the middle fingers are longer."""
    finger = ops.abs((u + 1.0) * 2.0 - ops.floor((u + 1.0) * 2.0) - 0.5) < 0.4
    reach = v > 0.5 * u * u - 1.0
    return ops.logical_and(
        _rectangle(u, v), ops.logical_or(v > 0.0, ops.logical_and(finger, reach))
    )


def _glasses(u: Tensor, v: Tensor) -> Tensor:
    """Two dark lenses and the bridge between them."""
    lens = ((ops.abs(u) - 0.55) / 0.45) ** 2 + v * v < 1.0
    bridge = ops.logical_and(ops.abs(u) < 0.3, ops.abs(v + 0.3) < 0.2)
    return ops.logical_or(lens, bridge)


_SHAPES = {
    "ellipse": _ellipse,
    "rectangle": _rectangle,
    "hand": _hand,
    "glasses": _glasses,
    "scarf": _rectangle,
}


def paste_occluder(
    images: Tensor, textures: Tensor, landmarks: Tensor, draw: Draws
) -> tuple[Tensor, Tensor]:
    """Covers part of each image with a shape, in one colour or mixed with another face's texture.

    Args:
      images: float [B, S, S, 3], RGB in [0, 1].
      textures: as `images`, of other faces.
      landmarks: float [B, K, 2], crop fractions.
      draw: see `covered`; also `occluder_red`, `_green`, `_blue` and `_texture`.

    Returns:
      images with the shape; visible float32 [B, K], 0 for landmarks under the shape.
    """
    count, size = images.shape[:2]
    position = (ops.arange(size, dtype="float32") + 0.5) / size
    inside = covered(position[None, None, :], position[None, :, None], draw)
    mask = ops.reshape(ops.cast(inside, "float32"), (count, size * size, 1))
    color = ops.stack([draw[f"occluder_{name}"] for name in ("red", "green", "blue")], axis=1)
    opacity = ops.where(draw["occluder_texture"] < 0.5, 1.0, 0.5)[:, None, None]
    pixels = ops.reshape(images, (count, size * size, 3))
    texture = ops.reshape(ops.flip(textures, axis=1), pixels.shape)
    # Products with [1, 3] matrices expand the mask to the channels, several times faster in
    # TensorFlow than broadcasting.
    cover = ops.matmul(mask, ops.ones((count, 1, 3)))
    paint = ops.matmul(mask, opacity * color[:, None, :])
    pixels = pixels * (1.0 - cover) + paint + cover * texture * (1.0 - opacity)
    visible = 1.0 - ops.cast(covered(landmarks[..., 0], landmarks[..., 1], draw), "float32")
    return ops.reshape(pixels, images.shape), visible
