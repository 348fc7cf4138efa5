"""Head pose: how a generic 3-D face has to be turned to lie on the landmarks."""

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.head_pose import HeadPose, determines_pose
from evae_tf.markups import Markup

_FACE_HEIGHT = 2.1  # from brows to chin, in distances of the eyes' centres
_CAMERA_DISTANCE = 16.0  # a metre, in the same unit: portraits are taken from about there


def head_pose(landmarks: FloatArray, markup: Markup) -> HeadPose | None:
    """The pose of a head, from the markup's rigid points.

    The camera is not known: one a metre away that looks straight at the face is assumed, so the
    angles are those against the line of sight, also for a face at the side of a photo.

    Args:
      landmarks: float [K, 2], image pixels; NaN where a point is not annotated.
      markup: their `Markup`.

    Returns:
      `HeadPose`. None where the markup has no `rigid_points`, where those that are annotated do not
      determine a pose (see `head_pose.determines_pose`), and for landmarks that no face has.
    """
    landmarks = np.asarray(landmarks, np.float64)
    seen = geometry.annotated(landmarks)
    known = [index for index in markup.rigid_points if seen[index]]
    face = np.array([markup.rigid_points[index] for index in known])
    if not determines_pose(face):
        return None
    box = geometry.landmark_box(landmarks)
    centre, height = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
    focal = _CAMERA_DISTANCE * height / _FACE_HEIGHT
    camera = np.array([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]], np.float64)
    # OpenCV's z points away from the viewer.
    away = np.array([1, 1, -1], np.float64)
    image = np.ascontiguousarray(landmarks[known])
    # From a frontal start, the refinement of half a face in profile ends in a wrong minimum.
    views = face * away, image, camera, None
    try:
        _, turn, place = cv2.solvePnP(*views, flags=cv2.SOLVEPNP_SQPNP)
        turn, _ = cv2.solvePnPRefineLM(*views, turn, place)
    except cv2.error:  # all landmarks on one spot
        return None
    if not np.isfinite(turn).all():
        return None
    rotation = cv2.Rodrigues(turn)[0] * np.outer(away, away)
    return HeadPose.from_rotation(rotation)
