"""Head pose estimation: fits the rotation of a generic 3-D face to the landmarks."""

import numpy as np
from numpy.typing import NDArray

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.head_pose import HeadPose, determines_pose
from evae_tf.markups import Markup

_CAMERA_DISTANCE = 16.0  # one metre in units of the eye distance, typical for portraits
_STEP = 10.0  # degrees, of the first grid
_YAWS, _PITCHES = np.arange(-120, 121, _STEP), np.arange(-80, 81, _STEP)
_SEARCHES, _FINER = 6, 4.0  # the last grid has steps of 0.01 degrees
_NEAR = np.arange(-4.0, 5.0)  # steps around the best rotation of the previous grid


def head_pose(landmarks: FloatArray, markup: Markup) -> HeadPose | None:
    """Estimates the pose of a head from the rigid points of the markup.

    For a given yaw and pitch, the best roll, size and position have a closed form. Yaw and pitch
    are found by a grid search with increasingly finer grids, because a profile has several local
    optima.

    The camera is unknown. It is assumed to be one metre away and to look straight at the face, so
    angles are relative to the line of sight, also for a face at the edge of a photo.

    Args:
      landmarks: float [K, 2], image pixels; NaN where a point is not annotated.
      markup: their `Markup`.

    Returns:
      `HeadPose`. None if the markup has no `rigid_points`, if the annotated ones do not determine a
      pose (see `head_pose.determines_pose`), or if all landmarks coincide.
    """
    landmarks = np.asarray(landmarks, np.float64)
    seen = geometry.annotated(landmarks)
    known = [index for index in markup.rigid_points if seen[index]]
    face = np.array([markup.rigid_points[index] for index in known])
    if not determines_pose(face):
        return None
    places = _centred(landmarks[known, 0] + 1j * landmarks[known, 1])
    if not np.abs(places).any():  # all landmarks coincide
        return None
    turns, step = _grid(_YAWS, _PITCHES), _STEP
    for _ in range(_SEARCHES):
        views = _views(face, turns)
        # The best complex factor contains both size and roll.
        products = (views.conj() * places).sum(axis=1)
        best = (np.abs(products) ** 2 / (np.abs(views) ** 2).sum(axis=1)).argmax()
        (yaw, pitch), roll = turns[best], np.angle(products[best], deg=True)
        step /= _FINER
        turns = turns[best] + step * _grid(_NEAR, _NEAR)
    return HeadPose(float(yaw), float(pitch), float(roll))


def _grid(yaws: FloatArray, pitches: FloatArray) -> FloatArray:
    return np.stack(np.meshgrid(yaws, pitches), axis=-1).reshape(-1, 2)


def _views(face: FloatArray, turns: FloatArray) -> NDArray[np.complex128]:
    """Projections of a face [n, 3], rotated by (yaw, pitch) [t, 2], as x + iy, [t, n]."""
    yaw, pitch = np.radians(turns).T[..., None]
    x, y, z = face.T
    x, z = np.cos(yaw) * x + np.sin(yaw) * z, np.cos(yaw) * z - np.sin(yaw) * x
    y, z = np.cos(pitch) * y + np.sin(pitch) * z, np.cos(pitch) * z - np.sin(pitch) * y
    return _centred((x + 1j * y) / (1 - z / _CAMERA_DISTANCE))


def _centred(points: NDArray[np.complex128]) -> NDArray[np.complex128]:
    return points - points.mean(axis=-1, keepdims=True)
