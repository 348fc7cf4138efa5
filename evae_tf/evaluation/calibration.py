"""How well calibrated predicted uncertainties are: exact formulas in NumPy.

A predicted covariance is read as that of a Gaussian around the predicted landmark. The ellipse
that should hold the truth with probability p is where the Mahalanobis distance is
sqrt(-2 ln(1 - p)), the quantile of a chi distribution with two degrees of freedom.

An error that is NaN is that of a landmark that is not annotated: it is left out.
"""

import numpy as np
import numpy.typing as npt

from evae_tf.array_types import FloatArray

LEVELS = (0.5, 0.8, 0.9, 0.95)


def ellipse_radius(level: float) -> float:
    """Mahalanobis radius of the ellipse that holds the truth with probability `level`."""
    return float(np.sqrt(-2 * np.log1p(-level)))


def mahalanobis(errors: npt.ArrayLike, covariance: npt.ArrayLike) -> FloatArray:
    """How many standard deviations off each landmark is.

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
    """Mean negative log-likelihood of the errors, in nats for each landmark.

    Arguments as for `mahalanobis`; the value falls by 2 log(s) when all lengths grow s times.
    """
    _, log_determinant = np.linalg.slogdet(np.asarray(covariance, np.float64))
    square = mahalanobis(errors, covariance) ** 2
    return float(np.nanmean(square + log_determinant) / 2 + np.log(2 * np.pi))


def deviation_factor(errors: npt.ArrayLike, covariance: npt.ArrayLike) -> float:
    """The number that all standard deviations are multiplied by to calibrate the ellipses.

    It makes the largest difference between `coverage` and level smallest, over `LEVELS`.
    Arguments as for `mahalanobis`.

    Returns:
      float > 0.
    """
    distance = mahalanobis(errors, covariance)

    def miscalibration(factor: float) -> float:
        scaled = distance / factor
        return max(abs(coverage(scaled, level) - level) for level in LEVELS)

    # A staircase: searched in steps of 1 % around what the median asks for, not by descent.
    start = np.nanmedian(distance) / ellipse_radius(0.5)
    return float(min(start * np.exp(np.arange(-1, 1, 0.01)), key=miscalibration))


def spread(covariance: npt.ArrayLike) -> FloatArray:
    """One number for the size of each ellipse: the geometric mean of its standard deviations."""
    return np.linalg.det(np.asarray(covariance, np.float64)) ** 0.25


def rank_correlation(spreads: npt.ArrayLike, errors: npt.ArrayLike) -> float | None:
    """Spearman's, over all landmarks of all faces: 1 if a larger spread always means more error.

    None where all spreads or all errors are equal.
    """
    from scipy import stats  # takes half a second to import

    errors, spreads = _known(errors, spreads)
    if np.ptp(spreads) == 0 or np.ptp(errors) == 0:
        return None
    return float(stats.spearmanr(spreads, errors).statistic)


def error_of_surest(errors: npt.ArrayLike, spreads: npt.ArrayLike, share: float) -> float:
    """Mean of the errors that are left when the `1 - share` with the largest spread are dropped."""
    errors, spreads = _known(errors, spreads)
    kept = np.argsort(spreads, kind="stable")[: max(1, round(share * len(errors)))]
    return float(np.mean(errors[kept]))


def _known(errors: npt.ArrayLike, spreads: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    """Both as float [M], without the errors that are NaN."""
    errors, spreads = np.ravel(errors), np.ravel(spreads)
    known = ~np.isnan(errors)
    return errors[known], spreads[known]


def average_precision(scores: npt.ArrayLike, positive: npt.ArrayLike) -> float | None:
    """Area under the precision-recall curve, as the mean of the precision at each positive.

    Args:
      scores: float [...], larger where something is more likely positive.
      positive: bool [...].

    Returns:
      float within [0, 1]; equal scores count as found together; None without any positive.

    Source: Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010, with every
    positive as a recall level.
    """
    scores, positive = np.ravel(scores), np.ravel(positive).astype(bool)
    if not positive.any():
        return None
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum(positive[order])
    # The last place of each group of equal scores stands for all of it.
    last = np.searchsorted(-scores[order], -scores[order], side="right") - 1
    precision = found[last] / (last + 1)
    return float(np.mean(precision[positive[order]]))
