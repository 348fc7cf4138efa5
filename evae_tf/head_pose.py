"""The convention for head pose angles."""

import dataclasses

import numpy as np

from evae_tf.array_types import FloatArray

_FEWEST_POINTS = 6  # 3-D points of a head
_LEAST_DEPTH = 0.1  # ratio of their smallest to their largest spread


@dataclasses.dataclass(frozen=True)
class HeadPose:
    """Rotation of a head relative to the line of sight, in degrees: about y, then x, then z.

    The viewer's frame has x to the right, y down and z towards the viewer.

    Attributes:
      yaw: positive turns the nose to the right of the image.
      pitch: positive turns it down.
      roll: positive turns the head clockwise.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def rotation(self) -> FloatArray:
        """Rotation matrix, float [3, 3], from the head's frame (a frontal face) to the viewer's."""
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        about_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        return np.array(about_z) @ np.array(about_x) @ np.array(about_y)


def determines_pose(places: FloatArray) -> bool:
    """Whether the projections of these points determine a head pose.

    Args:
      places: float [n, 3], points on the head.

    Returns:
      True for six or more points that are clearly not coplanar: coplanar points look the same in
      two poses.
    """
    if len(places) < _FEWEST_POINTS:
        return False
    spread = np.linalg.svd(places - places.mean(axis=0), compute_uv=False)
    return bool(spread[2] > _LEAST_DEPTH * spread[0])
