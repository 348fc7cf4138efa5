"""Skin from photos: the textures of the faces that the head was fitted to.

python -m recipes.free.skins --data=CLEAN --photos=runs/free/photos/landmarks.csv
  --output=runs/free/skins.npz
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from evae_tf.markups import MARKUPS
from recipes.free import head as heads
from recipes.free import lists
from recipes.free.definition import JAW
from recipes.free.fit import Fit, fit, pose
from recipes.free.head import Head, Part
from recipes.free.lists import Labelled
from recipes.free.outline import Outline
from recipes.free.rasters import continued

SIDE = 256  # of a texture, texels

_WORST = 0.035  # mean distance of the points from the fitted head's, in widths of the face
_CONTINUED = ((3, 0.02), (12, 1e-3), (60, 1e-5))  # see `continued`, in texels
_FIRST_OF_NOSE = 27  # the points before it are those of jaw and brows
_GREY = 6.0  # spread of the colour channels below which a photo is grey, 0 to 255
_SKIN_HUE = (0.86, 0.62, 0.5)  # RGB, up to a factor
_TO_MEAN_ONE = 1.5  # brings the mean of `_SKIN_HUE` to about 1: a tinted photo stays as bright


@dataclasses.dataclass(frozen=True)
class Skins:
    """Faces taken from photos.

    Attributes:
      textures: uint8 [N, SIDE, SIDE, 3], RGB.
      identity: float [N, modes], of the fitted heads, standard deviations.
      offsets: float [68, 3], from the head's points to those of the photos, units.
      names: the N pictures.
    """

    textures: ByteArray
    identity: FloatArray
    offsets: FloatArray
    names: tuple[str, ...]


class Unwrapping:
    """Takes the texture of a face from a photo."""

    def __init__(self, head: Head) -> None:
        """Finds the place of each texel on the head."""
        rows = np.flatnonzero((head.part == Part.SKIN) & (head.uv[..., 0].max(axis=1) < 1))
        number = np.full((SIDE, SIDE), -1, np.int32)
        for row in rows:
            corners = np.round(head.uv[row] * SIDE * 16 - 8).astype(np.int32)
            cv2.fillConvexPoly(number, corners, int(row), shift=4)
        y, x = np.nonzero(number >= 0)
        triangle = number[y, x]
        a, b, c = (head.uv[triangle, corner].astype(np.float64) for corner in range(3))
        point = (np.stack([x, y], axis=1) + 0.5) / SIDE
        area = _cross(b - a, c - a)
        v, w = _cross(point - a, c - a) / area, _cross(b - a, point - a) / area
        place = np.clip(
            np.stack([1 - v - w, v, w], axis=1), 0, 1
        )  # texels on an edge are beyond it
        self._place = place / place.sum(axis=1, keepdims=True)
        self._vertices = head.triangles[triangle]
        self._texels = y, x
        self._mask = _face_mask()

    def take(self, photo: ByteArray, vertices: FloatArray, fitted: Fit) -> ByteArray:
        """The texture, uint8 [SIDE, SIDE, 3]; what the photo does not show is continued smoothly.

        Args:
          photo: uint8 [H, W, 3].
          vertices: float [V, 3], the fitted head.
          fitted: its camera.
        """
        corners = vertices[self._vertices]
        point = np.einsum("nk,nkd->nd", self._place, corners)
        normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
        facing = np.clip((normal @ fitted.camera.rotation[2] - 0.42) / 0.3, 0, 1)
        at = fitted.camera.project(point).astype(np.float32)
        sources = np.full((SIDE, SIDE, 2), -1, np.float32)
        sources[self._texels] = at
        texture = cv2.remap(photo, sources, None, cv2.INTER_LINEAR).astype(np.float32)
        inside = ((at >= 0) & (at < photo.shape[1::-1])).all(axis=1)
        weight = np.zeros((SIDE, SIDE), np.float32)
        weight[self._texels] = facing * inside
        weight *= self._mask
        # The other cheek, where the photo shows nothing of this one.
        other = 0.02 * weight[:, ::-1]
        total = texture * weight[..., None] + texture[:, ::-1] * other[..., None]
        return np.clip(continued(total, weight + other, _CONTINUED), 0, 255).astype(np.uint8)


def _face_mask() -> FloatArray:
    """1 in front of the ears and above the neck, with soft edges: float [SIDE, SIDE]."""
    x, y = np.meshgrid(*[(np.arange(SIDE) + 0.5) / SIDE] * 2)
    inside = ((np.abs(x - 0.5) / 0.33) ** 4 + (np.abs(y - 0.38) / 0.34) ** 4) ** 0.25
    return np.clip((1 - inside) / 0.12, 0, 1).astype(np.float32)


def _cross(a: FloatArray, b: FloatArray) -> FloatArray:
    return a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]


def make_skins(head: Head, photos: Sequence[Labelled]) -> Skins:
    """Fits the head to photos and takes their skin.

    Args:
      head: the head.
      photos: some of them have hand-placed points.

    Returns:
      The skins of the photos that the head fits.
    """
    offsets = measured_offsets(head, [each.landmarks for each in photos if each.by == "hand"])
    outline, unwrapping = Outline(head, offsets), Unwrapping(head)
    kept = list(_taken(head, outline, unwrapping, photos))
    textures, identities, names = zip(*kept, strict=True)
    return Skins(np.stack(textures), np.stack(identities), offsets, tuple(map(str, names)))


def _taken(
    head: Head, outline: Outline, unwrapping: Unwrapping, photos: Sequence[Labelled]
) -> Iterator[tuple[ByteArray, FloatArray, Path]]:
    for each in tqdm(photos, "skins"):
        fitted = fit(head, outline, each.landmarks)
        if fitted.error > _WORST:
            continue
        photo = read_image(each.image)
        vertices = head.shape(fitted.identity, fitted.expression)
        texture = unwrapping.take(photo, vertices, fitted)
        if np.ptp(texture.astype(np.float32), axis=2).mean() < _GREY:
            texture = _tinted(texture)
        yield texture, fitted.identity, each.image


def _tinted(texture: ByteArray) -> ByteArray:
    """Gives a grey texture the hue of skin."""
    grey = texture.mean(axis=2, keepdims=True)
    return np.clip(grey * np.array(_SKIN_HUE) * _TO_MEAN_ONE, 0, 255).astype(np.uint8)


def measured_offsets(head: Head, shapes: Sequence[FloatArray]) -> FloatArray:
    """Where hand-placed points lie beside the points of the head: float [68, 3], head's frame.

    The definitions differ: the brows of the head lie on the upper edge of the hair, for example.
    The mean of many people at rest is compared with the mean head, which is only turned and moved:
    a fit of the head's modes would take a part of the difference for the shape of these people.
    Eyes, nose and mouth place the head; both sides of the face share an offset, and the jaw has
    none.

    Args:
      head: the head.
      shapes: float [68, 2] each, of faces at rest.
    """
    rest = head.neutral[head.points].astype(np.float64)
    placing = (np.arange(68) >= _FIRST_OF_NOSE).astype(np.float64)
    found = []
    for points in shapes:
        camera = pose(rest, points, placing)
        flat = (points - camera.project(rest)) / camera.scale * [1, -1]
        found.append(flat @ camera.rotation[:2, :2])
    mean = np.mean(found, axis=0)
    mirrored = mean[MARKUPS["ibug_68"].flip_permutation] * [-1, 1]
    offsets = np.zeros((68, 3))
    offsets[JAW.stop :, :2] = (mean + mirrored)[JAW.stop :] / 2
    return offsets


def save(skins: Skins, path: str | Path) -> None:
    """Writes a compressed `.npz`."""
    with atomic.replacing_file(Path(path)) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dataclasses.asdict(skins))


def load(path: str | Path) -> Skins:
    """Reads what `save` wrote."""
    with np.load(path) as file:
        return Skins(
            file["textures"], file["identity"], file["offsets"], tuple(map(str, file["names"]))
        )


def main(_: list[str]) -> None:
    """Prints how many skins were taken."""
    head = heads.load(Path(flags.FLAGS.data) / heads.FILE)
    photos = lists.training_photos(flags.FLAGS.photos)
    atomic.make_folder(Path(flags.FLAGS.output).parent)  # before the work, which takes minutes
    skins = make_skins(head, photos)
    save(skins, flags.FLAGS.output)
    print(f"{len(skins.names)} skins of {len(photos)} photos: {flags.FLAGS.output}")


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("photos", None, "List of photos with 68 points.", required=True)
    define_path("output", "runs/free/skins.npz", "The textures.")
    app.run(main)
