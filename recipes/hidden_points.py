"""Positions of points that the head hides, from a mean 3-D face fitted to the visible points."""

import dataclasses

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.data.synthetic import landmarks as layouts
from evae_tf.data.synthetic import shape
from evae_tf.head_pose import HeadPose
from evae_tf.markups import Markup
from evae_tf.pose_estimation import head_pose
from recipes.teaching import fit_similarity


def mean_face(markup: Markup) -> FloatArray:
    """The points of a markup on the mean face: float [K, 3], x to the right, y down, z near."""
    mean = shape.mean_shape()
    return mean.surface(layouts.markup_points(mean, markup.name))


def completed(landmarks: FloatArray, markup: Markup) -> FloatArray:
    """Fills in landmarks that are not annotated.

    The mean face is rotated like the head and fitted to the annotated points. A missing point is
    that of the mean face, shifted by the offset of its mirror point from the mean face.

    Args:
      landmarks: float [K, 2], image pixels, NaN where not annotated.
      markup: their `Markup`, one that synthetic faces support.

    Returns:
      float32 [K, 2], without NaN; annotated points are unchanged.
    """
    known = geometry.annotated(landmarks)
    if known.all():
        return landmarks
    face = mean_face(markup)
    rigid = {index: tuple(face[index].tolist()) for index in markup.rigid_points}
    # The pose for this mean face, not for the usual one: its depths differ.
    pose = head_pose(landmarks, dataclasses.replace(markup, rigid_points=rigid))
    view = (face @ (pose or HeadPose(0, 0, 0)).rotation.T)[:, :2]
    placed = fit_similarity(view[known], landmarks[known].astype(np.float64))(view)
    offset = np.where(known[:, None], landmarks - placed, 0)[list(markup.flip_permutation)]
    return np.where(known[:, None], landmarks, placed + offset).astype(np.float32)
