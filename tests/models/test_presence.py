"""The presence head: it does not change the other outputs, and it learns."""

import keras
import numpy as np
import pytest

from evae_tf import markups
from evae_tf.config_text import override
from evae_tf.models.build import build_model
from recipes.presence import fitted, with_presence
from tests.training.test_train import small

MTFL = markups.MARKUPS["mtfl_5"]


@pytest.fixture(scope="module")
def model():
    """A new network without the head."""
    keras.utils.set_random_seed(0)
    return build_model(small(), MTFL)


@pytest.fixture(scope="module")
def images():
    return np.random.default_rng(0).random((3, 48, 48, 3), np.float32)


def numpy(outputs):
    return {name: keras.ops.convert_to_numpy(value) for name, value in outputs.items()}


@pytest.fixture(scope="module")
def unit(model, images):
    """An untrained kernel and bias."""
    _, seen = model.seen_by_presence(images)
    rng = np.random.default_rng(1)
    return rng.normal(0, 0.1, (seen.shape[1], 1)).astype(np.float32), np.float32([0.3])


def test_all_else_is_what_it_was(model, images, unit):
    before, after = numpy(model(images)), numpy(with_presence(model, *unit)(images))
    assert set(after) == {*before, "presence"}
    for name, value in before.items():
        np.testing.assert_array_equal(after[name], value)


def test_presence_is_the_logistic_of_what_the_head_sees(model, images, unit):
    landmarks, seen = (keras.ops.convert_to_numpy(part) for part in model.seen_by_presence(images))
    outputs = numpy(with_presence(model, *unit)(images))
    np.testing.assert_array_equal(landmarks, outputs["landmarks"])
    kernel, bias = unit
    expected = 1 / (1 + np.exp(-(seen @ kernel + bias)[:, 0]))
    assert outputs["presence"].shape == (3,)
    np.testing.assert_allclose(outputs["presence"], expected, atol=1e-6)


def test_a_head_is_replaced(model, images, unit):
    kernel, bias = unit
    headed = with_presence(model, *unit)
    again = with_presence(headed, -kernel, -bias)
    first, second = numpy(headed(images)), numpy(again(images))
    np.testing.assert_allclose(second.pop("presence"), 1 - first.pop("presence"), atol=1e-6)
    for name, value in first.items():
        np.testing.assert_array_equal(second[name], value)


def test_the_head_survives_a_file(model, images, unit, tmp_path):
    headed = with_presence(model, *unit)
    headed.save(tmp_path / "model.keras")
    read = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        numpy(read(images))["presence"], numpy(headed(images))["presence"]
    )


def test_a_network_without_uncertainty_can_have_it(images):
    bare = build_model(override(small(), ["uncertainty=false"]), MTFL)
    _, seen = bare.seen_by_presence(images)
    kernel = np.zeros((seen.shape[1], 1), np.float32)
    outputs = numpy(with_presence(bare, kernel, np.float32([0]))(images))
    np.testing.assert_allclose(outputs["presence"], 0.5)


def test_the_unit_learns_what_tells_faces(capsys):
    """One of six inputs is informative, at another scale; one is constant except once."""
    rng = np.random.default_rng(0)
    is_face = (rng.random(4000) < 0.4).astype(np.float32)
    seen = rng.normal(0, [1, 10, 0.1, 1, 1, 1e-9], (4000, 6)).astype(np.float32)
    seen[:, 1] += 5 + 40 * is_face
    kernel, bias = fitted(seen, is_face, seed=0)
    told = (seen @ kernel + bias)[:, 0] > 0
    assert np.mean(told == is_face) > 0.97
    freak = np.append(seen[0, :5], 1.0) @ kernel[:, 0] - seen[0] @ kernel[:, 0]
    assert abs(freak) < 10
    assert "area under the ROC curve 0.99" in capsys.readouterr().out
