"""Head pose: how a generic 3-D face has to be turned to lie on the landmarks."""

import cv2
import numpy as np

from evae_tf import geometry
from evae_tf.head_pose import HeadPose

# Points of `ibug_68` that hardly move with the face's expression, on the mean face that
# `data.synthetic.shape` draws: x to the viewer's right, y down, z towards the viewer, in
# distances of the eyes' centres.
_GENERIC_FACE = {
    27: (0.0, -0.029, 0.217),
    28: (0.0, 0.166, 0.331),
    29: (0.0, 0.36, 0.45),
    30: (0.0, 0.558, 0.57),
    31: (-0.225, 0.672, 0.308),
    32: (-0.117, 0.71, 0.374),
    33: (0.0, 0.746, 0.388),
    34: (0.117, 0.71, 0.374),
    35: (0.225, 0.672, 0.308),
    36: (-0.692, 0.0, -0.234),
    39: (-0.299, 0.028, -0.011),
    42: (0.299, 0.028, -0.011),
    45: (0.692, 0.0, -0.234),
    48: (-0.435, 1.021, 0.13),
    54: (0.435, 1.021, 0.13),
}
_FACE_HEIGHT = 2.1  # from brows to chin, in the same unit
_CAMERA_DISTANCE = 16.0  # a metre, in the same unit: portraits are taken from about there


def head_pose(landmarks, markup):
    """The pose of a head, from its landmarks.

    The camera is not known: one a metre away that looks straight at the face is assumed, so the
    angles are those against the line of sight, also for a face at the side of a photo.

    Args:
      landmarks: float [68, 2], image pixels.
      markup: their `Markup`.

    Returns:
      `HeadPose`, or None for another markup than `ibug_68` and for landmarks that no face has.
    """
    if markup.name != "ibug_68":
        return None
    landmarks = np.asarray(landmarks, np.float64)
    box = geometry.landmark_box(landmarks)
    centre, height = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
    focal = _CAMERA_DISTANCE * height / _FACE_HEIGHT
    camera = np.float64([[focal, 0, centre[0]], [0, focal, centre[1]], [0, 0, 1]])
    # OpenCV's z points away from the viewer.
    away = np.float64([1, 1, -1])
    face = np.float64(list(_GENERIC_FACE.values())) * away
    image = np.ascontiguousarray(landmarks[list(_GENERIC_FACE)])
    start = np.zeros(3), np.float64([0, 0, _CAMERA_DISTANCE])
    solved, turn, _ = cv2.solvePnP(face, image, camera, None, *start, useExtrinsicGuess=True)
    if not solved or not np.isfinite(turn).all():
        return None
    rotation = cv2.Rodrigues(turn)[0] * np.outer(away, away)
    return HeadPose.from_rotation(rotation)
