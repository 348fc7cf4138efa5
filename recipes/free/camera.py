"""The camera of a rendered picture."""

import dataclasses

import numpy as np

from evae_tf.array_types import FloatArray


@dataclasses.dataclass(frozen=True)
class Camera:
    """A pinhole camera that looks at a head. Image pixels: (x, y), y down.

    Attributes:
      rotation: float [3, 3], from the head's frame (y up, z forward) to the camera's (y up, z
        towards the camera).
      target: float [3], the point of the head at the middle of the picture.
      distance: from the camera to the target, > 0.
      scale: pixels per unit at the target.
      centre: float [2], the target's place, pixels.
    """

    rotation: FloatArray
    target: FloatArray
    distance: float
    scale: float
    centre: FloatArray

    def place(self, vertices: FloatArray) -> FloatArray:
        """Moves points [..., 3] to the camera's frame; the camera is at (0, 0, distance)."""
        return (vertices - self.target) @ self.rotation.T

    def project(self, vertices: FloatArray) -> FloatArray:
        """Pixels [..., 2] of points [..., 3] of the head."""
        placed = self.place(vertices)
        near = self.distance / (self.distance - placed[..., 2:])
        return placed[..., :2] * [1, -1] * near * self.scale + self.centre

    def unproject(self, pixels: FloatArray, depth: FloatArray) -> FloatArray:
        """Points [..., 3] of the head that are seen at pixels [..., 2].

        Args:
          pixels: float [..., 2].
          depth: float [...], the z of `place`.
        """
        near = self.distance / (self.distance - depth[..., None])
        plane = (pixels - self.centre) * [1, -1] / (self.scale * near)
        return np.concatenate([plane, depth[..., None]], axis=-1) @ self.rotation + self.target

    def rays(self, side: int, samples: int = 1) -> FloatArray:
        """Directions through the pixels of a square picture.

        Returns:
          float32 [side * samples, side * samples, 3], unit length, camera's frame.
        """
        steps = (np.arange(side * samples) + 0.5) / samples - 0.5
        x, y = np.meshgrid(steps, steps)
        plane = np.stack([x - self.centre[0], self.centre[1] - y], axis=-1) / self.scale
        rays = np.concatenate([plane, np.full((*x.shape, 1), -self.distance)], axis=-1)
        return (rays / np.linalg.norm(rays, axis=-1, keepdims=True)).astype(np.float32)


def rotation(yaw: float, pitch: float, roll: float) -> FloatArray:
    """Rotation of a head, from its frame to the camera's: float64 [3, 3].

    Args:
      yaw: degrees; > 0 turns the nose to the right of the picture.
      pitch: degrees; > 0 turns it up (in `evae_tf.head_pose`, > 0 is down).
      roll: degrees; > 0 turns the head clockwise in the picture.

    The angles are about the axes of the camera: first yaw, then pitch, then roll.
    """
    y, p, r = np.radians([yaw, -pitch, -roll])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(r), -np.sin(r), 0], [np.sin(r), np.cos(r), 0], [0, 0, 1]])
    return about_z @ about_x @ about_y
