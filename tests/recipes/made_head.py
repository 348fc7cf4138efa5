"""A made-up head: a ball, and what sees it."""

import numpy as np

from recipes.free.camera import Camera, rotation
from recipes.free.head import Head
from recipes.free.tracing import Light

DAYLIGHT = Light(np.ones(3), np.zeros((3, 3)), np.zeros(3), np.array([0, 0, 1.0]), 0.0, 1.0)


def white(triangle, place):
    return np.ones((len(triangle), 3))


def camera(yaw=0.0, pitch=0.0, roll=0.0, distance=60.0):
    return Camera(rotation(yaw, pitch, roll), np.zeros(3), distance, 3.0, np.array([40.0, 44.0]))


def ball(radius=8.0, steps=48):
    """A head like a ball: a grid in the angles around (u) and down (v), seen from the front."""
    around, down = np.meshgrid(
        np.linspace(-np.pi, np.pi, steps), np.linspace(0.02, np.pi - 0.02, steps), indexing="ij"
    )
    vertices = radius * np.stack(
        [np.sin(around) * np.sin(down), np.cos(down), np.cos(around) * np.sin(down)], axis=-1
    ).reshape(-1, 3)
    uv = np.stack([around / (2 * np.pi) + 0.5, down / np.pi], axis=-1).reshape(-1, 2) * 0.999
    first = np.arange(steps * steps).reshape(steps, steps)[:-1, :-1].ravel()
    triangles = np.concatenate(
        [
            np.stack([first, first + 1, first + steps], axis=1),
            np.stack([first + 1, first + steps + 1, first + steps], axis=1),
        ]
    )
    turn = np.linspace(-np.pi / 2, np.pi / 2, 17)
    wanted = [radius * np.array([np.sin(t), -np.cos(t), 0.05]) for t in turn]
    rng = np.random.default_rng(0)
    inner = rng.normal(0, 0.3, (51, 3)) + [0, 0, 1]
    inner[16] = 0, 0, 1  # point 33 is the middle of the face
    inner[[19, 22, 25, 28]] = [[x, 0.1, 1] for x in (-0.4, -0.2, 0.2, 0.4)]  # corners of the eyes
    wanted += [radius * p / np.linalg.norm(p) for p in inner]
    points = [int(((vertices - p) ** 2).sum(axis=1).argmin()) for p in wanted]
    return Head(
        neutral=vertices.astype(np.float32),
        identity=np.zeros((60, len(vertices), 3), np.float32),
        expressions=np.zeros((2, len(vertices), 3), np.float32),
        expression_names=("jawOpen", "eyeBlink_L"),
        triangles=triangles,
        part=np.zeros(len(triangles), int),
        uv=uv[triangles].astype(np.float32),
        points=np.array(points),
    )
