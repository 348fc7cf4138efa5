"""Exports the trained detector to a `.tflite` file, which takes images of any size.

python -m recipes.detector.export --weights=runs/detector/final.weights.h5 --output=FILE.tflite
"""

from pathlib import Path

import keras
import tensorflow as tf
from absl import app, flags
from keras import layers, ops

from evae_tf import atomic
from evae_tf.array_types import Tensor
from evae_tf.cli.path_flags import define_path
from recipes.detector import network

FLAGS = flags.FLAGS
_SIDE_PX = 640


def main(_: list[str]) -> None:
    """Writes the file."""
    model = network.build()
    model.load_weights(FLAGS.weights)
    write(model, Path(FLAGS.output))


def write(trained: keras.Model, path: Path) -> None:
    """Writes a network of `network.build` as a .tflite file.

    Its input `images`, [1, 640, 640, 3], can be resized to other multiples of 32.
    """
    model = network.build(_SIDE_PX, EnlargedByBlocks)
    model.set_weights(trained.get_weights())
    atomic.make_folder(path.parent)
    images = keras.Input((_SIDE_PX, _SIDE_PX, 3), name="images")
    outputs = model(images)
    likely = keras.Model(
        images, {"centres": ops.sigmoid(outputs["centres"]), "geometry": outputs["geometry"]}
    )
    with atomic.replacing_file(path) as temporary:
        # LiteRT.js refuses images if the batch size is variable.
        signature = [tf.TensorSpec((1, _SIDE_PX, _SIDE_PX, 3), tf.float32, name="images")]
        likely.export(str(temporary), format="litert", input_signature=signature, verbose=False)


class EnlargedByBlocks(layers.Layer):
    """`UpSampling2D` without a constant size, so that the input can be resized."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def call(self, maps: Tensor) -> Tensor:
        """Maps [B, h, w, C] -> [B, times * h, times * w, C]."""
        return ops.depth_to_space(ops.concatenate([maps] * self.times**2, axis=-1), self.times)


if __name__ == "__main__":
    define_path("weights", None, "From `recipes.detector.train`.", required=True)
    define_path("output", "runs/detector/detector.tflite", ".tflite file to write.")
    app.run(main)
