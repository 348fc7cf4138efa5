"""The style of all figures: colours, plain axes, legends below, names cut to fit.

Nothing here uses the global state of pyplot, so figures can be drawn in any thread and without a
display. The colours are those of Okabe and Ito, which colour-blind people can tell apart.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import FigureBase

from evae_tf.array_types import FloatArray
from evae_tf.markups import Markup

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLES: list[dict[str, Any]] = [
    {"color": color, "linestyle": line} for line in ("-", "--", ":", "-.") for color in COLORS
]
GREY, PALE = "#767676", "#E0E0E0"


def draw_outline(axes: Axes, landmarks: FloatArray, markup: Markup, **style: Any) -> None:
    """Draws the outline of a face, lines between landmarks [K, 2], without points that are NaN."""
    lines = landmarks[np.array(markup.outline, int).reshape(-1, 2)]
    axes.add_collection(LineCollection([*lines[~np.isnan(lines).any(axis=(1, 2))]], **style))


def quieten(axes: Axes) -> None:
    """Draws a grid in the background and no frame."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color=PALE, linewidth=0.6)
    axes.tick_params(labelsize=8, color=GREY)


def legend(
    figure: FigureBase, lines: Sequence[Artist], labels: Sequence[str], **options: Any
) -> None:
    """Draws a legend below the axes, where long names fit."""
    place = {"loc": "outside lower center", "alignment": "left", "frameon": False}
    drawn = figure.legend(lines, labels, fontsize=9, **place, **options)
    for text in drawn.get_texts():
        text.set_parse_math(False)


def words(name: str) -> str:
    """An identifier with spaces in place of underscores."""
    return name.replace("_", " ")


def ending(name: str, length: int) -> str:
    """The end of a long name, where the paths of models differ."""
    return name if len(name) <= length else "…" + name[1 - length :]
