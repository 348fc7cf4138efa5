"""Paints a face on the unrolled skin of a head: eyes, nose, mouth, cheeks and folds."""

import cv2
import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.data.synthetic.brush import ellipse, fill, stroke
from evae_tf.data.synthetic.hair import paint_beard, paint_brow, paint_hair
from evae_tf.data.synthetic.landmarks import along, eye_contour
from evae_tf.data.synthetic.shape import Shape
from evae_tf.data.synthetic.skin import Look, Skin


def paint_head(shape: Shape, look: Look, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Creates the mesh of a head and its colours.

    Returns:
      float [60, 96, 3], face frame, and float32 [240, 384, 3], see `scene.Canvas.put`.
    """
    skin = Skin(shape, look.skin, rng)
    for side in (-1, 1):
        _paint_cheek(skin, look, rng, side)
    _paint_folds(skin, look, rng)
    if look.beard:
        paint_beard(skin, look, rng)
    _paint_nose(skin, look, rng)
    _paint_mouth(skin, look, rng)
    for side in (-1, 1):
        _paint_eye(skin, look, side)
        paint_brow(skin, look, rng, side)
    mesh = skin.mesh()
    if not look.is_bald:
        mesh += paint_hair(skin, look, rng)
    return mesh, np.asarray(cv2.merge(list(skin.image)), np.float32)


def _paint_cheek(skin: Skin, look: Look, rng: np.random.Generator, side: int) -> None:
    red = look.skin * [1.0, 0.78, 0.76]
    skin.fill(ellipse((side * 0.62, 0.5), (0.25, 0.2)), red, rng.uniform(0.1, 0.6), 0.12)
    socket = ellipse(_of_side(skin, "eye", side).mean(axis=0), (0.3, 0.17))
    skin.fill(socket, look.skin * 0.62, rng.uniform(0, 0.35), 0.07)


def _paint_folds(skin: Skin, look: Look, rng: np.random.Generator) -> None:
    """Paints folds from nose to mouth corners, on the forehead and below the lower lip."""
    base, lips = skin.shape.curves["nose_base"], skin.shape.curves["outer_lip"]
    dark, depth = look.skin * 0.6, rng.uniform(0, 0.45)
    for wing, corner, side in ((base[0], lips[0], -1), (base[4], lips[6], 1)):
        fold = np.asarray([(0.06, -0.1), (0.13, 0.02), (0.14, -0.1), (0.15, 0.03)], np.float64) * [
            side,
            1,
        ]
        skin.stroke(fold + [wing, wing, corner, corner], dark, 0.05, depth, 0.03)
    if rng.random() < 0.3:
        x = np.linspace(-0.55, 0.55, 9)
        for y in (-0.62, -0.75, -0.88):
            wrinkle = np.stack([x, y + 0.03 * np.cos(4 * x)], axis=1)
            skin.stroke(wrinkle, dark, 0.03, 0.5 * depth, 0.015)
    skin.fill(ellipse(lips[9] + [0, 0.07], (0.16, 0.04)), dark, 0.4, 0.04)


def _paint_nose(skin: Skin, look: Look, rng: np.random.Generator) -> None:
    base, tip = skin.shape.curves["nose_base"], skin.shape.curves["nose_bridge"][3]
    red, dark = look.skin * [1.0, 0.82, 0.8], look.skin * 0.5
    skin.fill(ellipse(tip, (0.17, 0.14)), red, 0.5 * rng.random(), 0.06)
    below = np.concatenate([base + [0, -0.05], base[::-1] + [0, 0.04]])
    skin.fill(below, dark, rng.uniform(0.35, 0.7), 0.025)
    high = rng.uniform(0.018, 0.034)
    for side, nostril, wing in ((-1, base[1], base[0]), (1, base[3], base[4])):
        hole = ellipse(nostril + [side * 0.01, -0.035], (0.058, high))
        skin.fill(hole, look.skin * [0.25, 0.16, 0.15], 0.9, 0.012)
        crease = np.asarray(
            [(-0.03, 0.01), (0.03, -0.04), (0.02, -0.13), (-0.04, -0.17)], np.float64
        )
        skin.stroke(wing + crease * [side, 1], dark, 0.03, rng.uniform(0.4, 0.8), 0.015)


def _paint_mouth(skin: Skin, look: Look, rng: np.random.Generator) -> None:
    outer, inner = skin.shape.curves["outer_lip"], skin.shape.curves["inner_lip"]
    gap, soft = inner[6, 1] - inner[2, 1], 0.01
    skin.fill(outer, look.lips * 0.86, 0.95, 1.5 * soft)
    lower = np.concatenate([outer[6:], outer[:1], inner[[0, 7, 6, 5, 4]]])
    skin.fill(lower, look.lips * 1.04, 0.8, soft)
    skin.fill(inner, (48, 18, 18), 1.0, soft / 2)
    if gap > 0.06 and rng.random() < 0.85:
        edge = along(inner[:5], 17)[2:-2] * [0.95, 1] - [0, 0.01]
        down = min(0.75 * gap, 0.15) * np.sin(np.linspace(0.25, np.pi - 0.25, len(edge)))
        teeth = np.concatenate([edge, (edge + down[:, None] * [0, 1])[::-1]])
        skin.fill(teeth, np.asarray([228, 220, 205], np.float64) * rng.uniform(0.7, 1), 0.95, soft)
        if gap > 0.2:
            tongue = ellipse(inner[6] - [0, 0.02], (0.16, 0.3 * gap))
            skin.fill(tongue, (165, 85, 85), 0.6, 0.03)
    else:
        skin.stroke(inner[:5], look.lips * 0.4, 0.022, 0.85, soft / 2)
    shine = 0.55 * outer[9] + 0.45 * inner[6]
    skin.fill(ellipse(shine, (0.11, 0.02)), (255, 235, 230), 0.4 * rng.random(), 0.02)


def _paint_eye(skin: Skin, look: Look, side: int) -> None:
    """Paints the lids and the eyeball between them."""
    contour = eye_contour(_of_side(skin, "eye", side), 9)
    upper, lower = contour[:9], np.concatenate([contour[8:], contour[:1]])
    crease = upper - 0.075 * np.sin(np.linspace(0.3, 2.8, 9))[:, None] * [0, 1]
    skin.fill(np.concatenate([upper, crease[::-1]]), look.skin * 0.8, 0.5, 0.02)
    if look.makeup > 0.4:
        shadow = np.concatenate([upper, 2 * crease[::-1] - upper[::-1]])
        skin.fill(shadow, look.clothes * 0.4, 0.5 * look.makeup, 0.03)
    skin.stroke(crease, look.skin * 0.5, 0.022, look.lid_crease, 0.01)
    skin.stroke(lower + [0, 0.05], look.skin * 0.5, 0.03, 0.35, 0.02)
    _paint_ball(skin, look, skin.at(contour), side)
    skin.stroke(upper, np.minimum(look.hair * 0.5, 45), look.lashes, 0.85, 0.004)
    skin.stroke(lower, look.skin * 0.45, 0.016, 0.5 + 0.4 * look.makeup, 0.004)


def _paint_ball(skin: Skin, look: Look, lids: FloatArray, side: int) -> None:
    """Paints white, iris and pupil in the opening between the lids (pixels [16, 2])."""
    corner, end = (lids.min(axis=0) - 3).astype(int), (lids.max(axis=0) + 5).astype(int)
    window = skin.image[:, corner[1] : end[1], corner[0] : end[0]]
    lids = lids - corner
    white = np.asarray([250, 242, 236], np.float32) * np.float32(look.eye_white)
    ball = np.ones_like(window) * white[:, None, None]
    for red in (lids[[0, 1, 2, 14, 15]], lids[[8, 7, 6, 9, 10]]):
        fill(ball, red, look.skin * [0.8, 0.6, 0.6], 0.3, 2)
    x, y = skin.shape.curves["pupils"][0 if side < 0 else 1]
    (pupil, left, right) = skin.at([(x, y), (x - 0.1, y), (x + 0.1, y)]) - corner
    radii = np.asarray([(right[0] - left[0]) / 2, 0.1 * skin.unit], np.float64)
    fill(ball, ellipse(pupil, radii), look.iris * 0.55)
    fill(ball, ellipse(pupil + [0, 0.15 * radii[1]], 0.8 * radii), look.iris * 1.15, 0.9, 0.8)
    fill(ball, ellipse(pupil, 0.42 * radii), (10, 9, 9))
    stroke(ball, lids[None, :9], (25, 18, 16), 0.03 * skin.unit, 0.5, 0.02 * skin.unit)
    fill(ball, ellipse(pupil + look.glint * radii, 0.15 * radii), (250, 250, 250), 0.9)
    opening = np.zeros(window.shape, np.float32)
    fill(opening, lids, (1, 1, 1))
    window += opening * (ball - window)


def _of_side(skin: Skin, part: str, side: int) -> FloatArray:
    return skin.shape.curves[f"{'left' if side < 0 else 'right'}_{part}"]
