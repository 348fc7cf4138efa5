"""Losses against values worked by hand."""

import math

import numpy as np
import pytest
from keras import ops

from evae_tf.training import losses


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
    assert _number(losses.map_squared_error(maps, labels, 7.0)) == pytest.approx(expected)


def test_map_cross_entropy_of_uniform_logits_is_the_log_of_the_cells():
    labels = np.random.default_rng(0).uniform(0, 1, (2, 6, 4, 5)).astype(np.float32)
    logits = np.full((2, 6, 4, 5), 2.5, np.float32)
    loss = _number(losses.map_cross_entropy(logits, labels))
    assert loss == pytest.approx(math.log(24), rel=1e-5)


def test_map_cross_entropy_is_least_where_the_maps_are_the_labels():
    rng = np.random.default_rng(1)
    labels = rng.uniform(0.1, 1, (2, 6, 4, 5)).astype(np.float32)
    best = _number(losses.map_cross_entropy(np.log(labels), labels))
    mass = labels / labels.sum(axis=(1, 2), keepdims=True)
    entropy = -(mass * np.log(mass)).sum(axis=(1, 2)).mean()
    assert best == pytest.approx(entropy, rel=1e-4)
    for _ in range(5):
        other = np.log(labels) + rng.normal(0, 0.3, labels.shape).astype(np.float32)
        assert _number(losses.map_cross_entropy(other, labels)) > best


def test_a_map_whose_landmark_is_far_outside_counts_nothing():
    labels = np.zeros((1, 6, 4, 2), np.float32)
    labels[0, 3, 2, 0] = 1.0
    logits = np.random.default_rng(2).normal(size=labels.shape).astype(np.float32)
    only_first = _number(losses.map_cross_entropy(logits[..., :1], labels[..., :1]))
    assert _number(losses.map_cross_entropy(logits, labels)) == pytest.approx(only_first / 2)


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
