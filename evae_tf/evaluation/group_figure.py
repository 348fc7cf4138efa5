"""The figure of errors by group of faces."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from evae_tf.array_types import FloatArray
from evae_tf.evaluation import metrics
from evae_tf.evaluation.figure_style import COLORS, ending, legend, quieten, words
from evae_tf.evaluation.groups import Group

_SPREAD = 0.5  # fraction of a group's width that the models' marks use


def by_group_figure(
    curves: Mapping[str, FloatArray], groups: Sequence[Group], normalizer_label: str
) -> Figure:
    """Mean error and its 95 % interval in each group, a panel for each grouping criterion.

    Args:
      curves: dict of model name to errors, float [N], fractions.
      groups: of the N faces, at least one.
      normalizer_label: name of the normaliser.
    """
    panels = {by: [*part] for by, part in itertools.groupby(groups, lambda group: group.by)}
    width = 1.2 + 0.9 * sum(map(len, panels.values()))
    figure = Figure(figsize=(max(6.4, width), 4.4 + 0.22 * len(curves)), layout="constrained")
    grid = figure.subplots(
        1, len(panels), sharey=True, squeeze=False, width_ratios=[len(p) for p in panels.values()]
    )[0]
    for axes, (by, part) in zip(grid, panels.items(), strict=True):
        _draw(axes, curves, part)
        axes.set_title(words(by), fontsize=9, parse_math=False)
    grid[0].set(ylim=(0, None), ylabel=f"mean landmark error, % of {words(normalizer_label)}")
    legend(figure, grid[0].containers, [ending(name, 50) for name in curves])
    return figure


def _draw(axes: Axes, curves: Mapping[str, FloatArray], groups: Sequence[Group]) -> None:
    places = np.arange(len(groups))
    offsets = np.linspace(-_SPREAD / 2, _SPREAD / 2, len(curves) + 2)[1:-1]
    for errors, offset, color in zip(
        curves.values(), offsets, itertools.cycle(COLORS), strict=False
    ):
        means = np.array([errors[group.rows].mean() for group in groups])
        ends = np.array([metrics.bootstrap_ci(errors[group.rows]) for group in groups])
        axes.errorbar(
            places + offset,
            100 * means,
            100 * np.abs(ends.T - means),
            color=color,
            linestyle="none",
            marker="o",
            markersize=4,
            capsize=2,
        )
    names = [f"{group.name}\n{group.rows.sum()} faces" for group in groups]
    axes.set_xticks(places, names, rotation=30, ha="right", fontsize=7)
    axes.set_xlim(-0.5, len(groups) - 0.5)
    quieten(axes)
