"""One factor for all deviations serves several kinds of faces."""

import numpy as np
import pytest

from evae_tf.evaluation import calibration
from recipes import calibrate


def distances(factor, count, seed):
    """Mahalanobis distances of errors whose deviations are predicted too small by a factor."""
    errors = np.random.default_rng(seed).normal(0, factor, (count, 2))
    return calibration.mahalanobis(errors, np.broadcast_to(np.eye(2), (count, 2, 2)))


def test_the_factor_is_exact_for_faces_of_one_kind():
    assert calibrate.even_factor([distances(1.3, 20_000, 0)]) == pytest.approx(1.3, rel=0.02)


def test_a_kind_of_few_points_counts_as_much_as_one_of_many():
    kinds = [distances(0.9, 50_000, 1), distances(1.2, 2_000, 2)]
    kinds[1][::7] = np.nan  # not annotated
    factor = calibrate.even_factor(kinds)
    many, few = (calibration.coverage(kind / factor, 0.9) - 0.9 for kind in kinds)
    assert many > 0 > few
    assert many == pytest.approx(-few, abs=0.01)
