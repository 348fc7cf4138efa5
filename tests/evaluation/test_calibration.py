"""Calibration: random errors of known covariance, and cases worked by hand."""

import numpy as np
import pytest

from evae_tf.evaluation import calibration


@pytest.fixture(scope="module")
def drawn():
    """(errors [300, 40, 2], their true covariances)."""
    rng = np.random.default_rng(0)
    scale_tril = np.tril(rng.normal(size=(300, 40, 2, 2)))
    scale_tril[..., [0, 1], [0, 1]] = rng.uniform(0.5, 3, (300, 40, 2))
    errors = (scale_tril @ rng.normal(size=(300, 40, 2, 1)))[..., 0]
    return errors, scale_tril @ np.swapaxes(scale_tril, -1, -2)


@pytest.mark.parametrize("level", [0.1, *calibration.LEVELS])
def test_ellipses_of_the_true_covariance_hold_what_they_promise(drawn, level):
    distance = calibration.mahalanobis(*drawn)
    assert calibration.coverage(distance, level) == pytest.approx(level, abs=0.012)


def test_mahalanobis_counts_deviations_along_the_axes():
    covariance = np.float64([[4, 0], [0, 9]])
    assert calibration.mahalanobis([2.0, 0.0], covariance) == pytest.approx(1)
    assert calibration.mahalanobis([2.0, 3.0], covariance) == pytest.approx(np.sqrt(2))


@pytest.mark.parametrize("factor", [0.04, 1.0, 25.0])
def test_the_factor_that_was_taken_away_is_found_again(drawn, factor):
    errors, covariance = drawn
    found = calibration.deviation_factor(errors, covariance / factor**2)
    assert found == pytest.approx(factor, rel=0.025)


def test_no_other_factor_keeps_the_worst_promise_better():
    """On errors with heavy tails, which no factor calibrates at every level."""
    errors = np.random.default_rng(2).standard_t(3, (4000, 2))
    covariance = np.tile(np.eye(2), (4000, 1, 1))
    distance = np.linalg.norm(errors, axis=-1)  # in units of a circle of radius 1

    def worst(factor):
        shares = [
            np.mean(distance < factor * np.sqrt(-2 * np.log(1 - p))) for p in calibration.LEVELS
        ]
        return np.abs(np.subtract(shares, calibration.LEVELS)).max()

    found = calibration.deviation_factor(errors, covariance)
    assert worst(found) <= min(worst(found * other) for other in (0.8, 0.95, 0.97, 1.03, 1.05, 1.2))
    assert worst(found) < 0.07


def test_nll_is_the_entropy_of_the_true_gaussian_and_grows_off_it(drawn):
    errors, covariance = drawn
    entropy = 1 + np.log(2 * np.pi) + 0.5 * np.mean(np.log(np.linalg.det(covariance)))
    assert calibration.gaussian_nll(errors, covariance) == pytest.approx(entropy, abs=0.03)
    for wrong in (0.5, 2.0):
        assert calibration.gaussian_nll(errors, wrong * covariance) > entropy + 0.1


def test_spread_is_the_radius_of_a_circle():
    assert calibration.spread(np.diag([0.25, 0.25])) == pytest.approx(0.5)
    assert calibration.spread(np.diag([4.0, 1.0])) == pytest.approx(np.sqrt(2))


def test_rank_correlation_cares_for_order_alone():
    assert calibration.rank_correlation([[1, 2], [3, 4]], [[1, 4], [9, 100]]) == pytest.approx(1)
    assert calibration.rank_correlation([1, 2, 3], [3, 2, 1]) == pytest.approx(-1)
    assert calibration.rank_correlation([2, 2, 2], [3, 2, 1]) is None
    assert calibration.rank_correlation([3, 2, 1], [2, 2, 2]) is None


def test_the_error_of_the_surest_leaves_out_the_widest():
    errors, spreads = np.float64([1, 2, 3, 10]), np.float64([4, 1, 2, 9])
    assert calibration.error_of_surest(errors, spreads, 0.75) == pytest.approx(2)
    assert calibration.error_of_surest(errors, spreads, 1.0) == pytest.approx(4)


def test_average_precision_worked_by_hand():
    # Ranked yes, no, yes: precision 1 at the first positive, 2/3 at the second.
    assert calibration.average_precision([0.9, 0.8, 0.7], [1, 0, 1]) == pytest.approx(5 / 6)
    assert calibration.average_precision([0.9, 0.1], [1, 0]) == 1
    # Uninformative scores: the share of positives.
    assert calibration.average_precision(np.zeros(8), [1, 0, 0, 0, 1, 0, 0, 0]) == 0.25
    assert calibration.average_precision([0.5], [0]) is None


def test_errors_of_points_that_are_not_annotated_are_left_out(drawn):
    """Every number equals that of the other points alone, passed as a list."""
    errors, covariance = drawn
    known = np.random.default_rng(3).random(errors.shape[:2]) < 0.7
    absent = np.where(known[..., None], errors, np.nan)
    others, theirs = errors[known], covariance[known]
    distance = calibration.mahalanobis(absent, covariance)
    np.testing.assert_array_equal(np.isnan(distance), ~known)
    np.testing.assert_allclose(distance[known], calibration.mahalanobis(others, theirs))
    for level in calibration.LEVELS:
        found = calibration.coverage(distance, level)
        assert found == calibration.coverage(distance[known], level)
    for function in (calibration.gaussian_nll, calibration.deviation_factor):
        assert function(absent, covariance) == pytest.approx(function(others, theirs), rel=1e-12)


def test_ranks_and_the_surest_leave_them_out_too():
    errors, spreads = [1.0, np.nan, 3.0, 2.0], [1.0, 0.5, 9.0, 4.0]
    assert calibration.rank_correlation(spreads, errors) == pytest.approx(1)
    assert calibration.error_of_surest(errors, spreads, 2 / 3) == pytest.approx(1.5)
