"""Renders faces of people who do not exist, with their 68 points.

  python -m recipes.free.faces --data=CLEAN --skins=runs/free/skins.npz --output=runs/free/drawn
    --count=9000 --val=300

The output is a folder of `recipes.free.drawn_folder`. Its evidence names the head, and the photos
whose skin and background are in the pictures.
"""

import functools
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from recipes.free import drawn_folder, lists
from recipes.free import head as heads
from recipes.free import skins as skin_files
from recipes.free.backdrop import backdrop, expose
from recipes.free.drawn_folder import SIDE, Picture, Seed
from recipes.free.head import Head
from recipes.free.outline import Outline
from recipes.free.people import People
from recipes.free.shots import sample_camera, sample_light
from recipes.free.skins import Skins
from recipes.free.tracing import render, unobstructed

_BACKDROPS = "pif_fellows/*.webp"  # the photos taken in many places


class Studio:
    """Renders pictures by their seeds."""

    def __init__(self, head: Head, skins: Skins, photos: list[ByteArray], own: float) -> None:
        """Prepares the head.

        Args:
          head: the head.
          skins: the skins.
          photos: for backgrounds, uint8 [H, W, 3].
          own: share of pictures that show a photo's own person.
        """
        self._people, self._outline = People(head, skins), Outline(head, skins.offsets)
        self._head, self._photos, self._own = head, photos, own

    def picture(self, seed: Seed) -> tuple[ByteArray, FloatArray]:
        """Renders a face, see `drawn_folder.Picture`."""
        rng = np.random.default_rng(seed)
        person = self._people.sample(rng, self._own)
        camera = sample_camera(person.vertices, self._head, rng, SIDE)
        points = self._outline.seen(person.vertices, camera)
        visible = unobstructed(person.layers, camera, points)
        image, cover = render(person.layers, camera, sample_light(rng), SIDE, rng)
        behind = backdrop(rng, SIDE, self._photos)
        picture = np.clip(image, 0, 1) + (1 - cover[..., None]) * behind
        return expose(picture, rng), np.column_stack([camera.project(points), visible])


def open_studio(data: str, skins: str, own: float) -> Picture:
    """A studio with the photos and the head in the folder `clean`.

    Raises:
      InputError: there are no photos for backgrounds: the same seeds would draw other pictures.
    """
    photos = [read_image(path) for path in sorted(Path(data).glob(_BACKDROPS))]
    if not photos:
        raise InputError(f"{data}: no photos {_BACKDROPS} for backgrounds.")
    head = heads.load(Path(data) / heads.FILE)
    return Studio(head, skin_files.load(skins), photos, own).picture


def main(_: list[str]) -> None:
    """Writes the folder."""
    args = flags.FLAGS
    splits = ["train"] * args.count + ["val"] * args.val
    drawn_folder.draw(
        Path(args.output),
        {(args.seed, number): split for number, split in enumerate(splits)},
        _settings(Path(args.data), Path(args.skins), args.seed, args.own),
        functools.partial(open_studio, args.data, args.skins, args.own),
        args.workers,
    )


def _settings(data: Path, skins: Path, seed: int, own: float) -> dict[str, Any]:
    """What decides the pictures."""
    return {
        "seed": seed,
        "own": own,
        "head_sha256": lists.sha256(data / heads.FILE),
        "skins_sha256": lists.sha256(skins),
        "skins": {name: lists.sha256(name) for name in skin_files.load(skins).names},
        "backdrops": {str(path): lists.sha256(path) for path in sorted(data.glob(_BACKDROPS))},
    }


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("skins", "runs/free/skins.npz", "Textures, of recipes.free.skins.")
    define_path("output", "runs/free/drawn", "Folder of the pictures.")
    flags.DEFINE_integer("count", 9000, "Pictures to train on.", lower_bound=1)
    flags.DEFINE_integer("val", 300, "Pictures to validate on.", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "Seed.")
    flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=1)
    flags.DEFINE_float("own", 0.2, "Share of pictures that show a photo's own person.", 0, 1)
    app.run(main)
