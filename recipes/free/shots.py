"""Random cameras and lights."""

import numpy as np

from evae_tf.array_types import FloatArray
from recipes.free.camera import Camera, rotation
from recipes.free.head import Head
from recipes.free.tracing import Light


def sample_camera(vertices: FloatArray, head: Head, rng: np.random.Generator, side: int) -> Camera:
    """A camera that sees a face turned at random, see `framing_camera`."""
    yaw = rng.normal(0, 18) if rng.random() < 0.6 else rng.uniform(-85, 85)
    turn = rotation(yaw, rng.normal(0, 11), rng.normal(0, 10))
    return framing_camera(vertices, head, turn, rng, side)


def framing_camera(
    vertices: FloatArray, head: Head, turn: FloatArray, rng: np.random.Generator, side: int
) -> Camera:
    """A camera at a random distance that sees a face 52 to 62 % of a picture's side wide.

    Args:
      vertices: float [V, 3], of a person.
      head: the head.
      turn: float [3, 3], see `Camera.rotation`.
      rng: the source of randomness.
      side: of the picture, pixels.
    """
    distance = np.exp(rng.uniform(np.log(40), np.log(250)))
    target = vertices[head.points[[27, 33, 8]]].mean(axis=0) - [0, 0, 4]
    scale = side * rng.uniform(0.52, 0.62) / 15
    return Camera(turn, target, distance, scale, side / 2 - 0.5 + rng.normal(0, 2, 2))


def sample_light(rng: np.random.Generator) -> Light:
    """A random light; the mean brightness of skin stays near that of its texture."""
    angle, height = rng.uniform(-100, 100), rng.normal(25, 25)
    a, h = np.radians([angle, height])
    direction = np.array([np.sin(a) * np.cos(h), np.sin(h), np.cos(a) * np.cos(h)])
    hard = rng.uniform(0, 1) ** 1.5
    tint = 1 + rng.normal(0, 0.05, 3)
    return Light(
        ambient=tint * (1 - 0.7 * hard),
        slope=tint[:, None] * rng.normal(0, [0.1, 0.13, 0.06]) + rng.normal(0, 0.015, (3, 3)),
        lamp=(1 + rng.normal(0, 0.06, 3)) * hard * rng.uniform(0.8, 1.5),
        direction=direction,
        size=rng.uniform(0.01, 0.12),
        exposure=rng.uniform(0.7, 1.3),
    )
