"""Where the points are that a head hides: a mean 3-D face is laid on those that are seen."""

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
    """Landmarks with places for those that have none.

    The mean face is turned as the head is, and laid on the points that are annotated. A point
    without a place gets that of the mean face, moved as its mirror image is off the mean face.

    Args:
      landmarks: float [K, 2], image pixels, NaN where not annotated.
      markup: their `Markup`, one that drawn faces have.

    Returns:
      float32 [K, 2], without NaN; the annotated ones as they were.
    """
    known = geometry.annotated(landmarks)
    if known.all():
        return landmarks
    face = mean_face(markup)
    rigid = {index: tuple(face[index].tolist()) for index in markup.rigid_points}
    # The pose of this face, not of the usual one: it has other depths.
    pose = head_pose(landmarks, dataclasses.replace(markup, rigid_points=rigid))
    view = (face @ (pose or HeadPose(0, 0, 0)).rotation.T)[:, :2]
    placed = fit_similarity(view[known], landmarks[known].astype(np.float64))(view)
    offset = np.where(known[:, None], landmarks - placed, 0)[list(markup.flip_permutation)]
    return np.where(known[:, None], landmarks, placed + offset).astype(np.float32)
