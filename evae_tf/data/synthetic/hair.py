"""Paints brows, beard and hair on the unrolled skin of a head."""

import cv2
import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.data.synthetic.brush import noise, stroke
from evae_tf.data.synthetic.landmarks import along, lower_brow
from evae_tf.data.synthetic.shape import TOP
from evae_tf.data.synthetic.skin import SIDEWAYS, Look, Skin

_LOWEST = 1.3  # no hair grows below this height


def paint_brow(skin: Skin, look: Look, rng: np.random.Generator, side: int) -> None:
    """Paints the left (side -1) or right (side 1) brow between its two edges."""
    upper = skin.shape.curves["left_brow" if side < 0 else "right_brow"]
    top, bottom = along(upper, 17), along(lower_brow(upper), 17)
    color = np.minimum(look.hair * 0.75, 0.85 * look.skin)
    skin.fill(np.concatenate([top, bottom[::-1]]), color, look.brows, 0.014)
    lean = np.asarray([0.03, 0], np.float64) * side
    strands = np.stack([skin.at(bottom - lean), skin.at(top + lean)], axis=1)
    strands += rng.normal(0, 0.012 * skin.unit, strands.shape)
    stroke(skin.image, strands, color * 0.8, 1.0, 0.4)


def paint_beard(skin: Skin, look: Look, rng: np.random.Generator) -> None:
    """Paints a beard from a random height of the jaw to the moustache; lips cover it later."""
    curves = skin.shape.curves
    lips, jaw = curves["outer_lip"], curves["jaw"]
    low = curves["nose_base"][2, 1] + 0.03
    moustache = np.asarray(
        [(lips[6, 0] + 0.08, lips[6, 1]), (0.25, low), (0, low + 0.02)], np.float64
    )
    moustache = np.concatenate([moustache, moustache[1::-1] * [-1, 1]])
    first = rng.integers(1, 6)
    bottom = skin.image[:, int(skin.at([(0, low - 0.1)])[0, 1]) :]
    bare = bottom.copy()
    ring = np.concatenate([jaw[first : 17 - first], moustache + [0, 0.02]])
    skin.fill(ring, look.hair * 0.85, 0.25 + 0.65 * look.beard, 0.05)
    skin.fill(np.concatenate([jaw[1:16], moustache]), look.hair, 0.25 * look.beard, 0.08)
    strands = 0.3 * np.abs(noise(rng, bare.shape[1:], (60, 190))) - 0.2
    bottom += strands * np.abs(bottom - bare)


def paint_hair(skin: Skin, look: Look, rng: np.random.Generator) -> FloatArray:
    """Paints the hair of the head.

    Returns:
      float32 [60, 96, 3], offset of the head's mesh.
    """
    height, width = skin.image.shape[1:]
    rows = min(height, int((_LOWEST - TOP) * skin.unit))
    y = np.linspace(TOP, _LOWEST, rows, dtype=np.float32)[:, None]
    above = _hairline(width, rng) + 0.03 * noise(rng, (rows, width), (16, 70)) - y
    covered = np.clip(above * np.float32(1 / rng.uniform(0.03, 0.15)) + 0.5, 0, 1)
    strands = noise(rng, (rows, width), (5, 150)) + noise(rng, (rows, width), (30, 90))
    strands = 1 + np.float32(rng.uniform(0.05, 0.2)) * strands
    top = skin.image[:, :rows]
    top += covered * (np.asarray(look.hair, np.float32)[:, None, None] * strands - top)

    mesh = skin.mesh()
    thick = np.zeros((height, width), np.float32)
    thick[:rows] = covered
    thick = cv2.resize(thick, mesh.shape[1::-1], interpolation=cv2.INTER_AREA)
    # Thinner towards the hairline, otherwise the mesh would tear there.
    thick = rng.uniform(0.05, 0.3) * np.clip(2 * cv2.blur(thick, (9, 9)) - 1, 0, 1)
    away = (mesh - np.asarray([0, 0, -0.9], np.float64)) * [1, 0.9, 1]
    return thick[..., None] * away / np.linalg.norm(away, axis=-1, keepdims=True)


def _hairline(width: int, rng: np.random.Generator) -> FloatArray:
    """The lower end of the hair in each column of the skin: float32 [width]."""
    angle = np.linspace(-SIDEWAYS, SIDEWAYS, width)
    # Nearly level above the forehead, then down the temples, in front of the ears and behind them.
    places = np.radians([0, 35, 55, 68, 82, 92, 100, 112, 150])
    heights = np.asarray([-1.08, -1.02, -0.86, -0.45, -0.1, 0.15, -0.15, 0.8, 1.0], np.float64)
    heights[:3] += rng.normal(0, 0.12) + rng.normal(0, 0.05, 3)
    heights[3:6] += rng.normal(0, 0.12)
    parting = rng.normal(0, 0.12) * np.sin(2.7 * angle) * (np.abs(angle) < 1)
    return np.asarray(np.interp(np.abs(angle), places, heights) + parting, np.float32)
