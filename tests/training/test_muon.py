"""Muon against the singular value decomposition, and against AdamW where it hands over."""

import keras
import numpy as np
import pytest
from keras import ops

from evae_tf.training.averaging import AveragedAdamW
from evae_tf.training.muon import AveragedMuon, orthogonalize


def _optimizer(**options):
    settings = {"averaging_momentum": 0.5, "learning_rate": 0.1, "weight_decay": 0.0}
    return AveragedMuon(**{**settings, **options})


def _stepped(optimizer, start, gradients, name="kernel"):
    """The variable's values after steps along the gradients."""
    variable = keras.Variable(np.float32(start), name=name)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(np.float32(gradient))], [variable])
    return ops.convert_to_numpy(variable.value)


@pytest.mark.parametrize("shape", [(7, 24), (40, 12), (9, 9)])
def test_an_orthogonalized_matrix_keeps_its_singular_vectors(shape):
    matrix = np.random.default_rng(0).normal(size=shape).astype(np.float32) * 30
    u, _, vt = np.linalg.svd(matrix, full_matrices=False)
    result = ops.convert_to_numpy(orthogonalize(ops.convert_to_tensor(matrix)))
    in_their_frame = u.T @ result @ vt.T
    values = np.diag(in_their_frame)
    assert values.min() > 0.6
    assert values.max() < 1.25
    np.testing.assert_allclose(in_their_frame, np.diag(values), atol=1e-3)


def test_the_first_step_of_a_convolution_is_worked_by_hand():
    """From the exact decomposition: only the spread of the singular values is between them."""
    shape = (3, 3, 4, 8)
    start, gradient = np.random.default_rng(0).normal(size=(2, *shape))
    moved = _stepped(_optimizer(), start, [gradient]) - start
    u, _, vt = np.linalg.svd(gradient.reshape(36, 8), full_matrices=False)
    expected = -0.1 * 0.2 * np.sqrt(36) * (u @ vt)
    cosine = np.sum(moved.reshape(36, 8) * expected)
    cosine /= np.linalg.norm(moved) * np.linalg.norm(expected)
    assert cosine > 0.97
    assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(expected), rel=0.25)


def test_steps_remember_the_gradients_before():
    """The second step has the singular vectors of what is looked ahead to, worked by hand.

    The memory is first G1, then 0.95 G1 + G2; 0.95 of that and G2 once more are looked ahead to.
    Another momentum mixes G1 and G2 differently: other singular vectors.
    """
    start, first, second = np.random.default_rng(0).normal(size=(3, 6, 4))
    once = _stepped(_optimizer(), start, [first])
    moved = _stepped(_optimizer(), start, [first, second]) - once
    u, _, vt = np.linalg.svd(0.95 * (0.95 * first + second) + second, full_matrices=False)
    in_their_frame = u.T @ moved @ vt.T / (-0.1 * 0.2 * np.sqrt(6))
    values = np.diag(in_their_frame)
    assert values.min() > 0.6
    assert values.max() < 1.25
    np.testing.assert_allclose(in_their_frame, np.diag(values), atol=1e-3)


@pytest.mark.parametrize(
    ("shape", "options"),
    [((5,), {}), ((6, 4), {"adamw_layers": ["^ker"]})],
    ids=["a bias", "a last layer"],
)
def test_what_is_no_hidden_kernel_is_left_to_adamw(shape, options):
    rng = np.random.default_rng(0)
    start, *gradients = rng.normal(size=(4, *shape))
    adamw = AveragedAdamW(averaging_momentum=0.5, learning_rate=0.1, weight_decay=0.0)
    expected = _stepped(adamw, start, gradients)
    np.testing.assert_array_equal(_stepped(_optimizer(**options), start, gradients), expected)
    if len(shape) > 1:
        assert np.abs(_stepped(_optimizer(), start, gradients) - expected).max() > 0.01


def test_its_settings_survive():
    optimizer = _optimizer(adamw_layers=["head"])
    copy = AveragedMuon.from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()
    assert copy.adamw_layers == ("head",)
