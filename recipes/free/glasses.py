"""Glasses on the rendered head: two frames, a bridge and two temples."""

import numpy as np

from evae_tf.array_types import FloatArray, IndexArray
from recipes.free.head import Head
from recipes.free.tracing import Layer

_AROUND = 6  # sides of a tube


def glasses(
    head: Head, vertices: FloatArray, rng: np.random.Generator, *, dark: bool
) -> list[Layer]:
    """Glasses of a random form: frames, and lenses if they are dark.

    Args:
      head: the head.
      vertices: float [V, 3], of the person.
      rng: draws the form.
      dark: whether they are sunglasses.
    """
    points = vertices[head.points]
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    front = points[27, 2] + rng.uniform(0.3, 0.9)
    wide, high = rng.uniform(2.1, 2.9), rng.uniform(1.4, 2.3) * (1.15 if dark else 1)
    square = rng.uniform(2, 5)
    radius = rng.uniform(0.06, 0.24)
    drop = rng.uniform(-0.1, 0.5)
    tubes, lenses = [], []
    for eye, side in zip(eyes, (-1, 1), strict=True):
        turn = np.linspace(0, 2 * np.pi, 33)
        x = wide * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** (2 / square)
        y = high * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** (2 / square)
        middle = np.array([side * max(abs(eye[0]), wide + 0.6), eye[1] - drop, 0])
        ring = middle + np.stack([x, y, np.zeros_like(x)], axis=1)
        ring[:, 2] = front - 0.035 * ring[:, 0] ** 2
        tubes.append(_tube(ring, radius))
        lenses.append(ring[:-1])
        hinge = ring[0 if side > 0 else 16]
        ear = np.array(
            [side * np.abs(vertices[:, 0][np.abs(vertices[:, 1] - 3) < 1]).max(), 3.6, 0]
        )
        ear[0] -= side * 0.6
        tubes.append(
            _tube(np.stack([hinge, hinge * [1.04, 1, 1] - [0, 0, 1.5], ear]), radius * 0.8)
        )
    inner = [lenses[0][0], lenses[1][16]]
    middle = (inner[0] + inner[1]) / 2 + [0, 0.5, 0.2]
    tubes.append(_tube(np.stack([inner[0], middle, inner[1]]), radius))
    color = rng.uniform(0, 0.25) * np.ones(3) if rng.random() < 0.7 else rng.uniform(0, 0.9, 3)
    layers = [_plain(tubes, color, 0.5)]
    if dark:
        fans = [_fan(ring) for ring in lenses]
        layers.append(_plain(fans, rng.uniform(0, 0.15, 3), 0.8))
    return layers


def _tube(path: FloatArray, radius: float) -> tuple[FloatArray, IndexArray]:
    """Vertices and triangles of a tube along a path, float [N, 3]."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True) + 1e-9
    aside = np.cross(along, [0.3, 0.9, 0.31])  # a direction that no part of glasses has
    aside /= np.linalg.norm(aside, axis=1, keepdims=True) + 1e-9
    other = np.cross(along, aside)
    turn = np.arange(_AROUND) * 2 * np.pi / _AROUND
    vertices = path[:, None] + radius * (
        np.cos(turn)[:, None] * aside[:, None] + np.sin(turn)[:, None] * other[:, None]
    )
    triangles = []
    for step in range(len(path) - 1):
        for side in range(_AROUND):
            a, b = step * _AROUND + side, step * _AROUND + (side + 1) % _AROUND
            triangles += [(a, b, a + _AROUND), (b, b + _AROUND, a + _AROUND)]
    return vertices.reshape(-1, 3), np.array(triangles)


def _fan(ring: FloatArray) -> tuple[FloatArray, IndexArray]:
    count = len(ring)
    rim = np.arange(count)
    triangles = np.stack([np.full(count, count), rim, (rim + 1) % count], axis=1)
    return np.vstack([ring, ring.mean(axis=0)]), triangles


def _plain(pieces: list[tuple[FloatArray, IndexArray]], color: FloatArray, gloss: float) -> Layer:
    firsts = np.cumsum([0] + [len(vertices) for vertices, _ in pieces])
    return Layer(
        np.concatenate([vertices for vertices, _ in pieces]),
        np.concatenate(
            [triangles + first for (_, triangles), first in zip(pieces, firsts[:-1], strict=True)]
        ),
        lambda triangle, place: np.broadcast_to(color, (len(triangle), 3)),
        gloss,
    )
