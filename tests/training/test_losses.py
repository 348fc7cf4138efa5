"""Losses against values worked by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from evae_tf.models import response_maps
from evae_tf.training import losses

ALL = np.ones((2, 5), np.float32)


def _number(tensor):
    return float(ops.convert_to_numpy(tensor))


def test_wing_is_a_logarithm_near_zero_and_linear_far_away():
    true = np.zeros((2, 5, 2), np.float32)
    near = _number(losses.wing_loss(true + 0.01, true))
    assert near == pytest.approx(0.04 * math.log(1 + 0.01 / 0.008), rel=1e-5)
    far, further = (_number(losses.wing_loss(true + d, true)) for d in (0.2, 0.5))
    assert further - far == pytest.approx(0.3, rel=1e-4)
    assert _number(losses.wing_loss(true, true)) == 0


def test_wing_is_continuous_where_the_logarithm_ends():
    true = np.zeros((1, 5, 2), np.float32)
    below, above = (_number(losses.wing_loss(true + d, true)) for d in (0.04 - 1e-6, 0.04 + 1e-6))
    assert above - below == pytest.approx(0, abs=5e-6)


def test_squared_landmark_error_is_the_mean_over_coordinates():
    true = np.zeros((1, 2, 2), np.float32)
    predicted = np.float32([[[1, 2], [3, 4]]])
    assert _number(losses.squared_landmark_error(predicted, true)) == pytest.approx(30 / 4)


def test_map_squared_error_weights_the_foreground():
    labels = np.zeros((1, 2, 3, 1), np.float32)
    labels[0, 0, 0, 0] = 1.0
    maps = np.full((1, 2, 3, 1), 0.5, np.float32)
    # Every cell is off by 0.5: five background cells count 1, the foreground cell counts 7.
    expected = (5 * 0.25 + 7 * 0.25) / 6
    assert _number(
        losses.map_squared_error(maps, labels, 7.0, np.ones((1, 1), np.float32))
    ) == pytest.approx(expected)


def test_map_cross_entropy_of_uniform_logits_is_the_log_of_the_cells():
    labels = np.random.default_rng(0).uniform(0, 1, (2, 6, 4, 5)).astype(np.float32)
    logits = np.full((2, 6, 4, 5), 2.5, np.float32)
    loss = _number(losses.map_cross_entropy(logits, labels, ALL))
    assert loss == pytest.approx(math.log(24), rel=1e-5)


def test_map_cross_entropy_is_least_where_the_maps_are_the_labels():
    rng = np.random.default_rng(1)
    labels = rng.uniform(0.1, 1, (2, 6, 4, 5)).astype(np.float32)
    best = _number(losses.map_cross_entropy(np.log(labels), labels, ALL))
    mass = labels / labels.sum(axis=(1, 2), keepdims=True)
    entropy = -(mass * np.log(mass)).sum(axis=(1, 2)).mean()
    assert best == pytest.approx(entropy, rel=1e-4)
    for _ in range(5):
        other = np.log(labels) + rng.normal(0, 0.3, labels.shape).astype(np.float32)
        assert _number(losses.map_cross_entropy(other, labels, ALL)) > best


def test_a_map_whose_landmark_is_far_outside_counts_nothing():
    labels = np.zeros((1, 6, 4, 2), np.float32)
    labels[0, 3, 2, 0] = 1.0
    logits = np.random.default_rng(2).normal(size=labels.shape).astype(np.float32)
    both = np.ones((1, 2), np.float32)
    only_first = _number(losses.map_cross_entropy(logits[..., :1], labels[..., :1], both[:, :1]))
    loss = _number(losses.map_cross_entropy(logits, labels, both))
    assert loss == pytest.approx(only_first / 2)


def test_landmark_nll_is_the_closed_form_of_a_plane_gaussian():
    rng = np.random.default_rng(0)
    scale_tril = np.tril(rng.normal(size=(2, 5, 2, 2)))
    scale_tril[..., [0, 1], [0, 1]] = rng.uniform(0.5, 2, (2, 5, 2))
    predicted, true = rng.normal(size=(2, 2, 5, 2))
    covariance = scale_tril @ np.swapaxes(scale_tril, -1, -2)
    difference = (true - predicted)[..., None]
    square = np.swapaxes(difference, -1, -2) @ np.linalg.inv(covariance) @ difference
    density = np.exp(-square[..., 0, 0] / 2) / (2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    nll = losses.landmark_nll(*(a.astype(np.float32) for a in (predicted, scale_tril, true)))
    assert _number(nll) == pytest.approx(-np.log(density).mean(), rel=1e-5)


def test_visibility_loss_worked_by_hand():
    visibility, visible = np.float32([[0.9, 0.2]]), np.float32([[1.0, 0.0]])
    expected = -(math.log(0.9) + math.log(0.8)) / 2
    assert _number(losses.visibility_loss(visibility, visible)) == pytest.approx(expected, rel=1e-5)
    unknown = np.float32([[1.0, np.nan]])
    loss = _number(losses.visibility_loss(visibility, unknown))
    assert loss == pytest.approx(-math.log(0.9), rel=1e-5)


def _maps(true):
    return response_maps.gaussian_maps(true, 6, 4, 1.0)


FLAGS = [[1, 0, 0], [0, 1, 1]]

# Each loss of two faces with three points, as a function of the network's output.
LOSSES = {
    "wing": (lambda said, true: losses.wing_loss(said, true), (2, 3, 2)),
    "squared": (lambda said, true: losses.squared_landmark_error(said, true), (2, 3, 2)),
    "map_squared": (
        lambda said, true: losses.map_squared_error(said, _maps(true), 7.0, losses.annotated(true)),
        (2, 6, 4, 3),
    ),
    "map_cross_entropy": (
        lambda said, true: losses.map_cross_entropy(said, _maps(true), losses.annotated(true)),
        (2, 6, 4, 3),
    ),
    "nll": (
        lambda said, true: losses.landmark_nll(
            tf.fill((2, 3, 2), 0.4), tf.linalg.diag(tf.exp(said)), true
        ),
        (2, 3, 2),
    ),
    "visibility": (
        lambda said, true: losses.visibility_loss(
            tf.sigmoid(said), np.where(np.isnan(true[..., 0]), np.nan, np.float32(FLAGS))
        ),
        (2, 3),
    ),
}


def _loss_and_gradient(name, true):
    loss, shape = LOSSES[name]
    said = tf.Variable(np.random.default_rng(4).uniform(0.2, 0.8, shape).astype(np.float32))
    with tf.GradientTape() as tape:
        value = loss(said, tf.constant(true))
    return value.numpy(), tape.gradient(value, said).numpy()


def _point_first(name, gradient):
    """[B, K, ...]: maps have their points last."""
    return np.moveaxis(gradient, -1, 1) if name.startswith("map") else gradient


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_not_annotated_is_left_out_of_mean_and_gradient(name):
    true = np.random.default_rng(5).uniform(0.2, 0.8, (2, 3, 2)).astype(np.float32)
    whole, whole_gradient = _loss_and_gradient(name, true)
    partial = true.copy()
    partial[0, 1] = partial[1, 2] = np.nan
    loss, gradient = _loss_and_gradient(name, partial)
    gradient, whole_gradient = _point_first(name, gradient), _point_first(name, whole_gradient)
    left_out = np.isnan(partial[..., 0])
    assert np.isfinite(loss)
    assert loss != whole
    assert not gradient[left_out].any()
    # Four of six points remain: each has a share of the mean that is larger by a half.
    expected = 1.5 * whole_gradient[~left_out]
    np.testing.assert_allclose(gradient[~left_out], expected, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("name", LOSSES)
def test_where_nothing_is_annotated_losses_and_gradients_are_zero(name):
    loss, gradient = _loss_and_gradient(name, np.full((2, 3, 2), np.nan, np.float32))
    assert loss == 0
    np.testing.assert_array_equal(gradient, 0)
