"""Artefacts and faces in, report out: tables, files and pictures."""

import csv
import dataclasses
import io
import json

import keras
import numpy as np
from tqdm import tqdm

from evae_tf import atomic, figures, geometry, metrics, response_maps, runtime
from evae_tf.config import MAP_ARCHITECTURES
from evae_tf.data.crops import cut_crops
from evae_tf.errors import InputError

BOX_JITTER_SEED = 20260


@dataclasses.dataclass(frozen=True)
class Reading:
    """What one model says of every face, read in one way.

    Attributes:
      model: its path, as given.
      name: `regressor`, or `maps` for landmarks read off the response maps.
      crops: the `Crops` it saw.
      landmarks_crop: float32 [N, K, 2], crop fractions.
    """

    model: str
    name: str
    crops: object
    landmarks_crop: np.ndarray

    @property
    def landmarks_image(self):
        """float32 [N, K, 2], image pixels."""
        return geometry.crop_to_image(self.landmarks_crop, self.crops.squares)

    @property
    def label(self):
        """What figures and tables call it."""
        return f"{self.model} ({self.name})"


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
      models: paths, see `runtime.open_model`.
      faces: list of `Face`.
      markup: their `Markup`.
      normalizers: names of `metrics.normalizing_distance`.
      output: folder for report.json, per_face.csv and the figures.
      description: dict of further keys of each row: `dataset` and `subset`.
      box_jitter: whether the boxes are first disturbed, see `geometry.jitter_boxes`.
      batch_size: faces given to a model at a time.
      num_threads: for decoding and for .tflite files.

    Returns:
      The rows of report.json, a list of dicts; errors are fractions.

    Raises:
      InputError: a model cannot be opened or has other landmarks, or `output` is not writable.
    """
    if not models:
        raise InputError("no model to evaluate; expected at least one path.")
    predictors = {path: _open(path, markup, num_threads) for path in models}
    true = np.stack([face.landmarks for face in faces])
    boxes = np.stack([face.box for face in faces])
    distances = {
        name: metrics.normalizing_distance(name, true, boxes, markup) for name in normalizers
    }
    if box_jitter:
        boxes = geometry.jitter_boxes(boxes, BOX_JITTER_SEED)
    folder = atomic.make_folder(output)
    readings = [
        reading
        for path, predictor in predictors.items()
        for reading in _read(path, predictor, faces, boxes, batch_size, num_threads)
    ]
    rows, errors = [], {}
    for reading in readings:
        for name, distance in distances.items():
            error = metrics.nme(reading.landmarks_image, true, distance)
            errors[reading.model, reading.name, name] = error
            row = {"model": reading.model, "reading": reading.name, **description}
            row |= {"box_jitter": box_jitter, "normalizer": name}
            rows.append(row | _statistics(error))

    report = json.dumps({"rows": rows}, indent=2) + "\n"
    atomic.write_text(folder / "report.json", report)
    atomic.write_text(folder / "per_face.csv", _per_face(errors, faces))
    _write_figures(folder, readings, predictors, true, distances, markup)
    return rows


def _open(path, markup, num_threads):
    predictor = runtime.open_model(path, num_threads)
    own = predictor.metadata.markup
    if own.points != markup.points:
        raise InputError(
            f"{path}: predicts the {own.num_points} points of {own.name}, the faces have the "
            f"{markup.num_points} of {markup.name}."
        )
    return predictor


def _read(path, predictor, faces, boxes, batch_size, num_threads):
    """The readings of one model: the regressor's, and the maps' where it gives maps."""
    metadata = predictor.metadata
    crops = cut_crops(
        faces,
        size=metadata.input_size,
        margin=metadata.crop_margin,
        boxes=boxes,
        num_threads=num_threads,
    )
    landmarks, read_off = [], []
    starts = range(0, len(crops), batch_size)
    for start in tqdm(starts, desc=str(path), unit="batch", disable=None):
        outputs = predictor.predict(crops.model_input(slice(start, start + batch_size)))
        landmarks.append(outputs["landmarks"])
        if "response_maps" in outputs:
            maps = keras.ops.convert_to_tensor(outputs["response_maps"])
            read = response_maps.soft_argmax(maps, metadata.readout_power)
            read_off.append(keras.ops.convert_to_numpy(read))
    is_map_model = metadata.architecture in MAP_ARCHITECTURES
    first = "maps" if is_map_model else "regressor"
    readings = [Reading(path, first, crops, np.concatenate(landmarks))]
    if read_off and not is_map_model:
        readings.append(Reading(path, "maps", crops, np.concatenate(read_off)))
    return readings


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


def _per_face(errors, faces):
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "reading", "normalizer", "face", "nme"])
    for key, error in errors.items():
        writer.writerows(
            [*key, face.name, f"{e:.6f}"] for face, e in zip(faces, error, strict=True)
        )
    return text.getvalue()


def _write_figures(folder, readings, predictors, true, distances, markup):
    normalizer, distance = next(iter(distances.items()))
    errors = {r.label: metrics.landmark_errors(r.landmarks_image, true, distance) for r in readings}
    means = {label: error.mean(axis=1) for label, error in errors.items()}
    first = readings[0]
    drawn = {
        "ced": figures.ced_figure(means, 0.10, normalizer),
        "per_landmark": figures.per_landmark_figure(
            {label: error.mean(axis=0) for label, error in errors.items()},
            first.crops.landmarks.mean(axis=0),
            markup,
        ),
        "samples": figures.samples_figure(
            first.crops.images,
            first.landmarks_crop,
            first.crops.landmarks,
            means[first.label],
            markup,
        ),
    }
    median = int(np.argsort(means[first.label])[len(true) // 2])
    maps = _response_rows(readings, predictors, median)
    if maps:
        drawn["responses"] = figures.response_figure(maps, first.crops.images[median])
    for name, figure in drawn.items():
        figures.save_figure(figure, folder / f"{name}.png")


def _response_rows(readings, predictors, face):
    """Response maps [h, w, K] of one face: a row for each model that gives maps, and the truth."""
    rows, truth = {}, None
    for reading in readings:
        if reading.name != "maps":
            continue
        outputs = predictors[reading.model].predict(reading.crops.model_input([face]))
        if "response_maps" not in outputs:  # exported without them
            continue
        rows[reading.model] = outputs["response_maps"][0]
        height, width, _ = rows[reading.model].shape
        landmarks = keras.ops.convert_to_tensor(reading.crops.landmarks[[face]])
        truth = response_maps.gaussian_maps(landmarks, height, width, 0.035 * width)
    if rows:
        rows["truth"] = keras.ops.convert_to_numpy(truth)[0]
    return rows


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
