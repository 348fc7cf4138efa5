"""The numbers that a report gives for a reading, over all faces or a group."""

from typing import Any

import numpy as np
import numpy.typing as npt

from evae_tf import geometry
from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.evaluation import calibration, metrics
from evae_tf.evaluation.readings import Reading
from evae_tf.evaluation.truth import Truth

_SUREST = 0.9  # share of the points or faces kept when the most uncertain are dropped


def face_errors(reading: Reading, truth: Truth, normalizer: str) -> FloatArray:
    """NME of each face: float [N]."""
    return truth.nme(reading.landmarks_image, normalizer)


def numbers(
    reading: Reading,
    truth: Truth,
    normalizer: str,
    rows: BoolArray | slice = slice(None),
) -> dict[str, Any]:
    """The numbers of a row of the report, without undefined ones.

    Args:
      reading: of N faces.
      truth: of the same faces.
      normalizer: one of `truth.distances`.
      rows: the faces that count, at least one.
    """
    distance = truth.distances[normalizer][rows]
    visible = None if truth.visible is None else truth.visible[rows]
    errors = (reading.landmarks_image - truth.landmarks)[rows] / distance[:, None, None]
    found = _of_faces(face_errors(reading, truth, normalizer)[rows])
    found |= _of_points(np.linalg.norm(errors, axis=-1), visible)
    if reading.covariance_image is not None:
        covariance = reading.covariance_image[rows] / distance[:, None, None, None] ** 2
        found |= _of_covariance(errors, covariance)
    if reading.visibility is not None and visible is not None:
        found |= _of_visibility(
            1 - reading.visibility[rows], ~visible, geometry.annotated(truth.landmarks[rows])
        )
    return {key: value for key, value in found.items() if value is not None}


def _of_faces(error: FloatArray) -> dict[str, Any]:
    return {
        "faces": len(error),
        "nme": float(np.mean(error)),
        "nme_ci95": list(metrics.bootstrap_ci(error)),
        "median": float(np.median(error)),
        "auc_08": metrics.auc(error, 0.08),
        "auc_10": metrics.auc(error, 0.10),
        "fr_05": metrics.failure_rate(error, 0.05),
        "fr_08": metrics.failure_rate(error, 0.08),
        "fr_10": metrics.failure_rate(error, 0.10),
    }


def _of_points(lengths: FloatArray, visible: BoolArray | None) -> dict[str, Any]:
    """Mean error of annotated points that are visible, and of those that are covered."""
    if visible is None:
        return {}
    known = ~np.isnan(lengths)
    parts = {"nme_seen": known & visible, "nme_covered": known & ~visible}
    return {
        name: float(lengths[points].mean()) if points.any() else None
        for name, points in parts.items()
    }


def _of_covariance(errors: FloatArray, covariance: FloatArray) -> dict[str, Any]:
    """Calibration of the covariance; lengths are in units of the normaliser."""
    off, lengths = calibration.mahalanobis(errors, covariance), np.linalg.norm(errors, axis=-1)
    spreads = np.where(np.isnan(lengths), np.nan, calibration.spread(covariance))
    of_faces = metrics.known_mean(lengths, 1), metrics.known_mean(spreads, 1)
    return {
        **{
            f"coverage_{100 * level:.0f}": calibration.coverage(off, level)
            for level in calibration.LEVELS
        },
        "nll": calibration.gaussian_nll(errors, covariance),
        "spread_error_correlation": calibration.rank_correlation(spreads, lengths),
        "nme_surest_points": calibration.error_of_surest(lengths, spreads, _SUREST),
        "nme_surest_faces": calibration.error_of_surest(*of_faces, _SUREST),
    }


def _of_visibility(
    hiddenness: FloatArray, hidden: BoolArray, known: BoolArray
) -> dict[str, float | None]:
    """Average precision for all hidden points, and for annotated (only covered) ones alone.

    A visible point without a place is not annotated.
    """

    def precision(points: npt.NDArray[np.bool_]) -> float | None:
        return calibration.average_precision(hiddenness[points], hidden[points])

    return {
        "visibility_ap": precision(known | hidden),
        "covered_ap": precision(known),
    }
