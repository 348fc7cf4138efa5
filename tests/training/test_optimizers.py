"""Averaged weights; Muon compared with singular values and, for other weights, AdamW."""

import keras
import numpy as np
import pytest
from keras import ops

from evae_tf.training.optimizers import AveragedAdamW, AveragedMuon


def _optimizer(**options):
    return AveragedMuon(
        **{"learning_rate": 0.1, "weight_decay": 0.0, "adam_weight_decay": 0.0, **options}
    )


def _stepped(optimizer, start, gradients, name="kernel"):
    """The variable's values after steps along the gradients."""
    variable = keras.Variable(np.float32(start), name=name)
    optimizer.build([variable])
    for gradient in gradients:
        optimizer.apply([ops.convert_to_tensor(np.float32(gradient))], [variable])
    return ops.convert_to_numpy(variable.value)


def test_averaged_weights_follow_the_stated_recursion():
    start = np.float32([1.0, -2.0])
    variable = keras.Variable(start)
    optimizer = AveragedAdamW(learning_rate=0.1, weight_decay=0.0, use_ema=True, ema_momentum=0.5)
    optimizer.build([variable])
    path = []
    for _ in range(12):
        optimizer.apply([ops.convert_to_tensor(np.float32([1.0, 0.5]))], [variable])
        path.append(ops.convert_to_numpy(variable.value).astype(np.float64))
    average = path[0]
    for step in range(2, 13):
        average = average + (1 - min(0.5, (1 + step) / (10 + step))) * (path[step - 1] - average)
    target = keras.Variable(np.zeros(2, np.float32))
    optimizer.finalize_variable_values([target])
    np.testing.assert_allclose(ops.convert_to_numpy(target.value), average, rtol=1e-5)
    np.testing.assert_array_equal(ops.convert_to_numpy(variable.value), path[-1])


def test_the_first_step_of_a_convolution_is_worked_by_hand():
    """Compared with the exact decomposition, up to the spread of the singular values."""
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
    """The second step has the singular vectors of the Nesterov momentum, worked by hand.

    The momentum is first G1, then 0.95 G1 + G2; the step uses 0.95 of that plus G2. Another
    coefficient mixes G1 and G2 differently and has other singular vectors.
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
    [((5,), {}), ((6, 4), {"exclude_layers": ["^ker"]})],
    ids=["a bias", "a last layer"],
)
def test_what_is_no_hidden_kernel_is_left_to_adamw(shape, options):
    rng = np.random.default_rng(0)
    start, *gradients = rng.normal(size=(4, *shape))
    adamw = AveragedAdamW(learning_rate=0.1, weight_decay=0.0)
    expected = _stepped(adamw, start, gradients)
    np.testing.assert_array_equal(_stepped(_optimizer(**options), start, gradients), expected)
    if len(shape) > 1:
        assert np.abs(_stepped(_optimizer(), start, gradients) - expected).max() > 0.01


def test_its_settings_survive():
    optimizer = _optimizer(exclude_layers=["head"], use_ema=True, ema_momentum=0.9)
    copy = AveragedMuon.from_config(optimizer.get_config())
    assert copy.get_config() == optimizer.get_config()
    assert copy.exclude_layers == ["head"]
