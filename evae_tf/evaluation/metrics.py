"""Metrics of landmarks: exact formulas in NumPy.

Errors are fractions of a normaliser; figures and tables show them in per cent and name it. A true
landmark that is NaN is not annotated: it has no error and is left out of every mean.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.errors import InputError, UsageError
from evae_tf.markups import Markup

_SAMPLES, _BATCH = 2000, 100  # a batch this small fits in the processor's cache
_BOX_DISTANCES = {"box_size": geometry.box_size, "box_diagonal": geometry.box_diagonal}


def normalizing_distance(
    name: str,
    landmarks: npt.ArrayLike,
    boxes: npt.ArrayLike | None,
    markup: Markup,
    faces: Sequence[str] | None = None,
) -> FloatArray:
    """The normalising distance of each face, by which its errors are divided.

    Args:
      name: one of `markup.normalizer_names`.
      landmarks: float [N, K, 2], the true ones, image pixels.
      boxes: float [N, 4], image pixels; used by `box_size` and `box_diagonal` only.
      markup: the landmarks' `Markup`.
      faces: N names for messages; None: their numbers.

    Returns:
      float [N], image pixels, > 0.

    Raises:
      InputError: an unknown name, or a face whose distance is zero or needs a point that is not
        annotated.
    """
    if name in markup.normalizers:
        first, second = (
            np.asarray(landmarks, np.float64)[:, list(group)].mean(axis=1)
            for group in markup.normalizers[name]
        )
        distance = np.linalg.norm(first - second, axis=-1)
    elif name in _BOX_DISTANCES:
        distance = _BOX_DISTANCES[name](np.asarray(boxes, np.float64))
    else:
        known = ", ".join(markup.normalizer_names)
        raise UsageError(f"unknown normalizer {name!r}: {markup.name} has {known}.")
    for index in np.flatnonzero(~(distance > 0)).tolist():
        face = f"face {index} (counted from 0)" if faces is None else faces[index]
        if np.isnan(distance[index]):
            raise InputError(
                f"{face}: {name} needs points that are not annotated; box_size needs none."
            )
        raise InputError(
            f"{face}: {name} is {distance[index]} pixels, expected more than 0 to divide errors by."
        )
    return distance


def default_normalizer(landmarks: npt.ArrayLike, markup: Markup) -> str:
    """The markup's usual normaliser if every face has the points for it, else `box_size`.

    Args:
      landmarks: float [N, K, 2], the true ones.
      markup: the landmarks' `Markup`.
    """
    groups = markup.normalizers.get(markup.default_normalizer, ())
    needed = [point for group in groups for point in group]
    complete = geometry.annotated(landmarks)[:, needed].all()
    return markup.default_normalizer if complete else "box_size"


def landmark_errors(
    predicted: npt.ArrayLike, true: npt.ArrayLike, normalizer: npt.ArrayLike
) -> FloatArray:
    """Normalised distance of each landmark from the true one.

    Args:
      predicted: float [N, K, 2], image pixels, (x, y).
      true: as `predicted`; NaN where not annotated.
      normalizer: float [N], image pixels, > 0 (see `normalizing_distance`).

    Returns:
      float [N, K], as a fraction of the normaliser; NaN where not annotated.

    Raises:
      ValueError: shapes differ.
    """
    predicted, true = np.asarray(predicted, np.float64), np.asarray(true, np.float64)
    normalizer = np.asarray(normalizer, np.float64)
    if predicted.shape != true.shape or normalizer.shape != true.shape[:1]:
        raise ValueError(
            f"shapes differ: predicted {predicted.shape}, true {true.shape}, "
            f"normalizer {normalizer.shape}."
        )
    return np.linalg.norm(predicted - true, axis=-1) / normalizer[:, None]


def nme(predicted: npt.ArrayLike, true: npt.ArrayLike, normalizer: npt.ArrayLike) -> FloatArray:
    """Normalised mean error of each face, over its annotated landmarks.

    Arguments as for `landmark_errors`.

    Returns:
      float [N], as a fraction of the normaliser; NaN if a prediction is NaN.

    Raises:
      ValueError: shapes differ.
      InputError: a face has no annotated landmark.

    Source: Sagonas et al., 300 Faces In-The-Wild Challenge, IVC 2016.
    """
    errors, known = landmark_errors(predicted, true, normalizer), geometry.annotated(true)
    if not known.any(axis=1).all():
        empty = np.argmin(known.any(axis=1))
        raise InputError(f"face {empty} (counted from 0) has no annotated landmark.")
    return errors.mean(axis=1, where=known)


def known_mean(values: FloatArray, axis: int | None = None) -> FloatArray:
    """Mean along `axis` (None: of all) that ignores NaN; NaN if all values are NaN."""
    with np.errstate(invalid="ignore"):
        return np.nansum(values, axis=axis) / np.sum(~np.isnan(values), axis=axis)


def ced(errors: npt.ArrayLike, thresholds: npt.ArrayLike) -> FloatArray:
    """Cumulative error distribution: the share of faces with an error of at most each threshold.

    Args:
      errors: float [N]; NaN counts as above every threshold.
      thresholds: float [...], in the unit of `errors`.

    Returns:
      float [...], within [0, 1].
    """
    return np.mean(np.asarray(errors) <= np.asarray(thresholds)[..., None], axis=-1)


def auc(errors: npt.ArrayLike, threshold: float) -> float:
    """Area under the CED curve from 0 to `threshold`, as a share of the largest possible.

    The curve is a step function, so its area is exactly the mean of max(0, 1 - error / threshold).

    Args:
      errors: float [N]; NaN counts as above every threshold.
      threshold: in the unit of `errors`, > 0.

    Returns:
      float within [0, 1]; 1 when all errors are 0.
    """
    return float(np.mean(np.fmax(0, 1 - np.asarray(errors) / threshold)))


def failure_rate(errors: npt.ArrayLike, threshold: float) -> float:
    """Share of faces with an error above `threshold`, NaN among them."""
    return float(np.mean(~(np.asarray(errors) <= threshold)))


def bootstrap_ci(errors: npt.ArrayLike) -> tuple[float, float]:
    """95 % bootstrap percentile interval of the mean, faces resampled with replacement.

    Args:
      errors: float [N].

    Returns:
      (low, high), in the unit of `errors`; deterministic.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    from scipy import stats  # takes half a second to import

    errors = np.asarray(errors)
    if len(errors) == 1:  # SciPy needs two; every resample is this one value
        return float(errors[0]), float(errors[0])
    drawn = {"n_resamples": _SAMPLES, "batch": _BATCH, "rng": 0}
    interval = stats.bootstrap((errors,), np.mean, method="percentile", **drawn)
    low, high = interval.confidence_interval
    return float(low), float(high)
