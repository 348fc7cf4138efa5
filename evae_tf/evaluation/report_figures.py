"""The pictures of a report."""

import keras
import numpy as np

from evae_tf.evaluation import figures, metrics, uncertainty_figures
from evae_tf.models import response_maps


def write(folder, readings, predictors, true, distances, markup):
    """Draws and saves all of them.

    Args:
      folder: where to.
      readings: list of `Reading`.
      predictors: dict of a reading's model to what `open_model` returned for it.
      true: float [N, K, 2], image pixels.
      distances: dict of normaliser to float [N]; the first is used.
      markup: `Markup` of the landmarks.
    """
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
    if first.covariance_crop is not None:
        drawn["uncertainty"] = uncertainty_figures.uncertainty_figure(
            first.crops.landmarks, first.landmarks_crop, first.covariance_crop, markup
        )
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
