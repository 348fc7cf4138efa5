"""Renders faces of people who do not exist, with their 68 points.

  python -m recipes.free.faces --data=CLEAN --skins=runs/free/skins.npz --output=runs/free/drawn
    --count=9000 --val=300

A picture that exists is not rendered again. Source material: the folder `clean/` alone.
"""

import csv
import json
import multiprocessing
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
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

    def __init__(self, head: Head, skins: Skins, photos: list[ByteArray], turned: float) -> None:
        """Prepares the head.

        Args:
          head: the head.
          skins: the skins.
          photos: for backgrounds, uint8 [H, W, 3].
          turned: share of pictures that show a photo's own face.
        """
        self._people, self._outline = People(head, skins), Outline(head, skins.offsets)
        self._head, self._photos, self._turned = head, photos, turned

    def picture(self, seed: tuple[int, ...]) -> tuple[ByteArray, FloatArray]:
        """Renders a face.

        Returns:
          uint8 [SIDE, SIDE, 3], RGB; and float [68, 3]: x and y of the points, pixels, and 1 for
          those that nothing hides.
        """
        rng = np.random.default_rng(seed)
        person = self._people.sample(rng, self._turned)
        camera = sample_camera(person.vertices, self._head, rng, SIDE)
        points = self._outline.seen(person.vertices, camera)
        visible = unobstructed(person.layers, camera, points)
        image, cover = render(person.layers, camera, sample_light(rng), SIDE, rng)
        behind = backdrop(rng, SIDE, self._photos)
        picture = np.clip(image, 0, 1) + (1 - cover[..., None]) * behind
        return expose(picture, rng), np.column_stack([camera.project(points), visible])


_studio: Studio | None = None


def _open_studio(data: str, skins: str, turned: float) -> None:
    global _studio
    cv2.setNumThreads(1)
    photos = [
        cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        for path in sorted(Path(data).glob(_BACKDROPS))
    ]
    head = heads.load(Path(data) / skin_files.HEAD)
    _studio = Studio(head, skin_files.load(skins), photos, turned)


def _render(job: tuple[Path, tuple[int, ...]]) -> tuple[Path, FloatArray]:
    path, seed = job
    points_file = path.with_suffix(".npy")
    if not points_file.exists():
        assert _studio is not None
        picture, points = _studio.picture(seed)
        quality = 60 + seed[1] % 38
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
    total = args.count + args.val
    jobs = [
        (output / "images" / f"{number:06}.jpg", (args.seed, number)) for number in range(total)
    ]
    context = multiprocessing.get_context("spawn")
    start = (args.data, args.skins, args.turned)
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
    evidence = {
        "drawn": True,
        "seed": args.seed,
        "head_sha256": lists.sha256(Path(args.data) / skin_files.HEAD),
        "skins_sha256": lists.sha256(Path(args.skins)),
        "skins": list(skin_files.load(args.skins).names),
        "pictures": {f"images/{path.name}": lists.sha256(path) for path, _ in done},
    }
    with atomic.replacing_file(output / "evidence.json") as temporary:
        Path(temporary).write_text(json.dumps(evidence), encoding="utf-8")


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("skins", "runs/free/skins.npz", "Textures, of recipes.free.skins.")
    define_path("output", "runs/free/drawn", "Folder of the pictures.")
    flags.DEFINE_integer("count", 9000, "Pictures to train on.", lower_bound=1)
    flags.DEFINE_integer("val", 300, "Pictures to validate on.", lower_bound=0)
    flags.DEFINE_integer("seed", 0, "Seed.")
    flags.DEFINE_integer("workers", 2, "Processes.", lower_bound=1)
    flags.DEFINE_float("turned", 0.2, "Share of pictures of a photo's own face.", 0, 1)
    app.run(main)
