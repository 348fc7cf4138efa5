"""A folder of rendered pictures: `landmarks.csv`, `images/`, `settings.json` and `evidence.json`.

A picture that exists is not rendered again; a folder of other settings is refused. `evidence.json`
records what the pictures were made of, and the SHA-256 of each.
"""

import csv
import json
import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
from tqdm import tqdm

from evae_tf import atomic
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.errors import InputError
from recipes.free import lists

SIDE = 192  # of a picture, pixels

Seed: TypeAlias = tuple[int, ...]
# Renders uint8 [SIDE, SIDE, 3], RGB; and float [68, 3]: x and y of the points, pixels, and 1 for
# those that nothing hides.
Picture: TypeAlias = Callable[[Seed], tuple[ByteArray, FloatArray]]

_picture: Picture | None = None  # of this process


def draw(
    folder: Path,
    seeds: Mapping[Seed, str],
    settings: Mapping[str, Any],
    open_studio: Callable[[], Picture],
    workers: int,
) -> None:
    """Renders the pictures that are missing and writes the list of all.

    Args:
      folder: the folder.
      seeds: of the pictures -> `train` or `val`.
      settings: what decides the pictures, JSON-ready; evidence.
      open_studio: called once in each process; it and its arguments can be pickled.
      workers: number of processes.

    Raises:
      InputError: the folder has pictures of other settings.
    """
    atomic.make_folder(folder / "images")
    _keep_settings(folder / "settings.json", settings)
    jobs = [(folder / "images" / f"{number:06}.jpg", seed) for number, seed in enumerate(seeds)]
    # A process a core: threads of BLAS would take the cores from each other.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with context.Pool(workers, _start, (open_studio,)) as pool:
        done = list(tqdm(pool.imap(_render, jobs, chunksize=8), "faces", len(jobs)))
    _write_rows(folder / "landmarks.csv", done, list(seeds.values()))
    pictures = {f"images/{path.name}": lists.sha256(path) for path, _ in done}
    evidence = {"drawn": True, **settings, "pictures": pictures}
    lists.write_evidence(folder / "landmarks.csv", evidence)


def _start(open_studio: Callable[[], Picture]) -> None:
    global _picture
    cv2.setNumThreads(1)
    _picture = open_studio()


def _render(job: tuple[Path, Seed]) -> tuple[Path, FloatArray]:
    path, seed = job
    points_file = path.with_suffix(".npy")
    if not points_file.exists():
        assert _picture is not None
        picture, points = _picture(seed)
        quality = 60 + seed[-1] % 38  # no draw, which would change the pictures
        done, data = cv2.imencode(
            ".jpg", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, quality]
        )
        assert done
        with atomic.replacing_file(path) as temporary:
            Path(temporary).write_bytes(data.tobytes())
        with atomic.replacing_file(points_file) as temporary, open(temporary, "wb") as file:
            np.save(file, points.astype(np.float32))
    return path, np.load(points_file)


def _write_rows(
    path: Path, pictures: Sequence[tuple[Path, FloatArray]], splits: Sequence[str]
) -> None:
    coordinates = [f"{axis}{k}" for k in range(68) for axis in "xy"]
    header = ["image", *coordinates, *(f"visible{k}" for k in range(68)), "split"]
    with (
        atomic.replacing_file(path) as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        for (picture, points), split in zip(pictures, splits, strict=True):
            places = points[:, :2].ravel().round(3).tolist()
            seen = points[:, 2].astype(int).tolist()
            writer.writerow([f"images/{picture.name}", *places, *seen, split])


def _keep_settings(path: Path, settings: Mapping[str, Any]) -> None:
    """Writes the settings of a folder.

    Raises:
      InputError: the folder has others.
    """
    if path.exists() and json.loads(path.read_text(encoding="utf-8")) != settings:
        raise InputError(f"{path.parent}: has pictures of other settings; use another --output.")
    atomic.write_text(path, json.dumps(settings, indent=1) + "\n")
