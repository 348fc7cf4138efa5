"""The angles of a head, and the one convention for them."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class HeadPose:
    """How a head is turned against the line of sight, in degrees: about y, then x, then z.

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
    def rotation(self):
        """Float [3, 3], from the head's frame (that of a frontal face) to the viewer's."""
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        about_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        return np.float64(about_z) @ np.float64(about_x) @ np.float64(about_y)

    @classmethod
    def from_rotation(cls, rotation):
        """The inverse of `rotation`, with a pitch within 90 degrees."""
        yaw = np.arctan2(-rotation[2, 0], rotation[2, 2])
        pitch = np.arcsin(np.clip(-rotation[2, 1], -1, 1))
        roll = np.arctan2(-rotation[0, 1], rotation[1, 1])
        return cls(*np.degrees([yaw, pitch, roll]).tolist())
