"""Fits the morphable head to the 68 points of a photo."""

import dataclasses

import numpy as np

from evae_tf.array_types import FloatArray
from recipes.free.camera import Camera
from recipes.free.definition import JAW
from recipes.free.head import Head
from recipes.free.outline import Outline

_DISTANCE = 90.0  # of the camera: what a portrait lens needs
_ROUNDS = 6
_MODES = 60  # of identity; 68 points say little about the others
_STIFFNESS = 2e-4  # cost of a standard deviation, in squared widths of a face
_STIFF_EXPRESSION = 2e-3  # of a whole expression
_WIDTH = 14.7  # of a face, units


@dataclasses.dataclass(frozen=True)
class Fit:
    """A head in a photo.

    Attributes:
      identity: float [modes], standard deviations.
      expression: float [E], 0 to 1.
      camera: where the head is in the photo.
      error: mean distance of the points, as a fraction of the face's width.
    """

    identity: FloatArray
    expression: FloatArray
    camera: Camera
    error: float


def fit(head: Head, outline: Outline, points: FloatArray) -> Fit:
    """Finds pose, identity and expression.

    Args:
      head: the head.
      outline: finds the head's points in a picture.
      points: float [68, 2], image pixels.
    """
    weight = np.ones(68)
    weight[JAW] = 0.5  # annotators place them freely along the outline
    identity, expression = np.zeros(_MODES), np.zeros(len(head.expression_names))
    moves = np.concatenate(
        [outline.moves(each) for each in (head.identity[:_MODES], head.expressions)]
    )
    for round_ in range(_ROUNDS):
        vertices = head.shape(identity, expression)
        camera = pose(outline.points(vertices), points, weight)
        projected = outline.project(vertices, camera)
        residual = (points - projected) / (camera.scale * _WIDTH)
        if round_ == _ROUNDS - 1:
            break
        change = _solve(moves, camera, residual, weight, identity, expression)
        identity = identity + change[:_MODES]
        expression = np.clip(expression + change[_MODES:], 0, 1)
    error = float(np.linalg.norm(residual, axis=1).mean())
    return Fit(identity, expression, camera, error)


def pose(shape: FloatArray, points: FloatArray, weight: FloatArray) -> Camera:
    """The camera that sees points of a head where they are in a photo.

    Args:
      shape: float [K, 3], head's frame.
      points: float [K, 2], image pixels.
      weight: float [K], of the squared distances.
    """
    target = shape.mean(axis=0)
    depth = np.zeros(len(shape))
    for _ in range(4):
        near = _DISTANCE / (_DISTANCE - depth)
        flat = points * [1, -1]
        root = np.sqrt(weight)[:, None]
        matrix = np.column_stack([shape - target, 1 / near])
        # near * (scale * R p) + centre = point: the centre is not scaled by the distance.
        solved, *_ = np.linalg.lstsq(matrix * root * near[:, None], flat * root, rcond=None)
        rows = solved[:3].T
        left, sizes, right = np.linalg.svd(rows, full_matrices=False)
        first_two = left @ right
        turn = np.vstack([first_two, np.cross(*first_two)])
        depth = (shape - target) @ turn[2]
    scale = float(sizes.mean())
    return Camera(turn, target, _DISTANCE, scale, solved[3] * [1, -1])


def _solve(
    moves: FloatArray,
    camera: Camera,
    residual: FloatArray,
    weight: FloatArray,
    identity: FloatArray,
    expression: FloatArray,
) -> FloatArray:
    """A ridge-regressed step of identity and expression, which move the points: [modes + E]."""
    seen = (moves @ camera.rotation.T)[..., :2] * [1, -1] / _WIDTH
    root = np.sqrt(weight)[:, None]
    matrix = (seen * root).reshape(len(moves), -1)
    now = np.concatenate([identity, expression])
    stiffness = np.concatenate(
        [np.full(_MODES, _STIFFNESS), np.full(len(expression), _STIFF_EXPRESSION)]
    )
    left = matrix @ matrix.T + np.diag(stiffness)
    right = matrix @ (residual * root).ravel() - stiffness * now
    return np.linalg.solve(left, right)
