"""Wider networks with the outputs of the narrower one."""

import keras
import numpy as np

from evae_tf import markups
from evae_tf.artifacts import keras_file
from evae_tf.models.build import build_model
from recipes.widen import widen
from tests.training.test_train import small

MTFL = markups.MARKUPS["mtfl_5"]


def test_landmarks_and_maps_are_those_of_the_narrower_network(tmp_path):
    keras.utils.set_random_seed(3)
    narrow = small()
    source = build_model(narrow, MTFL)
    rng = np.random.default_rng(0)
    for weight in source.weights:
        if weight.dtype == "float32" and not weight.path.endswith("variance"):
            weight.assign(weight + rng.normal(0, 0.05, weight.shape))
    source.save(tmp_path / "narrow.keras")
    wide = small(
        encoder_filters=tuple(width + 5 for width in narrow.encoder_filters),
        decoder_filters=tuple(width + 3 for width in narrow.decoder_filters),
    )
    target = build_model(wide, MTFL)
    new = widen(keras_file.load_model(tmp_path / "narrow.keras"), target)
    assert new == []
    images = rng.uniform(0, 1, (3, narrow.input_size, narrow.input_size, 3)).astype(np.float32)
    expected, found = (model.predict(images, verbose=0) for model in (source, target))
    np.testing.assert_allclose(found["landmarks"], expected["landmarks"], atol=1e-4)
    np.testing.assert_allclose(found["response_maps"], expected["response_maps"], atol=1e-4)
    assert target.count_params() > 1.2 * source.count_params()
