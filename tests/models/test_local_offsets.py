"""Local offsets: what is seen where a map is high."""

import keras
import numpy as np
import pytest

from evae_tf.markups import MARKUPS
from evae_tf.models.build import build_model
from evae_tf.models.local_offsets import LocalOffsets
from evae_tf.training.transfer import copy_weights
from tests.models.test_models import small


@pytest.fixture
def layer():
    keras.utils.set_random_seed(0)
    layer = LocalOffsets(3, 4, offset_unit=0.1)
    layer.build((None, 6, 5, 7), (None, 6, 5, 3))
    rng = np.random.default_rng(0)
    layer.kernel.assign(rng.normal(size=(3, 4, 2)))
    layer.bias.assign(rng.normal(size=(3, 2)))
    return layer


def test_offsets_worked_by_hand(layer):
    """A map with two cells sees the mean of the fields there, weighted by the map."""
    rng = np.random.default_rng(1)
    features = np.float32(rng.normal(size=(1, 6, 5, 7)))
    maps = np.zeros((1, 6, 5, 3), np.float32)
    maps[0, 2, 1, 0] = 5.0
    maps[0, 0, 4, 1], maps[0, 3, 3, 1] = 1.0, 3.0
    maps[..., 2] = -1.0  # a map without positive cells sees nothing
    found = keras.ops.convert_to_numpy(layer(features, maps))[0]
    fields = keras.ops.convert_to_numpy(layer.fields(features))[0]
    seen = np.stack([fields[2, 1], 0.25 * fields[0, 4] + 0.75 * fields[3, 3], np.zeros(4)], axis=0)
    kernel, bias = (keras.ops.convert_to_numpy(each) for each in (layer.kernel, layer.bias))
    expected = 0.1 * (np.einsum("kc,kcd->kd", seen, kernel) + bias)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_model_that_gains_local_offsets_predicts_the_same_until_it_trains():
    keras.utils.set_random_seed(0)
    bare = build_model(small(), MARKUPS["mtfl_5"])
    grown = build_model(small(local_channels=6), MARKUPS["mtfl_5"])
    assert copy_weights(bare, grown) == [
        "local_offsets", "local_offsets/fields/convolution", "local_offsets/fields/norm"
    ]  # fmt: skip
    images = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    before, after = (model(images, training=False) for model in (bare, grown))
    np.testing.assert_allclose(after["landmarks"], before["landmarks"], atol=1e-6)
