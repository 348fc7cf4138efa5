"""Averages the weights of several trainings, which is a little better than each of them.

  python -m recipes.soup --models=a/model.keras,b/model.keras --output=soup.keras --dataset=300w
    --data_dir=DIR/300w

All layers of all trainings must start from the same weights, for example with another `--seed`.
Layers that were re-initialised do not lie in one loss basin, and their mean is useless. A network
and its fine-tuned version can be mixed, too (`--shares=0.3,0.7`): the mean keeps most of the
accuracy of each on its own data. The covariance is recalibrated on the validation faces.

Source: Wortsman et al., Model soups: averaging weights of multiple fine-tuned models improves
accuracy without increasing inference time, ICML 2022; for two data sets, Wortsman et al., Robust
fine-tuning of zero-shot models, CVPR 2022.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from keras import ops

from evae_tf import atomic
from evae_tf.artifacts import keras_file
from evae_tf.cli import data_flags
from evae_tf.cli.path_flags import define_path, define_paths
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError
from evae_tf.metadata import ModelMetadata
from evae_tf.training.callbacks import Validation

FLAGS = flags.FLAGS
define_paths("models", None, ".keras files to average.", required=True)
define_path("output", None, ".keras file to write.", required=True)
flags.DEFINE_list("shares", None, "Weight of each model; equal by default.")


def average(models: Sequence[Any], shares: Sequence[float] | None = None) -> Any:
    """Sets the weights of the first model to the mean over all models, and returns it.

    Args:
      models: at least one.
      shares: weight of each model; None for equal weights.

    Raises:
      InputError: the architectures differ, or the number of shares is wrong.
    """
    first, *others = models
    if shares is not None and len(shares) != len(models):
        raise InputError(f"found {len(shares)} shares for {len(models)} models, expected one each.")
    shapes = [[weight.shape for weight in model.weights] for model in models]
    if any(other != shapes[0] for other in shapes):
        raise InputError("the models' weights differ in shape, expected one architecture.")
    for weight, *same in zip(first.weights, *(other.weights for other in others), strict=True):
        if weight.dtype == "float32":  # excludes the states of random generators
            values = [ops.convert_to_numpy(value) for value in (weight, *same)]
            weight.assign(np.average(values, axis=0, weights=shares))
    return first


def main(_: list[str]) -> None:
    """Prints the error of each model and of their mean."""
    models = [keras_file.load_model(path) for path in FLAGS.models]
    metadata = ModelMetadata.from_dict(models[0].metadata, FLAGS.models[0])
    faces = data_flags.read_training_faces()[1]
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    validation = Validation(faces, crops)
    for path, model in zip(FLAGS.models, models, strict=True):
        print(f"{path}: {100 * validation.nme(validation.predict(model)):.2f} %")
    soup = average(models, [float(share) for share in FLAGS.shares] if FLAGS.shares else None)
    outputs = validation.predict(soup)
    if "covariance" in outputs:
        soup.uncertainty.calibrate(validation.deviation_factor(outputs))
    output = Path(FLAGS.output)
    atomic.make_folder(output.parent)
    with atomic.replacing_file(output) as temporary:
        soup.save(temporary)
    print(f"mean of their weights: {100 * validation.nme(outputs):.2f} %: {output}")


if __name__ == "__main__":
    app.run(main)
