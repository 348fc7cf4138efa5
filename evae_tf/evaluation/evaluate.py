"""Artefacts and faces in, report out: tables, files and pictures."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tabulate import tabulate

from evae_tf import atomic, geometry
from evae_tf.array_types import FloatArray
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, metrics, readings, report_figures
from evae_tf.evaluation.readings import Reading
from evae_tf.evaluation.truth import Truth

BOX_JITTER_SEED = 20260
_SUREST = 0.9  # share of the points, or faces, that is kept when the least sure are dropped


def evaluate(
    models: str | Path | Iterable[str | Path],
    faces: Sequence[Face],
    output: str | Path,
    *,
    normalizers: Sequence[str] | None = None,
    description: Mapping[str, str] | None = None,
    box_jitter: bool = False,
    batch_size: int = 64,
    num_threads: int = 2,
) -> list[dict[str, Any]]:
    """Measures models on faces and writes the report.

    Args:
      models: one or several paths or names, see `predictors.open_model`.
      faces: list of `Face` of one markup. A point that is not annotated counts nowhere.
      output: folder for report.json, per_face.csv and the figures.
      normalizers: names of `metrics.normalizing_distance`; None for
        `metrics.default_normalizer`.
      description: further keys of each row, such as `dataset` and `subset`.
      box_jitter: whether the boxes are first disturbed, see `geometry.jitter_boxes`.
      batch_size: faces given to a model at a time.
      num_threads: for decoding and for .tflite files.

    Returns:
      The rows of report.json, a list of dicts; errors are fractions. A row lacks the numbers that
      its model or its faces leave undefined, such as `visibility_ap` where nothing is hidden.

    Raises:
      InputError: no model or no face; faces of several markups; a normaliser that is unknown or
        that a face does not have; a model that cannot be opened, has other landmarks or predicts
        what is no finite number; or `output` is not writable.
    """
    paths = [models] if isinstance(models, str | Path) else [*models]
    if not paths:
        raise InputError("no model to evaluate; expected at least one path.")
    truth = Truth.of(faces, normalizers)
    predictors = {
        str(path): readings.open_predictor(path, truth.markup, num_threads) for path in paths
    }
    if box_jitter:
        disturbed = geometry.jitter_boxes(truth.boxes, BOX_JITTER_SEED)
        truth = dataclasses.replace(truth, boxes=disturbed)
    folder = atomic.make_folder(output)
    batches = {"batch_size": batch_size, "num_threads": num_threads}
    everything = [
        reading
        for path, predictor in predictors.items()
        for reading in readings.read(path, predictor, faces, truth, **batches)
    ]
    measured_on = {**(description or {}), "box_jitter": box_jitter}
    rows = [
        {"model": reading.model, "reading": reading.name, **measured_on, "normalizer": name}
        | _numbers(reading, truth, name)
        for reading in everything
        for name in truth.distances
    ]
    report = json.dumps({"rows": rows}, indent=2, allow_nan=False) + "\n"
    atomic.write_text(folder / "report.json", report)
    atomic.write_text(folder / "per_face.csv", _per_face(everything, truth, faces))
    report_figures.write(folder, everything, predictors, truth)
    return rows


def _errors(reading: Reading, truth: Truth, normalizer: str) -> FloatArray:
    """NME of each face: float [N]."""
    distance = truth.distances[normalizer]
    return metrics.nme(reading.landmarks_image, truth.landmarks, distance)


def _numbers(reading: Reading, truth: Truth, normalizer: str) -> dict[str, Any]:
    """What a row says of one reading; what is undefined is left out."""
    numbers = _statistics(_errors(reading, truth, normalizer))
    numbers |= _uncertainty_statistics(reading, truth, truth.distances[normalizer])
    if reading.visibility is not None and truth.visible is not None:
        known = geometry.annotated(truth.landmarks)
        numbers["visibility_ap"] = calibration.average_precision(
            1 - reading.visibility[known], ~truth.visible[known]
        )
    return {key: value for key, value in numbers.items() if value is not None}


def _statistics(error: FloatArray) -> dict[str, Any]:
    return {
        "faces": len(error),
        "nme": float(np.mean(error)),
        "nme_ci95": list(metrics.bootstrap_ci(error)),
        "median": float(np.median(error)),
        "auc_08": metrics.auc(error, 0.08),
        "auc_10": metrics.auc(error, 0.10),
        "fr_08": metrics.failure_rate(error, 0.08),
        "fr_10": metrics.failure_rate(error, 0.10),
    }


def _uncertainty_statistics(reading: Reading, truth: Truth, distance: FloatArray) -> dict[str, Any]:
    """How well calibrated the covariance is; lengths are in units of the normaliser."""
    if reading.covariance_image is None:
        return {}
    errors = (reading.landmarks_image - truth.landmarks) / distance[:, None, None]
    covariance = reading.covariance_image / distance[:, None, None, None] ** 2
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


def _per_face(everything: Sequence[Reading], truth: Truth, faces: Sequence[Face]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "reading", "normalizer", "face", "nme"])
    for reading in everything:
        for name in truth.distances:
            writer.writerows(
                [reading.model, reading.name, name, face.name, f"{error:.6f}"]
                for face, error in zip(faces, _errors(reading, truth, name), strict=True)
            )
    return text.getvalue()


def format_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows of a report as a text table, in per cent."""
    header = ["model", "reading", "normalizer", "faces", "NME %", "95 % interval", "median %"]
    header += ["AUC@8", "AUC@10", "FR@8 %", "FR@10 %"]
    lines: list[list[str]] = []
    for row in rows:
        low, high = row["nme_ci95"]
        lines.append([
            *(row["model"], row["reading"], row["normalizer"], row["faces"]),
            *(f"{100 * row['nme']:.2f}", f"{100 * low:.2f} to {100 * high:.2f}"),
            *(f"{100 * row[key]:.2f}" for key in ("median", "auc_08", "auc_10", "fr_08", "fr_10")),
        ])  # fmt: skip
    return tabulate(lines, header, "plain", disable_numparse=True)
