"""Renders curved, shaded patches: head, ears, hair, neck and shoulders."""

import dataclasses

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import ArrayLike

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.synthetic.brush import noise
from evae_tf.data.synthetic.shape import Shape
from evae_tf.data.synthetic.skin import Look

_DEPTH_STEPS = 8192  # in one eye distance
_GAP = 0.05  # eye distances: a pixel that is farther than both neighbours by this is a hole


@dataclasses.dataclass(frozen=True)
class View:
    """Projection from the face frame to pixels.

    Attributes:
      rotation: float [3, 3].
      scale: pixels per eye distance.
      centre: float [2], position of the origin, pixels.
    """

    rotation: FloatArray
    scale: float
    centre: FloatArray

    def __call__(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Projects points to pixels [..., 2] and depths [...] (towards the viewer)."""
        turned = points @ self.rotation.T
        nearness = 1 / (1 - 0.06 * turned[..., 2:])  # a camera about sixteen eye distances away
        return turned[..., :2] * nearness * self.scale + self.centre, turned[..., 2]


@dataclasses.dataclass(frozen=True)
class Light:
    """Ambient and directional light.

    Attributes:
      direction: float [3], unit length, from the face towards the lamp, viewer's frame.
      ambient: fraction of ambient light, 0 to 1.
      gloss: brightness of the lamp's reflection on skin, 0 to 255.
    """

    direction: FloatArray
    ambient: float
    gloss: float

    def on(self, normal: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Shading factor and specular term of surfaces with normals [..., 3]: two float [...]."""
        facing = normal @ self.direction
        from_above = 0.85 - 0.15 * normal[..., 1]
        # Light extends slightly beyond the shadow edge, like subsurface scattering in skin.
        diffuse = np.clip((facing + 0.15) / 1.15, 0, None)
        half = self.direction + [0, 0, 1]
        mirrored = np.clip(normal @ (half / np.linalg.norm(half)), 0, 1) ** 16
        shade = self.ambient * from_above + 1.1 * (1 - self.ambient) * diffuse
        return shade, self.gloss * mirrored


class Canvas:
    """A square image with a depth buffer: each pixel keeps the nearest point."""

    def __init__(self, side: int) -> None:
        """Creates an empty canvas of `side` x `side` pixels."""
        self._side = side
        # Each number has depth in the high and colour in the low half, so the largest number is the
        # nearest point. A border of one pixel receives points outside.
        self._nearest = np.zeros((side + 2) ** 2, np.int64)

    def put(
        self,
        view: View,
        light: Light,
        grid: FloatArray,
        colors: FloatArray,
        glossy: bool = False,
        two_sided: bool = False,
    ) -> None:
        """Draws a patch.

        Args:
          view: `View`.
          light: `Light`.
          grid: float [h, w, 3], points of the patch in the face frame. On its outside, columns run
            to the right and rows down.
          colors: float32 [a * h, b * w, 3], 0..255.
          glossy: whether it has specular reflections, like skin.
          two_sided: whether its inside is visible too.
        """
        normal = np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0))
        normal = normal @ view.rotation.T
        normal /= np.sqrt((normal * normal).sum(axis=-1, keepdims=True)) + 1e-9
        if two_sided:
            normal *= np.sign(normal[..., 2:])
        shown = np.flatnonzero((normal[..., 2] > 0).any(axis=0))
        if not len(shown):
            return
        columns = slice(shown[0], shown[-1] + 1)
        repeat = colors.shape[1] // grid.shape[1]
        colors = colors[:, repeat * columns.start : repeat * columns.stop]
        places, depth = view(grid[:, columns])
        shade, shine = light.on(normal[:, columns])
        size = colors.shape[1::-1]
        column, row, depth, shade, shine = (
            cv2.resize(np.asarray(values, np.float32), size)
            for values in (places[..., 0], places[..., 1], depth, shade, glossy * shine)
        )
        shade, shine = (cv2.cvtColor(values, cv2.COLOR_GRAY2RGB) for values in (shade, shine))
        lit = cv2.add(cv2.multiply(colors, shade), shine, dtype=cv2.CV_8U)
        self._keep_nearest(column, row, depth, lit)

    def _keep_nearest(self, column: MatLike, row: MatLike, depth: MatLike, colors: MatLike) -> None:
        rows, columns = (
            np.clip(v + 1.5, 0, self._side + 1).astype(np.int32).ravel() for v in (row, column)
        )
        steps = np.clip((depth + 3.5) * _DEPTH_STEPS, 1, None).astype(np.int64).ravel()
        four_bytes = cv2.cvtColor(colors, cv2.COLOR_RGB2RGBA).view(np.uint32).ravel()
        np.maximum.at(self._nearest, rows * (self._side + 2) + columns, steps << 32 | four_bytes)

    def seen(self) -> tuple[ByteArray, FloatArray]:
        """The rendered image.

        Returns:
          Colours, uint8 [side, side, 3], and depth towards the viewer, float32 [side, side], in eye
          distances, -inf where there is nothing.
        """
        full = self._nearest.reshape(self._side + 2, -1)
        own = full[1:-1, 1:-1]
        across = np.minimum(full[1:-1, :-2], full[1:-1, 2:])
        along = np.minimum(full[:-2, 1:-1], full[2:, 1:-1])
        around = np.maximum(across, along)
        gap = int(_GAP * _DEPTH_STEPS) << 32
        # A pixel without a point is filled from its neighbours.
        nearest = np.where(around > own + gap, around, own)
        colors = nearest.astype(np.uint32)[..., None].view(np.uint8)[..., :3]
        depth = (nearest >> 32) / _DEPTH_STEPS - 3.5
        return colors, np.asarray(np.where(nearest > 0, depth, -np.inf), np.float32)


def _tube(
    y: ArrayLike, half_width: ArrayLike, depth: ArrayLike, z: ArrayLike, angles: FloatArray
) -> FloatArray:
    """A patch around a vertical axis: heights and sizes are [rows], angles are [columns]."""
    y, half_width, depth, z = (
        np.asarray(v, np.float64)[:, None] for v in (y, half_width, depth, z)
    )
    x, z = half_width * np.sin(angles), z + depth * np.cos(angles)
    return np.stack(np.broadcast_arrays(x, y, z), axis=-1)


def put_body(
    canvas: Canvas, view: View, light: Light, shape: Shape, look: Look, rng: np.random.Generator
) -> None:
    """Draws neck and shoulders."""
    chin, angles = shape.curves["jaw"][8, 1], np.linspace(-1.7, 1.7, 40)
    width = rng.uniform(0.66, 0.86) * shape.row(np.asarray(0.9))[0]
    rows = np.linspace(0, 1, 24)
    flare = width * (1 + 0.25 * (2 * rows - 0.9) ** 2)
    neck = _tube(0.7 + rows * (chin + 0.5), flare, 0.8 * flare, -1.0 - 0.1 * rows, angles)
    pale = np.asarray(0.8 * look.skin, np.float32) + 8 * noise(rng, (96, 160), (9, 12))[..., None]
    canvas.put(view, light, neck, pale)
    collar = chin + rng.uniform(0.25, 0.7)
    slope = width * (1.02 + 0.1 * rows) + 2.2 * rows**1.3
    shoulders = _tube(collar + 1.3 * rows**1.6, slope, 0.5 * slope + 0.35, 0 * rows - 0.95, angles)
    pattern = noise(rng, (144, 240), tuple(rng.integers(2, 60, 2)))[..., None]
    colors = np.asarray(look.clothes, np.float32) + np.float32(rng.uniform(0, 40)) * pattern
    canvas.put(view, light, shoulders, colors)


def put_long_hair(
    canvas: Canvas, view: View, light: Light, look: Look, rng: np.random.Generator
) -> None:
    """Draws hair that falls behind and beside the face."""
    begin = rng.uniform(1.35, 1.75)
    length, angles = rng.uniform(0.9, 2.6), np.linspace(begin, 2 * np.pi - begin, 60)
    rows = np.linspace(0, 1, 40)
    y = -1.3 + rows * (1.3 + length)
    width = 1.1 + rng.uniform(0.05, 0.4) * np.sin(np.pi * rows**0.7) - 0.35 * (1 - rows) ** 3
    grid = _tube(y, width, 1.25 * width, -0.95 - 0.1 * rows, angles)
    grid *= [1, 1, 1] + 0.04 * noise(rng, (40, 60), (6, 12))[..., None] * [1, 0, 1]
    size = (160, 240)
    strands = noise(rng, size, (3, 130)) + 0.7 * noise(rng, size, (16, 60))
    colors = np.asarray(look.hair, np.float32) * (0.9 + 0.13 * strands[..., None])
    canvas.put(view, light, grid, colors, two_sided=True)


def put_ears(
    canvas: Canvas, view: View, light: Light, shape: Shape, look: Look, rng: np.random.Generator
) -> None:
    """Draws both ears."""
    red = np.asarray(look.skin * [0.98, 0.85, 0.83], np.float32)
    shade = 0.8 + 0.25 * np.linspace(0, 1, 40, dtype=np.float32)[:, None, None]
    colors = red * shade * (1 + 0.03 * noise(rng, (40, 96), (10, 24))[..., None])
    for side in (-1, 1):
        canvas.put(view, light, _ear(shape, side), colors, glossy=True)


def _ear(shape: Shape, side: int) -> FloatArray:
    """The patch of an ear, side -1 for the left one: float [10, 24, 3]."""
    half_width, back, _ = shape.row(np.asarray(0.1))
    from_centre = np.linspace(0.02, 1, 10)[:, None]
    around = np.linspace(-np.pi, np.pi, 24)[None] * -side
    y = 0.17 + from_centre * (0.36 + 0.06 * np.sin(around)) * -np.cos(around)
    behind = from_centre * 0.2 * np.sin(around)
    out = 0.02 + 0.55 * (0.2 - behind) + 0.07 * np.sin(np.pi * from_centre**2)
    # The ear canal is deep, the front edge merges with the cheek.
    out = out - 0.12 * np.exp(-((from_centre / 0.5) ** 2))
    z = back + 0.02 - (0.2 - behind) * 0.8
    return np.stack(np.broadcast_arrays(side * (half_width + out - 0.08), y, z), axis=-1)
