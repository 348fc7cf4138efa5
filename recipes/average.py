"""The mean of the weights of models that were trained on from one, as a model.

Trained apart for a while, they lie around the same minimum, and their mean is nearer to it.

`python -m recipes.average DIR/300w mean.keras a/model.keras b/model.keras ...`

The validation faces of 300-W tell how wide its ellipses have to be, as at the end of a training.

Source: Wortsman et al., Model soups, ICML 2022.
"""

import sys
from pathlib import Path

import numpy as np

from evae_tf import atomic, keras_file
from evae_tf.callbacks import Validation
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.metadata import ModelMetadata


def main(data, output, *paths):
    """Writes the mean of the models at `paths`; prints the validation error of each and of it."""
    models = [keras_file.load_keras_model(path) for path in paths]
    validation = _validation(models[0], data)
    for path, model in zip(paths, models, strict=True):
        print(f"{path}: {validation.nme(validation.predict(model)):.3%}")
    mean = average(models)
    outputs = validation.predict(mean)
    mean.uncertainty.calibrate(validation.deviation_factor(outputs))
    with atomic.replacing_file(output) as temporary:
        mean.save(temporary)
    print(f"{output}: {validation.nme(outputs):.3%}")


def average(models):
    """Gives the first of the models the mean of all their weights, and returns it.

    Raises:
      ValueError: the models are of different architectures.
    """
    weights = [model.get_weights() for model in models]
    shapes = [[weight.shape for weight in own] for own in weights]
    if shapes.count(shapes[0]) != len(shapes):
        raise ValueError("the models differ in their weights' shapes: no mean of them is a model.")
    mean = [np.mean(parts, axis=0).astype(parts[0].dtype) for parts in zip(*weights, strict=True)]
    models[0].set_weights(mean)
    return models[0]


def _validation(model, data):
    metadata = ModelMetadata.from_dict(model.metadata, "the first model")
    faces = datasets.read_faces("300w", Path(data), "val")
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    return Validation(faces, metadata.markup, crops)


if __name__ == "__main__":
    main(*sys.argv[1:])
