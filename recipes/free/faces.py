"""Renders faces of people who do not exist, with their 68 points.

  python -m recipes.free.faces --data=CLEAN --skins=runs/free/skins.npz --output=runs/free/drawn
    --count=9000 --val=300

A picture that exists is not rendered again; a folder of other settings is refused. `evidence.json`
records the head, the photos whose skin and background are in the pictures, and the SHA-256 of each.
"""

import csv
import json
import multiprocessing
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from absl import app, flags
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from recipes.free import head as heads
from recipes.free import lists
from recipes.free import skins as skin_files
from recipes.free.backdrop import backdrop, expose
from recipes.free.head import Head
from recipes.free.outline import Outline
from recipes.free.people import People, sample_camera, sample_light
from recipes.free.skins import Skins
from recipes.free.tracing import render, unobstructed

SIDE = 192  # of a picture, pixels
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

    def picture(self, seed: tuple[int, ...]) -> tuple[ByteArray, FloatArray]:
        """Renders a face.

        Returns:
          uint8 [SIDE, SIDE, 3], RGB; and float [68, 3]: x and y of the points, pixels, and 1 for
          those that nothing hides.
        """
        rng = np.random.default_rng(seed)
        person = self._people.sample(rng, self._own)
        camera = sample_camera(person.vertices, self._head, rng, SIDE)
        points = self._outline.seen(person.vertices, camera)
        visible = unobstructed(person.layers, camera, points)
        image, cover = render(person.layers, camera, sample_light(rng), SIDE, rng)
        behind = backdrop(rng, SIDE, self._photos)
        picture = np.clip(image, 0, 1) + (1 - cover[..., None]) * behind
        return expose(picture, rng), np.column_stack([camera.project(points), visible])


_studio: Studio | None = None


def _open_studio(data: str, skins: str, own: float) -> None:
    global _studio
    cv2.setNumThreads(1)
    photos = [read_image(path) for path in sorted(Path(data).glob(_BACKDROPS))]
    if not photos:  # the same seeds would draw other pictures
        raise InputError(f"{data}: no photos {_BACKDROPS} for backgrounds.")
    head = heads.load(Path(data) / heads.FILE)
    _studio = Studio(head, skin_files.load(skins), photos, own)


def _render(job: tuple[Path, tuple[int, ...]]) -> tuple[Path, FloatArray]:
    path, seed = job
    points_file = path.with_suffix(".npy")
    if not points_file.exists():
        assert _studio is not None
        picture, points = _studio.picture(seed)
        quality = 60 + seed[1] % 38  # no draw, which would change the pictures
        done, data = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        assert done
        with atomic.replacing_file(path) as temporary:
            Path(temporary).write_bytes(data.tobytes())
        with atomic.replacing_file(points_file) as temporary, open(temporary, "wb") as file:
            np.save(file, points.astype(np.float32))
    return path, np.load(points_file)


def main(_: list[str]) -> None:
    """Writes pictures, `landmarks.csv` and `evidence.json`."""
    args = flags.FLAGS
    output = Path(args.output)
    atomic.make_folder(output / "images")
    settings = _settings(Path(args.data), Path(args.skins), args.seed, args.own)
    _keep_settings(output / "settings.json", settings)
    total = args.count + args.val
    jobs = [
        (output / "images" / f"{number:06}.jpg", (args.seed, number)) for number in range(total)
    ]
    context = multiprocessing.get_context("spawn")
    start = (args.data, args.skins, args.own)
    with context.Pool(args.workers, _open_studio, start) as pool:
        done = list(tqdm(pool.imap(_render, jobs, chunksize=8), "faces", total))
    rows = [
        [
            f"images/{path.name}",
            *points[:, :2].ravel().round(3).tolist(),
            *points[:, 2].astype(int).tolist(),
            split,
        ]
        for (path, points), split in zip(
            done, ["train"] * args.count + ["val"] * args.val, strict=True
        )
    ]
    coordinates = [f"{axis}{k}" for k in range(68) for axis in "xy"]
    header = ["image", *coordinates, *(f"visible{k}" for k in range(68)), "split"]
    with (
        atomic.replacing_file(output / "landmarks.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        csv.writer(file).writerows([header, *rows])
    pictures = {f"images/{path.name}": lists.sha256(path) for path, _ in done}
    evidence = {"drawn": True, **settings, "pictures": pictures}
    lists.write_evidence(output / "landmarks.csv", evidence)


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


def _keep_settings(path: Path, settings: dict[str, Any]) -> None:
    """Writes the settings of a folder.

    Raises:
      InputError: the folder has others.
    """
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != settings:
        raise InputError(f"{path.parent}: has pictures of other settings; use another --output.")
    atomic.write_text(path, json.dumps(settings, indent=1) + "\n")


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
