"""Artefacts and faces in, report out: tables, files and pictures."""

import csv
import io
import json

import numpy as np

from evae_tf import atomic, geometry
from evae_tf.errors import InputError
from evae_tf.evaluation import calibration, metrics, readings, report_figures

BOX_JITTER_SEED = 20260
_SUREST = 0.9  # share of the points, or faces, that is kept when the least sure are dropped


def evaluate(
    models,
    faces,
    markup,
    normalizers,
    output,
    *,
    description,
    box_jitter=False,
    batch_size=64,
    num_threads=2,
):
    """Measures models on faces and writes the report.

    Args:
      models: paths, see `predictors.open_model`.
      faces: list of `Face`.
      markup: their `Markup`.
      normalizers: names of `metrics.normalizing_distance`.
      output: folder for report.json, per_face.csv and the figures.
      description: dict of further keys of each row: `dataset` and `subset`.
      box_jitter: whether the boxes are first disturbed, see `geometry.jitter_boxes`.
      batch_size: faces given to a model at a time.
      num_threads: for decoding and for .tflite files.

    Returns:
      The rows of report.json, a list of dicts; errors are fractions. A row lacks the numbers that
      its model or its faces leave undefined, such as `visibility_ap` where nothing is hidden.

    Raises:
      InputError: a model cannot be opened, has other landmarks or predicts what is no finite
        number, or `output` is not writable.
    """
    if not models:
        raise InputError("no model to evaluate; expected at least one path.")
    predictors = {path: readings.open_predictor(path, markup, num_threads) for path in models}
    true = np.stack([face.landmarks for face in faces])
    boxes = np.stack([face.box for face in faces])
    distances = {
        name: metrics.normalizing_distance(name, true, boxes, markup) for name in normalizers
    }
    if box_jitter:
        boxes = geometry.jitter_boxes(boxes, BOX_JITTER_SEED)
    folder = atomic.make_folder(output)
    everything = [
        reading
        for path, predictor in predictors.items()
        for reading in readings.read(path, predictor, faces, boxes, batch_size, num_threads)
    ]
    flagged = all(face.visible is not None for face in faces)
    rows, errors = [], {}
    for reading in everything:
        for name, distance in distances.items():
            error = metrics.nme(reading.landmarks_image, true, distance)
            errors[reading.model, reading.name, name] = error
            row = {"model": reading.model, "reading": reading.name, **description}
            row |= {"box_jitter": box_jitter, "normalizer": name}
            row |= _statistics(error)
            if reading.covariance_crop is not None:
                row |= _uncertainty_statistics(reading, true, distance)
            if reading.visibility is not None and flagged:
                row["visibility_ap"] = calibration.average_precision(
                    1 - reading.visibility, ~reading.crops.visible
                )
            # What these faces leave undefined, JSON has no number for.
            rows.append({key: value for key, value in row.items() if value is not None})

    report = json.dumps({"rows": rows}, indent=2, allow_nan=False) + "\n"
    atomic.write_text(folder / "report.json", report)
    atomic.write_text(folder / "per_face.csv", _per_face(errors, faces))
    report_figures.write(folder, everything, predictors, true, distances, markup)
    return rows


def _statistics(error):
    return {
        "faces": len(error),
        "nme": float(np.mean(error)),
        "nme_ci95": [float(bound) for bound in metrics.bootstrap_ci(error)],
        "median": float(np.median(error)),
        "auc_08": float(metrics.auc(error, 0.08)),
        "auc_10": float(metrics.auc(error, 0.10)),
        "fr_08": float(metrics.failure_rate(error, 0.08)),
        "fr_10": float(metrics.failure_rate(error, 0.10)),
    }


def _uncertainty_statistics(reading, true, distance):
    """How honest the covariance is; lengths are in units of the normaliser."""
    errors = (reading.landmarks_image - true) / distance[:, None, None]
    covariance = reading.covariance_image / distance[:, None, None, None] ** 2
    off = calibration.mahalanobis(errors, covariance)
    spreads, lengths = calibration.spread(covariance), np.linalg.norm(errors, axis=-1)
    return {
        **{
            f"coverage_{100 * level:.0f}": float(calibration.coverage(off, level))
            for level in calibration.LEVELS
        },
        "nll": float(calibration.gaussian_nll(errors, covariance)),
        "spread_error_correlation": calibration.rank_correlation(spreads, lengths),
        "nme_surest_points": calibration.error_of_surest(lengths, spreads, _SUREST),
        "nme_surest_faces": calibration.error_of_surest(
            lengths.mean(axis=1), spreads.mean(axis=1), _SUREST
        ),
    }


def _per_face(errors, faces):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "reading", "normalizer", "face", "nme"])
    for key, error in errors.items():
        writer.writerows(
            [*key, face.name, f"{e:.6f}"] for face, e in zip(faces, error, strict=True)
        )
    return text.getvalue()


def format_table(rows):
    """The rows of a report as a text table, in per cent."""
    header = ["model", "reading", "normalizer", "faces", "NME %", "95 % interval", "median %"]
    header += ["AUC@8", "AUC@10", "FR@8 %", "FR@10 %"]
    lines = [header]
    for row in rows:
        low, high = row["nme_ci95"]
        lines.append([
            *(row["model"], row["reading"], row["normalizer"], str(row["faces"])),
            *(f"{100 * row['nme']:.2f}", f"{100 * low:.2f} to {100 * high:.2f}"),
            *(f"{100 * row[key]:.2f}" for key in ("median", "auc_08", "auc_10", "fr_08", "fr_10")),
        ])  # fmt: skip
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )
