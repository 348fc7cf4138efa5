"""Mines hard negatives: false detections on training photos.

  python -m recipes.detector.mine --detector=FILE.tflite --photos=runs/detector/photos.npz

Writes a folder for `recipes.detector.train --negatives`. The images contain no part of a known or
possible face.
"""

import itertools
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from absl import app, flags
from PIL import Image
from tqdm import tqdm

from evae_tf import atomic, geometry
from evae_tf.align.detectors.tflite import TfliteDetector
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from recipes.detector.photos import Photo, read

FLAGS = flags.FLAGS

_SCALES = (0.4, 1.0, 2.0)
CONTEXT = 3.0  # side of an image, in sides of the detection
_MOST_PX = 320
_FREE = 1.1  # side of the square that must be free of faces, in sides of the image


def main(_: list[str]) -> None:
    """Prints the number of images written."""
    detector = TfliteDetector(FLAGS.detector, min_score=FLAGS.min_score)
    photos = read(Path(FLAGS.photos))
    chosen = np.random.default_rng(0).permutation(len(photos))
    found = (
        picture
        for index in tqdm(chosen.tolist(), disable=None)
        for picture in _false_finds(detector, photos[index])
    )
    count = 0
    atomic.make_folder(Path(FLAGS.output).parent)
    with atomic.replacing_folder(FLAGS.output) as folder:
        for picture in itertools.islice(found, FLAGS.most):
            Image.fromarray(picture).save(folder / f"{count:05d}.png")
            count += 1
    print(f"{count} images: {FLAGS.output}")


def _false_finds(detector: TfliteDetector, photo: Photo) -> Iterator[ByteArray]:
    image = read_image(photo.path)
    known = np.concatenate([photo.squares, photo.unsure])
    for scale in _SCALES:
        resized = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        found = geometry.square_around(detector(resized).boxes, 0.0)
        found = np.concatenate([(found[:, :2] + 0.5) / scale - 0.5, found[:, 2:] / scale], axis=1)
        for square in found:
            if _is_clear(square, known):
                side = min(_MOST_PX, round(float(square[2]) * scale * CONTEXT))
                around = square * np.float32([1, 1, CONTEXT])
                yield geometry.cut_square(image, around, max(side, 32))


def _is_clear(square: FloatArray, known: FloatArray) -> bool:
    """Whether no face overlaps the image around a detection."""
    apart = np.abs(known[:, :2] - square[:2]).max(axis=1)
    return bool((apart > (square[2] * CONTEXT * _FREE + known[:, 2]) / 2).all())


if __name__ == "__main__":
    define_path("detector", None, ".tflite file of the detector.", required=True)
    define_path("photos", "runs/detector/photos.npz", "From `recipes.detector.photos`.")
    define_path("output", "runs/detector/negatives", "Folder to write.")
    flags.DEFINE_float("min_score", 0.25, "Lowest score of a false detection.")
    flags.DEFINE_integer("most", 4000, "Largest number of images.", lower_bound=1)
    app.run(main)
