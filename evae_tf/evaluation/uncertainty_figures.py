"""Figures of a model's uncertainty and its calibration."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure

from evae_tf import geometry
from evae_tf.array_types import FloatArray
from evae_tf.evaluation import calibration, metrics
from evae_tf.evaluation.figure_style import COLORS, GREY, PALE, draw_outline, quieten
from evae_tf.markups import Markup

_SHOWN_LEVEL = 0.9


def uncertainty_figure(
    true: FloatArray, predicted: FloatArray, covariance: FloatArray, markup: Markup
) -> Figure:
    """Mean ellipse of each landmark, calibration curve, and error without uncertain landmarks.

    Args:
      true: float [N, K, 2], crop fractions; NaN where not annotated.
      predicted: as `true`.
      covariance: float [N, K, 2, 2], crop fractions squared.
      markup: the landmarks' `Markup`.
    """
    errors, known = predicted - true, geometry.annotated(true)
    figure = Figure(figsize=(11, 4), layout="constrained")
    face, covered, dropping = figure.subplots(1, 3, width_ratios=(1.2, 1, 1))
    shown = np.where(known[..., None, None], covariance, np.nan)
    draw_ellipses(face, metrics.known_mean(true, 0), metrics.known_mean(shown, 0), markup)
    face.set_title(f"mean {100 * _SHOWN_LEVEL:.0f} % ellipses", fontsize=9)
    _draw_calibration(covered, calibration.mahalanobis(errors, covariance))
    spreads = np.where(known, calibration.spread(covariance), np.nan)
    _draw_dropping(dropping, np.linalg.norm(errors, axis=-1), spreads)
    return figure


def draw_ellipses(
    axes: Axes,
    landmarks: FloatArray,
    covariance: FloatArray,
    markup: Markup,
    level: float = _SHOWN_LEVEL,
) -> None:
    """Draws landmarks [K, 2], y down, with the ellipses that contain the truth at `level`.

    Landmarks that are NaN are left out.
    """
    known = geometry.annotated(landmarks)
    variances, axis_vectors = np.linalg.eigh(covariance[known])
    diameters = 2 * calibration.ellipse_radius(level) * np.sqrt(variances)
    angles = np.degrees(np.arctan2(axis_vectors[:, 1, 1], axis_vectors[:, 0, 1]))
    draw_outline(axes, landmarks, markup, colors=PALE, zorder=0)
    axes.add_collection(
        EllipseCollection(
            *(diameters[:, 1], diameters[:, 0], angles),
            units="xy",
            offsets=landmarks[known],
            offset_transform=axes.transData,
            facecolors=COLORS[0] + "30",
            edgecolors=COLORS[0],
            linewidths=0.8,
        )
    )
    axes.plot(*landmarks.T, ".", color=COLORS[1], markersize=2)
    axes.set_aspect("equal")
    axes.margins(0.12)
    axes.invert_yaxis()
    axes.set_axis_off()


def _draw_calibration(axes: Axes, distance: FloatArray) -> None:
    levels = np.linspace(0, 0.99, 100)
    covered = [calibration.coverage(distance, level) for level in levels]
    axes.plot([0, 100], [0, 100], color=GREY, linestyle=":", label="calibrated")
    axes.plot(100 * levels, 100 * np.array(covered), color=COLORS[0], label="model")
    axes.set(xlim=(0, 100), ylim=(0, 100), xlabel="nominal coverage, %")
    axes.set_ylabel("observed coverage, %")
    axes.legend(frameon=False, fontsize=8)
    quieten(axes)


def _draw_dropping(axes: Axes, lengths: FloatArray, spreads: FloatArray) -> None:
    shares = np.linspace(0, 0.5, 26)
    pairs = {
        "points": (lengths, spreads),
        "faces": (metrics.known_mean(lengths, 1), metrics.known_mean(spreads, 1)),
    }
    for (name, (errors, doubt)), color in zip(pairs.items(), COLORS, strict=False):
        kept = [calibration.error_of_surest(errors, doubt, 1 - share) for share in shares]
        best = [calibration.error_of_surest(errors, errors, 1 - share) for share in shares]
        axes.plot(100 * shares, np.array(kept) / kept[0], color=color, label=name)
        label = f"{name}, ranked by true error"
        axes.plot(100 * shares, np.array(best) / best[0], ":", color=color, label=label)
    axes.set(xlim=(0, 50), ylim=(0, None), xlabel="most uncertain dropped, %")
    axes.set_ylabel("remaining error, relative")
    axes.legend(frameon=False, fontsize=8)
    quieten(axes)
