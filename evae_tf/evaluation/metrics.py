"""How good landmarks are: exact formulas in NumPy.

Errors are fractions of a normaliser; a figure or a table prints them in per cent and names it.
"""

import numpy as np

from evae_tf import geometry
from evae_tf.errors import InputError

_BOX_DISTANCES = {"box_size": geometry.box_size, "box_diagonal": geometry.box_diagonal}


def normalizing_distance(name, landmarks, boxes, markup):
    """The distance of each face that its errors are divided by.

    Args:
      name: one of `markup.normalizer_names`.
      landmarks: float [N, K, 2], the true ones, image pixels.
      boxes: float [N, 4], image pixels.
      markup: the landmarks' `Markup`.

    Returns:
      float [N], image pixels, > 0.

    Raises:
      InputError: an unknown name, or a face whose distance is zero.
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
        raise InputError(f"unknown normalizer {name!r}: {markup.name} has {known}.")
    unusable = np.flatnonzero(~(distance > 0))
    if len(unusable):
        raise InputError(
            f"{name} of face {unusable[0]} (counted from 0) is {distance[unusable[0]]} pixels, "
            "expected more than 0 to divide errors by."
        )
    return distance


def landmark_errors(predicted, true, normalizer):
    """Normalised distance of each landmark from the true one.

    Args:
      predicted: float [N, K, 2], image pixels, (x, y).
      true: as `predicted`.
      normalizer: float [N], image pixels, > 0 (see `normalizing_distance`).

    Returns:
      float [N, K], as a fraction of the normaliser.

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


def nme(predicted, true, normalizer, visible=None):
    """Normalised mean error of each face.

    Args:
      predicted: float [N, K, 2], image pixels, (x, y).
      true: as `predicted`.
      normalizer: float [N], image pixels, > 0 (see `normalizing_distance`).
      visible: bool [N, K]; absent landmarks are left out of the mean.

    Returns:
      float [N], as a fraction of the normaliser.

    Raises:
      ValueError: shapes differ, or a face has no visible landmark.

    Source: Sagonas et al., 300 Faces In-The-Wild Challenge, IVC 2016.
    """
    errors = landmark_errors(predicted, true, normalizer)
    if visible is None:
        return errors.mean(axis=1)
    visible = np.asarray(visible, bool)
    if visible.shape != errors.shape:
        raise ValueError(f"shapes differ: visible {visible.shape}, landmarks {errors.shape}.")
    if not visible.any(axis=1).all():
        raise ValueError(f"face {np.argmin(visible.any(axis=1))} has no visible landmark.")
    return errors.mean(axis=1, where=visible)


def ced(errors, thresholds):
    """Cumulative error distribution: the share of faces with an error of at most each threshold.

    Args:
      errors: float [N]; NaN counts as above every threshold.
      thresholds: float [...], in the unit of `errors`.

    Returns:
      float [...], within [0, 1].
    """
    return np.mean(np.asarray(errors) <= np.asarray(thresholds)[..., None], axis=-1)


def auc(errors, threshold):
    """Area under the CED curve from 0 to `threshold`, as a share of the largest possible.

    The curve is a staircase, so its area is exactly the mean of max(0, 1 - error / threshold).

    Args:
      errors: float [N].
      threshold: in the unit of `errors`, > 0.

    Returns:
      float within [0, 1]; 1 when all errors are 0.
    """
    return np.mean(np.maximum(0, 1 - np.asarray(errors) / threshold))


def failure_rate(errors, threshold):
    """Share of faces with an error above `threshold`, NaN among them."""
    return np.mean(~(np.asarray(errors) <= threshold))


def bootstrap_ci(errors, statistic=np.mean, samples=2000, seed=0):
    """95 % percentile interval of a statistic over faces drawn anew with replacement.

    Args:
      errors: float [N].
      statistic: function from float [N] to a number.
      samples: how often faces are drawn.
      seed: of the random numbers.

    Returns:
      (low, high), in the unit of the statistic.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13.
    """
    errors, rng = np.asarray(errors), np.random.default_rng(seed)
    drawn = [statistic(rng.choice(errors, len(errors))) for _ in range(samples)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return low, high
