"""The figures of evaluations and trainings.

Each function returns a new `matplotlib.figure.Figure`. Errors are passed as fractions and drawn in
per cent.
"""

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure, FigureBase

from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.atomic import replacing_file
from evae_tf.evaluation import metrics
from evae_tf.evaluation.figure_style import (
    COLORS,
    GREY,
    PALE,
    STYLES,
    draw_outline,
    ending,
    legend,
    quieten,
    words,
)
from evae_tf.markups import Markup

_TRUTH, _PREDICTION = "#56B4E9", "#F0E442"


def save_figure(figure: Figure, path: Path) -> None:
    """Writes `figure` to the file `path`, atomically; the ending of `path` sets the format.

    Raises:
      InputError: the file cannot be written.
    """
    with replacing_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def ced_figure(curves: Mapping[str, FloatArray], max_error: float, normalizer_label: str) -> Figure:
    """CED curves of several models in one plot.

    Args:
      curves: dict of model name to errors, float [N], fractions.
      max_error: upper limit of the error axis and of the AUC.
      normalizer_label: name of the normaliser.
    """
    figure = Figure(figsize=(6.4, 4.6 + 0.22 * len(curves)), layout="constrained")
    axes = figure.add_subplot()
    thresholds, labels = np.linspace(0, max_error, 501), []
    for (name, errors), style in zip(curves.items(), itertools.cycle(STYLES), strict=False):
        axes.plot(100 * thresholds, metrics.ced(errors, thresholds), **style)
        numbers = f"{100 * np.mean(errors):5.2f} %      {metrics.auc(errors, max_error):.3f}"
        labels.append(f"{numbers}      {ending(name, 50)}")
    axes.set(xlim=(0, 100 * max_error), ylim=(0, 1), ylabel="share of faces")
    axes.set_xlabel(f"mean landmark error, % of {words(normalizer_label)}")
    quieten(axes)
    title = f"mean error,  AUC up to {100 * max_error:g} %"
    legend(figure, axes.lines, labels, title=title, title_fontsize=9)
    return figure


def response_figure(
    rows: Mapping[str, FloatArray], image: ByteArray | None = None, max_panels: int = 16
) -> Figure:
    """Response maps of one face: a row for each model, the truth last, a panel for each landmark.

    Each map is scaled to its own maximum, to compare shapes: one peak or several.

    Args:
      rows: dict of row name to response maps, float [h, w, K], of the same K.
      image: the crop given to the models, [S, S, 3], drawn first; None for maps only.
      max_panels: if there are more landmarks, this many are chosen, evenly spaced.
    """
    num_points = next(iter(rows.values())).shape[-1]
    picked = np.linspace(0, num_points - 1, min(num_points, max_panels)).round().astype(int)
    width, height = 0.75 * len(picked), 0.5 + 0.95 * len(rows)
    photo_width = 0 if image is None else 2.6
    figure = Figure(figsize=(photo_width + width, height), layout="constrained")
    if image is None:
        grid = figure.add_gridspec(len(rows), 1)
    else:
        grid = figure.add_gridspec(len(rows), 2, width_ratios=(2.2, width))
        face = figure.add_subplot(grid[:3, 0])
        face.imshow(image)
        face.set_axis_off()
    for index, (name, maps) in enumerate(rows.items()):
        axes = figure.add_subplot(grid[index, -1])
        axes.imshow(_side_by_side(maps[..., picked]), cmap="magma", vmin=0, vmax=1)
        axes.set_title(ending(name, 60), loc="left", fontsize=9, parse_math=False)
        pitch = maps.shape[1] + 1
        axes.set_xticks(pitch * (np.arange(len(picked)) + 0.5) - 1, picked)
        axes.set_yticks([])
        last = index == len(rows) - 1
        axes.tick_params(length=0, labelsize=7, labelcolor=GREY, labelbottom=last)
        axes.spines[:].set_visible(False)
    axes.set_xlabel("landmark, counted from 0", fontsize=8, color=GREY)
    return figure


def _side_by_side(maps: FloatArray) -> FloatArray:
    """[h, w, n] -> [h, n * (w + 1) - 1]: each over its maximum, separated by an empty column."""
    peaks = maps.max(axis=(0, 1))
    maps = np.clip(maps / np.where(peaks > 0, peaks, 1), 0, 1)
    framed = np.pad(maps, ((0, 0), (0, 1), (0, 0)), constant_values=np.nan)
    return framed.transpose(0, 2, 1).reshape(len(maps), -1)[:, :-1]


def samples_figure(
    images: ByteArray, predicted: FloatArray, true: FloatArray, errors: FloatArray, markup: Markup
) -> Figure:
    """Crops with predicted and true landmarks: the best, the median and the worst faces.

    Args:
      images: uint8 [N, S, S, 3], RGB.
      predicted: float [N, K, 2], crop fractions.
      true: as `predicted`; NaN where not annotated.
      errors: float [N], fractions; they rank the faces.
      markup: the landmarks' `Markup`.
    """
    order, columns = np.argsort(errors), min(6, len(errors))
    middle = (len(order) - columns) // 2
    median = order[middle : middle + columns]
    rows = {"best": order[:columns], "median": median, "worst": order[-columns:]}
    figure = Figure(figsize=(1.75 * columns + 0.3, 6.2), layout="constrained")
    grid = figure.subplots(3, columns, squeeze=False)
    for panels, (name, faces) in zip(grid, rows.items(), strict=True):
        for axes, face in zip(panels, faces, strict=True):
            axes.imshow(images[face], extent=(0, 1, 1, 0))  # the crop frame: fractions
            for landmarks, color in ((true[face], _TRUTH), (predicted[face], _PREDICTION)):
                draw_outline(axes, landmarks, markup, colors=color, linewidths=0.8, alpha=0.7)
                axes.plot(*landmarks.T, ".", color=color, markersize=2.5)
            axes.set(xlim=(0, 1), ylim=(1, 0), xticks=[], yticks=[])
            axes.set_title(f"{100 * errors[face]:.2f} %", fontsize=9)
            axes.spines[:].set_visible(False)
        panels[0].set_ylabel(name, fontsize=10)
    legend(figure, grid[0, 0].lines, ["truth", "prediction"], ncols=2, markerscale=4)
    return figure


def per_landmark_figure(
    landmark_errors: Mapping[str, FloatArray], mean_shape: FloatArray, markup: Markup
) -> Figure:
    """Error of each landmark: drawn on a face for each model, and as curves of all models.

    Args:
      landmark_errors: dict of model name to the mean error of each landmark, float [K], fractions;
        NaN for points that no face has annotated.
      mean_shape: float [K, 2], the face to draw, y down, any unit; NaN as in the errors.
      markup: the landmarks' `Markup`.
    """
    lines = -(-len(landmark_errors) // 4)
    figure = Figure(figsize=(11, 2.7 * lines + 3.6), layout="constrained")
    rows = figure.add_gridspec(2, 1, height_ratios=(2.7 * lines, 3.6))
    faces, profile = (figure.add_subfigure(rows[index]) for index in range(2))
    grid = faces.subplots(lines, 4).ravel()
    largest = 100 * max(np.nanmax(errors) for errors in landmark_errors.values())
    for axes in grid:
        axes.set_axis_off()
    for axes, (name, errors) in zip(grid, landmark_errors.items(), strict=False):
        errors = 100 * np.asarray(errors)
        draw_outline(axes, mean_shape, markup, colors=PALE, zorder=0)
        shades = {"cmap": "plasma_r", "vmin": 0, "vmax": largest}
        circles = axes.scatter(*mean_shape.T, s=8 + 72 * errors / largest, c=errors, **shades)
        title = f"{ending(name, 34)}\nmean {np.nanmean(errors):.2f} %"
        axes.set_title(title, fontsize=9, parse_math=False)
        axes.set_aspect("equal")
        axes.invert_yaxis()
    faces.colorbar(circles, ax=grid, label="mean error, %", shrink=0.8)
    _draw_profile(profile, landmark_errors, markup)
    return figure


def _draw_profile(
    figure: FigureBase, landmark_errors: Mapping[str, FloatArray], markup: Markup
) -> None:
    """Errors in landmark order, one tick for each part of the face (`jaw_0`, `jaw_1`, ...)."""
    axes = figure.add_subplot()
    for errors, style in zip(landmark_errors.values(), itertools.cycle(STYLES), strict=False):
        axes.plot(100 * np.asarray(errors), marker=".", linewidth=0.7, **style)
    parts = [re.sub(r"_\d+$", "", point) for point in markup.points]
    names, lengths = zip(*((k, len(list(g))) for k, g in itertools.groupby(parts)), strict=True)
    ends = np.cumsum(lengths) - 0.5
    axes.set_xticks(ends - np.array(lengths) / 2, [words(name) for name in names])
    axes.tick_params(axis="x", rotation=90 if len(names) > 12 else 0)
    axes.set(xlim=(-0.5, ends[-1]), ylim=(0, None), ylabel="mean error, %")
    quieten(axes)
    axes.grid(visible=False, axis="x")
    for end in ends[:-1]:
        axes.axvline(end, color=PALE, linewidth=0.6, zorder=0)
    curves = axes.lines[: len(landmark_errors)]
    legend(figure, curves, [ending(name, 34) for name in landmark_errors], ncols=3)


def training_figure(columns: Mapping[str, Sequence[float]]) -> Figure:
    """The loss, its terms and the validation NME over the epochs.

    Args:
      columns: dict of column name to list of numbers, as in metrics.csv.
    """
    epochs, nme = columns["epoch"], 100 * np.asarray(columns["val_nme"])
    figure = Figure(figsize=(13.2, 3.8), layout="constrained")
    total, terms, validation = figure.subplots(1, 3)
    # Linear: the loss contains a negative log-likelihood, which can be below zero.
    total.plot(epochs, columns["loss"], marker=".", color=COLORS[0])
    total.set(ylabel="loss")
    names = ("response_map_loss", "kl", "landmark_loss", "map_landmark_loss")
    for name, style in zip(names, STYLES, strict=False):
        if any(columns[name]):  # terms that the model lacks are 0 in all rows
            terms.plot(epochs, columns[name], marker=".", label=words(name), **style)
    terms.legend(frameon=False, fontsize=8)
    terms.set(yscale="log", ylabel="terms of the loss")
    best = int(np.argmin(nme))
    validation.plot(epochs, nme, marker=".", color=COLORS[0])
    validation.plot(epochs[best], nme[best], "o", color=COLORS[1])
    validation.set_title(f"best: {nme[best]:.2f} % after epoch {epochs[best]:.0f}", fontsize=9)
    validation.set(ylabel="validation NME, %")
    for axes in (total, terms, validation):
        axes.set(xlabel="epoch", xlim=(0.5, epochs[-1] + 0.5))
        axes.xaxis.get_major_locator().set_params(integer=True, min_n_ticks=1)
        quieten(axes)
    return figure
