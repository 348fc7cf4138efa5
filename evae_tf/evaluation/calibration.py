"""Calibration of predicted uncertainties: exact formulas in NumPy.

A predicted covariance is that of a Gaussian around the predicted landmark. On the ellipse that
should contain the truth with probability p, the Mahalanobis distance is sqrt(-2 ln(1 - p)), the
quantile of a chi distribution with two degrees of freedom.

The error of a landmark that is not annotated is NaN and is left out.
"""

import numpy as np
import numpy.typing as npt

from evae_tf.array_types import FloatArray

LEVELS = (0.5, 0.8, 0.9, 0.95)


def ellipse_radius(level: float) -> float:
    """Mahalanobis radius of the ellipse that contains the truth with probability `level`."""
    return float(np.sqrt(-2 * np.log1p(-level)))


def mahalanobis(errors: npt.ArrayLike, covariance: npt.ArrayLike) -> FloatArray:
    """Mahalanobis distance of each landmark from the truth, in standard deviations.

    Args:
      errors: float [..., 2], predicted minus true; NaN for a landmark that is not annotated.
      covariance: float [..., 2, 2], in the unit of `errors` squared, positive definite.

    Returns:
      float [...]; NaN for a landmark that is not annotated.
    """
    errors = np.asarray(errors, np.float64)[..., None]
    solved = np.linalg.solve(np.asarray(covariance, np.float64), errors)
    return np.sqrt(np.sum(errors * solved, axis=(-2, -1)))


def coverage(distance: FloatArray, level: float) -> float:
    """Share of landmarks inside their ellipse of probability `level`; see `mahalanobis`."""
    return float(np.mean(distance[~np.isnan(distance)] <= ellipse_radius(level)))


def gaussian_nll(errors: npt.ArrayLike, covariance: npt.ArrayLike) -> float:
    """Mean negative log-likelihood of the errors, in nats per landmark.

    Arguments as for `mahalanobis`. The value depends on the unit of length: it is 2 log(s) larger
    if all lengths are s times larger.
    """
    _, log_determinant = np.linalg.slogdet(np.asarray(covariance, np.float64))
    square = mahalanobis(errors, covariance) ** 2
    return float(np.nanmean(square + log_determinant) / 2 + np.log(2 * np.pi))


def deviation_factor(errors: npt.ArrayLike, covariance: npt.ArrayLike) -> float:
    """The factor of all standard deviations that calibrates the ellipses.

    It minimises the largest difference between `coverage` and level over `LEVELS`. Arguments as
    for `mahalanobis`.

    Returns:
      float > 0.
    """
    distance = mahalanobis(errors, covariance)

    def miscalibration(factor: float) -> float:
        scaled = distance / factor
        return max(abs(coverage(scaled, level) - level) for level in LEVELS)

    # The objective is piecewise constant: a grid search in steps of 1 % around the factor that
    # calibrates the median, instead of gradient descent.
    start = np.nanmedian(distance) / ellipse_radius(0.5)
    return float(min(start * np.exp(np.arange(-1, 1, 0.01)), key=miscalibration))


def spread(covariance: npt.ArrayLike) -> FloatArray:
    """The size of each ellipse: the geometric mean of its two standard deviations."""
    return np.linalg.det(np.asarray(covariance, np.float64)) ** 0.25


def rank_correlation(spreads: npt.ArrayLike, errors: npt.ArrayLike) -> float | None:
    """Spearman's rank correlation over all landmarks: 1 if a larger spread always has more error.

    None if all spreads or all errors are equal.
    """
    from scipy import stats  # takes half a second to import

    errors, spreads = _known(errors, spreads)
    if np.ptp(spreads) == 0 or np.ptp(errors) == 0:
        return None
    return float(stats.spearmanr(spreads, errors).statistic)


def error_of_surest(errors: npt.ArrayLike, spreads: npt.ArrayLike, share: float) -> float:
    """Mean error of the `share` of landmarks with the smallest spread."""
    errors, spreads = _known(errors, spreads)
    kept = np.argsort(spreads, kind="stable")[: max(1, round(share * len(errors)))]
    return float(np.mean(errors[kept]))


def _known(errors: npt.ArrayLike, spreads: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as float [M], without entries whose error is NaN."""
    errors, spreads = np.ravel(errors), np.ravel(spreads)
    known = ~np.isnan(errors)
    return errors[known], spreads[known]


def average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float | None:
    """Area under the precision-recall curve, as the mean of the precision at each positive.

    Args:
      scores: float [...]; a larger score means more likely positive.
      positive: bool [...].

    Returns:
      float within [0, 1]; equal scores share one threshold; None if nothing is positive.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010, with every
    positive as a recall level.
    """
    scores, positive = np.ravel(scores), np.ravel(positive).astype(bool)
    if not positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(positive[order])
    # Equal scores have one threshold: the last rank of each group counts for the whole group.
    last = np.searchsorted(-scores[order], -scores[order], side="right") - 1
    precision = found[last] / (last + 1)
    return float(np.mean(precision[positive[order]]))
