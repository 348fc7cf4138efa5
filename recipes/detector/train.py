"""Trains the face detector on composed tiles; run the same command to resume a stopped training.

python -m recipes.detector.train --photos=runs/detector/photos.npz --workdir=runs/detector
"""

import multiprocessing
import queue as queues
from collections.abc import Iterator
from pathlib import Path

import cv2
import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data.images import read_image
from recipes.detector import network
from recipes.detector.canvas import TILE_PX
from recipes.detector.mosaic import Mosaics
from recipes.detector.photos import read

FLAGS = flags.FLAGS
_STEPS = 250  # per epoch
_PATIENCE_S = 60  # then it is checked whether tiles are still being composed


def main(_: list[str]) -> None:
    """Trains and writes `final.weights.h5`."""
    keras.utils.set_random_seed(FLAGS.seed)
    folder = Path(FLAGS.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    if FLAGS.mixed_precision:
        keras.mixed_precision.set_global_policy("mixed_bfloat16")
    model = network.FaceDetector(network.build())
    model(np.zeros((1, TILE_PX, TILE_PX, 3), np.float32))
    if FLAGS.init_from:
        model.network.load_weights(FLAGS.init_from)
    steps = FLAGS.epochs * _STEPS
    rate = keras.optimizers.schedules.CosineDecay(
        1e-5, steps - 200, warmup_target=FLAGS.learning_rate, warmup_steps=200, alpha=1e-3
    )
    model.compile(keras.optimizers.AdamW(rate, weight_decay=1e-4, clipnorm=10.0))
    tiles = tf.data.Dataset.from_generator(
        _batches,
        output_signature=(
            tf.TensorSpec((None, TILE_PX, TILE_PX, 3), tf.uint8),
            tf.TensorSpec((None, TILE_PX // 4, TILE_PX // 4, 16), tf.float32),
        ),
    ).map(lambda images, target: (tf.cast(images, tf.float32) / 255, target))
    model.fit(
        tiles.prefetch(4),
        epochs=FLAGS.epochs,
        steps_per_epoch=_STEPS,
        verbose=2,
        callbacks=[
            keras.callbacks.BackupAndRestore(folder / "backup"),
            keras.callbacks.CSVLogger(folder / "metrics.csv", append=True),
            keras.callbacks.LambdaCallback(
                on_epoch_end=lambda *_: model.network.save_weights(folder / "last.weights.h5")
            ),
        ],
    )
    model.network.save_weights(folder / "final.weights.h5")


def _batches() -> Iterator[tuple[ByteArray, FloatArray]]:
    """Batches, composed in another process."""
    context = multiprocessing.get_context("spawn")
    queue: multiprocessing.Queue = context.Queue(8)
    arguments = (queue, FLAGS.photos, FLAGS.negatives, FLAGS.batch_size)
    process = context.Process(target=_compose, args=arguments, daemon=True)
    process.start()
    while True:
        try:
            yield queue.get(timeout=_PATIENCE_S)
        except queues.Empty:
            if not process.is_alive():
                raise RuntimeError("the process that composes tiles has ended.") from None


def _compose(
    queue: multiprocessing.Queue, photos: str, negatives: list[str], batch_size: int
) -> None:
    cv2.setNumThreads(0)
    pictures = [path for folder in negatives for path in sorted(Path(folder).glob("*.png"))]
    mosaics = Mosaics(read(Path(photos)), [read_image(path) for path in pictures])
    rng = np.random.default_rng()  # a resumed training sees other tiles
    while True:
        tiles = [mosaics.draw(rng) for _ in range(batch_size)]
        targets = [network.targets(tile) for tile in tiles]
        queue.put((np.stack([tile.image for tile in tiles]), np.stack(targets)))


if __name__ == "__main__":
    define_path("photos", "runs/detector/photos.npz", "From `recipes.detector.photos`.")
    define_paths("negatives", [], "Folders of images with false detections.")
    define_path("workdir", "runs/detector", "Folder for checkpoints and weights.")
    define_path("init_from", None, "Initial weights.")
    flags.DEFINE_boolean("mixed_precision", False, "Train in bfloat16 if the machine can.")
    flags.DEFINE_integer("epochs", 100, "Epochs of 250 batches.", lower_bound=1)
    flags.DEFINE_integer("batch_size", 16, "Tiles per batch.", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "Random seed of the initial weights.")
    flags.DEFINE_float("learning_rate", 2e-3, "Peak learning rate.")
    app.run(main)
