"""The figures of the comparison: curves and response maps, no photographs."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import keras
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.comparison import runs
from benchmarks.comparison.measure import Measured, main_reading, predict_maps
from evae_tf.data.face import Face
from evae_tf.evaluation import figures
from evae_tf.models import response_maps

_CED_ENDS = {"300w": 0.10, "mtfl": 0.15, "helen29": 0.15}  # as published
_DIAMOND_SHARES = {"300w": 0.04, "mtfl": 0.07, "helen29": 0.04}  # radius over the map's side


def save_all(
    measured: Mapping[runs.Run, Measured], faces: Mapping[str, Sequence[Face]], output: Path
) -> None:
    """Writes every figure.

    Args:
      measured: dict of `Run` to `Measured`.
      faces: dict of data set to its validation faces.
      output: folder of the comparison.
    """
    for dataset, models in runs.MODELS.items():
        for name, results in (("ced", "errors"), ("ced_occluded", "occluded")):
            curves = {
                run.architecture: getattr(measured[run], results)[
                    main_reading(measured[run]), "inter_pupil"
                ]
                for run in models
            }
            figure = figures.ced_figure(curves, _CED_ENDS[dataset], "inter_pupil")
            figures.save_figure(figure, output / f"{name}_{dataset}.png")
        figure = _maps_figure(dataset, measured, faces[dataset], output)
        figures.save_figure(figure, output / f"maps_{dataset}.png")
    figures.save_figure(_second_peaks_figure(measured), output / "second_peaks.png")
    figures.save_figure(_kl_figure(measured), output / "kl_weight.png")
    figures.save_figure(_changes_figure(measured), output / "changes.png")


def _maps_figure(
    dataset: str, measured: Mapping[runs.Run, Measured], faces: Sequence[Face], output: Path
) -> Figure:
    """Maps of `fcn` and `evae`, and the labels, for the face with `evae`'s median error."""
    models = {run.architecture: run for run in runs.MODELS[dataset]}
    errors = measured[models["evae"]].errors["maps", "inter_pupil"]
    median = [faces[np.argsort(errors)[len(errors) // 2]]]
    rows = {}
    for name in ("fcn", "evae"):
        maps, crops = predict_maps(output / models[name].name / "model.keras", median)
        rows[name] = maps[0]
    height, width, _ = rows["evae"].shape
    landmarks = keras.ops.convert_to_tensor(crops.landmarks)
    radius = _DIAMOND_SHARES[dataset] * width
    labels = response_maps.diamond_maps(landmarks, height, width, radius)
    rows["truth"] = keras.ops.convert_to_numpy(labels)[0]
    return figures.response_figure(rows)


def _axes(xlabel: str, ylabel: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(6.4, 4.2), layout="constrained")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#E0E0E0", linewidth=0.6)
    return figure, axes


def _second_peaks_figure(measured: Mapping[runs.Run, Measured]) -> Figure:
    figure, axes = _axes("second peak over first", "share of maps below")
    for pair in runs.PAIRS:
        for run, line in zip(pair[0], ("--", "-"), strict=True):
            ratios = np.sort(measured[run].shapes["second_peak"].ravel())
            shares = np.arange(1, len(ratios) + 1) / len(ratios)
            axes.plot(ratios, shares, line, label=run.architecture)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.legend(frameon=False)
    return figure


def _kl_figure(measured: Mapping[runs.Run, Measured]) -> Figure:
    figure, axes = _axes("KL weight", "mean error, % of inter pupil")
    positions = np.arange(len(runs.KL_SWEEP))  # a logarithmic axis cannot show the weight 0
    unsampled = {0.0: runs.WITHOUT_BOTH, 0.1: runs.WITHOUT_SAMPLING}
    for reading, color in (("regressor", "#0072B2"), ("maps", "#D55E00")):

        def mean(run: runs.Run, reading: str = reading) -> float:
            return 100 * measured[run].errors[reading, "inter_pupil"].mean()

        errors = [mean(run) for run in runs.KL_SWEEP.values()]
        axes.plot(positions, errors, marker="o", color=color, label=reading)
        places = [positions[list(runs.KL_SWEEP).index(weight)] for weight in unsampled]
        errors = [mean(run) for run in unsampled.values()]
        axes.plot(places, errors, "x", color=color, label=f"{reading}, without sampling")
    axes.set_xticks(positions, [f"{weight:g}" for weight in runs.KL_SWEEP])
    axes.legend(frameon=False)
    return figure


def _changes_figure(measured: Mapping[runs.Run, Measured]) -> Figure:
    figure, axes = _axes("mean error, % of inter pupil", "")
    labels = [label.replace("`", "") for label in runs.ABLATIONS]
    errors = [
        100 * measured[run].errors["regressor", "inter_pupil"].mean()
        for run in runs.ABLATIONS.values()
    ]
    axes.barh(labels, errors, color="#0072B2")
    axes.invert_yaxis()
    return figure
