"""The figures of a report."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor
from evae_tf.evaluation import figures, group_figure, metrics, uncertainty_figures
from evae_tf.evaluation.groups import Group
from evae_tf.evaluation.readings import Reading
from evae_tf.evaluation.truth import Truth
from evae_tf.models.response_maps import ResponseMapCodec


def write(
    folder: Path,
    readings: Sequence[Reading],
    predictors: Mapping[str, Predictor],
    truth: Truth,
    groups: Sequence[Group] = (),
) -> None:
    """Draws and saves all figures.

    Args:
      folder: destination folder.
      readings: at least one.
      predictors: dict of a reading's model to its predictor, see `open_model`.
      truth: `Truth` of the faces; its first normaliser is used.
      groups: groups of the faces.
    """
    normalizer, distance = next(iter(truth.distances.items()))
    errors = {
        reading.label: metrics.landmark_errors(reading.landmarks_image, truth.landmarks, distance)
        for reading in readings
    }
    means = {label: metrics.known_mean(error, 1) for label, error in errors.items()}
    first = readings[0]
    drawn = {
        "ced": figures.ced_figure(means, 0.10, normalizer),
        "per_landmark": figures.per_landmark_figure(
            {label: metrics.known_mean(error, 0) for label, error in errors.items()},
            metrics.known_mean(first.crops.landmarks, 0),
            truth.markup,
        ),
        "samples": figures.samples_figure(
            first.crops.images,
            first.landmarks_crop,
            first.crops.landmarks,
            means[first.label],
            truth.markup,
        ),
    }
    if groups:
        drawn["by_group"] = group_figure.by_group_figure(means, groups, normalizer)
    if first.covariance_crop is not None:
        drawn["uncertainty"] = uncertainty_figures.uncertainty_figure(
            first.crops.landmarks, first.landmarks_crop, first.covariance_crop, truth.markup
        )
    median = int(np.argsort(means[first.label])[len(truth.landmarks) // 2])
    maps = _response_rows(readings, predictors, median)
    if maps:
        drawn["responses"] = figures.response_figure(maps, first.crops.images[median])
    for name in ("by_group", "uncertainty", "responses"):  # an earlier report may have them
        if name not in drawn:
            (folder / f"{name}.png").unlink(missing_ok=True)
    for name, figure in drawn.items():
        figures.save_figure(figure, folder / f"{name}.png")


def _response_rows(
    readings: Sequence[Reading], predictors: Mapping[str, Predictor], face: int
) -> dict[str, FloatArray]:
    """Response maps [h, w, K] of one face: a row for each model that has maps, and the truth."""
    rows: dict[str, FloatArray] = {}
    truth = None
    for reading in readings:
        if reading.name != "maps":
            continue
        predictor = predictors[reading.model]
        outputs = predictor.predict(reading.crops.model_input(slice(face, face + 1)))
        if "response_maps" not in outputs:  # exported without them
            continue
        rows[reading.model] = outputs["response_maps"][0]
        height, width, _ = rows[reading.model].shape
        landmarks = keras.ops.convert_to_tensor(reading.crops.landmarks[[face]])
        truth = ResponseMapCodec.of_saved(predictor.metadata).draw(landmarks, height, width)
    if rows:
        rows["truth"] = keras.ops.convert_to_numpy(truth)[0]
    return rows
