"""Results and speed of one `Aligner` shared by several threads and processes.

  python -m benchmarks.sharing --photos=1000

The photos are different parts of a portrait, rotated and resized. All landmarks must be identical
to those of a single thread. Speeds are ratios to that thread, in one run.
"""

import functools
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import TypeAlias

import cv2
import matplotlib.cbook
import numpy as np
from absl import app, flags
from tabulate import tabulate

from evae_tf import Aligner
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image

FLAGS = flags.FLAGS
flags.DEFINE_integer("photos", 1000, "Photos.", lower_bound=1)
flags.DEFINE_integer("threads", 8, "Threads that share the aligner.", lower_bound=1)
flags.DEFINE_integer("processes", 4, "Processes that unpickle the aligner.", lower_bound=1)

_Found: TypeAlias = list[FloatArray]  # for each photo, [faces, K, 2]


def main(_: list[str]) -> None:
    """Prints a row for each way of sharing."""
    portrait = read_image(matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))
    images = [_photo(portrait, index) for index in range(FLAGS.photos)]
    aligner = Aligner.load("mobile_68")
    find = functools.partial(landmarks, aligner)
    spawn = multiprocessing.get_context("spawn")
    ways: dict[str, Callable[[], _Found]] = {
        "one thread": lambda: [find(image) for image in images],
        f"{FLAGS.threads} threads": lambda: _mapped(
            futures.ThreadPoolExecutor(FLAGS.threads), find, images
        ),
        f"{FLAGS.processes} processes": lambda: _mapped(
            futures.ProcessPoolExecutor(FLAGS.processes, spawn), find, images
        ),
    }
    rows, alone, usual = [], [], 1.0
    for name, way in ways.items():
        started = time.perf_counter()
        found = way()
        spent = time.perf_counter() - started
        alone, usual = (alone, usual) if alone else (found, spent)
        rows.append({
            "way": name,
            "photos": len(found),
            "faces": sum(map(len, found)),
            "photos that differ": sum(
                not np.array_equal(*pair) for pair in zip(found, alone, strict=True)
            ),
            "speed": f"{usual / spent:.2f}",
        })  # fmt: skip
    print(tabulate(rows, headers="keys", tablefmt="github"))


def landmarks(aligner: Aligner, image: ByteArray) -> FloatArray:
    """Landmarks of all faces of an image: [faces, K, 2]."""
    points = aligner.markup.num_points
    found = [face.landmarks for face in aligner(image)]
    return np.array(found, np.float32).reshape(-1, points, 2)


def _mapped(
    pool: futures.Executor, find: Callable[[ByteArray], FloatArray], images: Sequence[ByteArray]
) -> _Found:
    with pool:
        return list(pool.map(find, images))


def _photo(portrait: ByteArray, index: int) -> ByteArray:
    rng = np.random.default_rng(index)
    height, width = portrait.shape[:2]
    scale = rng.uniform(0.35, 0.7)
    move = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-25, 25), scale)
    size = (round(width * scale), round(height * scale))
    move[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(portrait, move, size), np.uint8)


if __name__ == "__main__":
    app.run(main)
