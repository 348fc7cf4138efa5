"""The One-Euro filter against closed forms, and its effect on jitter and lag."""

import math

import numpy as np
import pytest

from evae_tf.align.smoothing import OneEuroFilter, face_size

SIZE = 80.0


def run(smooth, series, rate=25.0, covariance=None):
    return np.stack([smooth(x, t / rate, SIZE, covariance) for t, x in enumerate(series)])


def test_at_rest_it_is_an_exponential_low_pass():
    """A step response by hand: without speed weight, the gap shrinks by one factor per frame."""
    series = np.zeros((12, 3, 2))
    series[1:] = [8.0, -4.0]
    smoothed = run(OneEuroFilter(min_cutoff_hz=1.5, speed_weight=0.0), series)
    share = 1 / (1 + 25.0 / (2 * math.pi * 1.5))
    expected = 1 - (1 - share) ** np.arange(12)
    np.testing.assert_allclose(smoothed[:, 1, 0], 8 * expected, rtol=1e-5)
    np.testing.assert_allclose(smoothed[:, 2, 1], -4 * expected, rtol=1e-5)


def test_trembling_shrinks_and_the_mean_stays():
    rng = np.random.default_rng(0)
    place = rng.uniform(0, 200, (68, 2))
    series = place + rng.normal(0, 0.5, (200, 68, 2))
    smoothed = run(OneEuroFilter(), series)[50:]
    moves, before = (np.abs(np.diff(x, axis=0)).mean() for x in (smoothed, series[50:]))
    assert moves < 0.5 * before
    assert np.abs(smoothed.mean(axis=0) - place).max() < 0.3


def test_a_fast_move_is_followed_closer_with_speed_weight():
    series = np.linspace([0, 0], [400, 100], 50)[:, None] * np.ones((1, 5, 1))
    gaps = [
        np.linalg.norm(run(OneEuroFilter(1.0, weight), series)[-1] - series[-1], axis=-1).mean()
        for weight in (0.0, 5.0, 50.0)
    ]
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]


def test_size_of_the_face_does_not_matter():
    rng = np.random.default_rng(1)
    series = rng.normal(0, 3, (20, 4, 2)).cumsum(axis=0)
    near = run(OneEuroFilter(), series)
    smooth = OneEuroFilter()
    far = np.stack([smooth(x / 4, t / 25, SIZE / 4) for t, x in enumerate(series)])
    np.testing.assert_allclose(near, far * 4, rtol=1e-4, atol=1e-4)


def test_sure_landmarks_are_filtered_less():
    covariance = np.eye(2) * (0.015 * SIZE) ** 2 * np.array([0.25, 1, 4])[:, None, None]
    series = np.zeros((2, 3, 2))
    series[1] = 1.0
    weighted = OneEuroFilter(1.0, 0.0, typical_deviation=0.015)
    moved = run(weighted, series, covariance=covariance)[1, :, 0]
    assert moved[0] > moved[1] > moved[2]
    plain = run(OneEuroFilter(1.0, 0.0), series)[1, 1, 0]
    assert moved[1] == pytest.approx(plain, rel=1e-5)


def test_a_clock_that_stands_or_goes_back_starts_anew():
    smooth = OneEuroFilter()
    smooth(np.zeros((2, 2)), 1.0, SIZE)
    there = np.full((2, 2), 9.0)
    np.testing.assert_array_equal(smooth(there, 1.0, SIZE), there)
    np.testing.assert_array_equal(smooth(there + 1, 0.5, SIZE), there + 1)


def test_the_size_of_a_face_by_hand():
    """3 to 11 pixels across, 2 to 20 down: the root of 8 x 18."""
    points = np.float32([[3, 5], [11, 2], [7, 20], [8, 8]])
    assert face_size(points) == pytest.approx(12)
    unknown = np.float32([[np.nan, np.nan]])
    assert face_size(np.concatenate([points, unknown])) == pytest.approx(12)
    assert face_size(10 * points - 99) == pytest.approx(120)
    assert face_size([[10, 9], [30, 9]]) == 1  # two level eyes
