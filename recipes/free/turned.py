"""Turns the faces of photos, with their 68 points.

  python -m recipes.free.turned --data=CLEAN --skins=runs/free/skins.npz
    --photos=runs/free/photos/landmarks.csv --output=runs/free/turned --count=3600

The head is fitted to a photo and gives its depth. The photo, with hair, clothes and background,
becomes a relief that is seen from another side. So portraits, which look straight ahead, show what
turned faces of real people look like. The output is a folder of `recipes.free.drawn_folder`.

Source: Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016 (face profiling).
"""

import functools
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags

from evae_tf.array_types import ByteArray, FloatArray, IndexArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from recipes.free import drawn_folder, evidence, lists
from recipes.free import head as heads
from recipes.free import skins as skin_files
from recipes.free.backdrop import backdrop, expose
from recipes.free.camera import Camera, rotation
from recipes.free.definition import JAW
from recipes.free.drawn_folder import SIDE, Picture, Seed
from recipes.free.fit import Fit, fit
from recipes.free.head import Head
from recipes.free.lists import Labelled
from recipes.free.outline import Outline
from recipes.free.rasters import continued, sample
from recipes.free.shots import framing_camera
from recipes.free.tracing import Layer, Light, depths, render, unobstructed

_STEPS = 160  # of the relief's grid
_CONTINUED = ((2, 1e-2), (8, 1e-4), (40, 1e-6), (160, 1e-9))  # see `continued`, in steps
_SOFTNESS = 1.5  # of its depth, steps
_BORDER = 0.35  # around the photo, in its widths: a turned picture shows more of one side
_MOST = 60.0  # yaw, degrees: beyond it the other side of the head would be seen
_FRONTAL = 12.0  # degrees; such a face is turned to either side, others farther to their own


class Studio:
    """Renders turned photos by their seeds."""

    def __init__(self, head: Head, offsets: FloatArray, photos: Sequence[Labelled]) -> None:
        """Keeps the head and the photos.

        Args:
          head: the head.
          offsets: see `Outline`.
          photos: N photos; the picture of a seed shows the one at its last number modulo N.
        """
        self._head, self._outline, self._photos = head, Outline(head, offsets), photos

    def picture(self, seed: Seed) -> tuple[ByteArray, FloatArray]:
        """Renders a turned face, see `drawn_folder.Picture`."""
        rng = np.random.default_rng(seed)
        photo = self._photos[seed[-1] % len(self._photos)]
        image = read_image(photo.image)
        fitted = fit(self._head, self._outline, photo.landmarks)
        vertices = self._head.shape(fitted.identity, fitted.expression)
        skin = Layer(vertices, self._head.triangles, _no_paint)
        turn = sample_turn(fitted.camera, rng)
        camera = framing_camera(vertices, self._head, turn, rng, SIDE)
        points = self.turned_points(photo.landmarks, vertices, fitted, camera)
        visible = unobstructed([skin], camera, points)
        scene, cover = render([relief(image, skin, fitted.camera)], camera, _light(rng), SIDE, rng)
        picture = np.clip(scene, 0, 1) + (1 - cover[..., None]) * backdrop(rng, SIDE, [])
        return expose(picture, rng), np.column_stack([camera.project(points), visible])

    def turned_points(
        self, landmarks: FloatArray, vertices: FloatArray, fitted: Fit, camera: Camera
    ) -> FloatArray:
        """Places of a photo's landmarks in the head's frame: float [68, 3].

        Inner points are at the depth of the head's. The jaw is on the outline that `camera` sees,
        as far beside it as in the photo.
        """
        before = self._outline.seen(vertices, fitted.camera)
        points = fitted.camera.unproject(landmarks, fitted.camera.place(before)[:, 2])
        after = self._outline.seen(vertices, camera)
        beside = points[JAW] - before[JAW]
        points[JAW] = after[JAW] + beside
        return points


def sample_turn(camera: Camera, rng: np.random.Generator) -> FloatArray:
    """A rotation for `Camera`: that of a photo, turned farther at random."""
    yaw = np.degrees(np.arctan2(camera.rotation[0, 2], camera.rotation[2, 2]))
    side = rng.choice([-1, 1]) if abs(yaw) < _FRONTAL else np.sign(yaw)
    farther = side * rng.uniform(0, max(_MOST - abs(yaw), 0))
    return rotation(farther, rng.normal(0, 8), rng.normal(0, 10)) @ camera.rotation


def relief(photo: ByteArray, skin: Layer, camera: Camera) -> Layer:
    """A photo with the depth of the head, which continues smoothly around it.

    Args:
      photo: uint8 [H, W, 3], RGB.
      skin: the head in it.
      camera: its camera.
    """
    height, width = photo.shape[:2]
    reach = np.linspace(-_BORDER, 1 + _BORDER, _STEPS)
    pixels = np.stack(np.meshgrid(reach * width, reach * height), axis=-1).reshape(-1, 2)
    depth = _filled(depths([skin], camera, pixels).reshape(_STEPS, _STEPS)).ravel()
    triangles = _grid(_STEPS)
    color = photo.astype(np.float32) / 255

    def paint(triangle: IndexArray, place: FloatArray) -> FloatArray:
        at = np.einsum("nk,nkd->nd", place, pixels[triangles[triangle]])
        return sample(color, at, cv2.INTER_CUBIC, cv2.BORDER_REFLECT_101)

    return Layer(camera.unproject(pixels, depth), triangles, paint)


def _filled(depth: FloatArray) -> FloatArray:
    """Depths [S, S] whose NaN are continued smoothly from the others."""
    known = ~np.isnan(depth)
    around = continued(np.where(known, depth, 0), known.astype(np.float64), _CONTINUED)
    filled = np.where(known, depth, around)
    return cv2.GaussianBlur(filled, (0, 0), _SOFTNESS)  # steps, as behind an ear, would fray


def _grid(steps: int) -> IndexArray:
    """The triangles of a square grid of `steps` by `steps` vertices: int [T, 3]."""
    first = np.arange(steps * steps).reshape(steps, steps)[:-1, :-1].ravel()
    return np.concatenate(
        [
            np.stack([first, first + 1, first + steps], axis=1),
            np.stack([first + 1, first + steps + 1, first + steps], axis=1),
        ]
    )


def _light(rng: np.random.Generator) -> Light:
    """Light from everywhere, a little stronger from one side: photos bring their own."""
    return Light(
        ambient=np.ones(3),
        slope=np.ones((3, 1)) * rng.normal(0, 0.12, 3),
        lamp=np.zeros(3),
        direction=np.array([0.0, 0.0, 1.0]),
        size=0.01,
        exposure=rng.uniform(0.75, 1.2),
    )


def _no_paint(triangle: IndexArray, _: FloatArray) -> FloatArray:
    return np.zeros((len(triangle), 3))


def open_studio(data: str, skins: str, photos: str) -> Picture:
    """A studio with the training photos of a list and the head in the folder `clean`."""
    head = heads.load(Path(data) / heads.FILE)
    return Studio(head, skin_files.load(skins).offsets, lists.training_photos(photos)).picture


def main(_: list[str]) -> None:
    """Writes the folder."""
    args = flags.FLAGS
    settings = {
        "seed": args.seed,
        "head_sha256": lists.sha256(Path(args.data) / heads.FILE),
        "skins_sha256": lists.sha256(args.skins),
        "labels_sha256": lists.sha256(args.photos),
        "teacher": evidence.read(Path(args.photos).parent).get("teacher"),
        "skins": {
            str(each.image): lists.sha256(each.image) for each in lists.training_photos(args.photos)
        },
    }
    drawn_folder.draw(
        Path(args.output),
        {(args.seed, number): "train" for number in range(args.count)},
        settings,
        functools.partial(open_studio, args.data, args.skins, args.photos),
        args.workers,
    )


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("skins", "runs/free/skins.npz", "For the offsets of the head's points.")
    define_path("photos", None, "List of photos with 68 points.", required=True)
    define_path("output", "runs/free/turned", "Folder of the pictures.")
    flags.DEFINE_integer("count", 3600, "Pictures.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Seed.")
    flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=1)
    app.run(main)
