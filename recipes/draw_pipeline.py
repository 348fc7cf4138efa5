"""Draws docs/images/pipeline.png: a diagram of the network with outputs of a trained model.

`python -m recipes.draw_pipeline runs/demo/model.keras` uses a synthetic face of the test subset.
"""

import sys
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from evae_tf.align.overlay import draw_landmarks
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.evaluation import figures
from evae_tf.markups import Markup

_CONV, _LATENT, _DECONV, _LINE = "#F3B58A", "#BFD7EA", "#F6DE8D", "#555555"
_FACE = 3


def _box(
    axes: Axes, x: float, y: float, width: float, height: float, text: str, color: str
) -> None:
    style = "round,pad=0.02,rounding_size=0.08"
    axes.add_patch(FancyBboxPatch((x, y), width, height, style, facecolor=color, edgecolor=_LINE))
    axes.text(x + width / 2, y + height / 2, text, ha="center", va="center", fontsize=9)


def _arrow(axes: Axes, *points: tuple[float, float]) -> None:
    """A line through `points` with an arrow head at its end."""
    for start, end in zip(points[:-2], points[1:-1], strict=True):
        axes.plot(*zip(start, end, strict=True), color=_LINE, linewidth=1.2)
    style = {"arrowstyle": "-|>", "color": _LINE, "linewidth": 1.2, "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", points[-1], points[-2], arrowprops=style)


def draw(image: ByteArray, maps: FloatArray, landmarks_px: FloatArray, markup: Markup) -> Figure:
    """The figure.

    Args:
      image: uint8 [S, S, 3], the crop.
      maps: float [h, w, K], its response maps.
      landmarks_px: float [K, 2], the result, crop pixels.
      markup: the landmarks' `Markup`.
    """
    figure = Figure(figsize=(12, 4.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 12), ylim=(0, 4.6))
    axes.set_axis_off()

    axes.imshow(image, extent=(0.25, 1.75, 2.6, 4.1), zorder=2)
    axes.text(1.0, 4.2, "crop", ha="center", fontsize=10)
    for i in range(3):
        _box(axes, 2.3 + 0.5 * i, 2.7, 0.35, 1.3, "", _CONV)
    axes.text(2.97, 4.2, "encoder", ha="center", fontsize=10)
    _box(axes, 4.2, 3.45, 0.75, 0.5, r"$\mu$", _LATENT)
    _box(axes, 4.2, 2.7, 0.75, 0.5, r"$\sigma$", _LATENT)
    _box(axes, 5.4, 3.05, 0.95, 0.6, r"$z$", _LATENT)
    axes.text(5.87, 2.9, "training: a sample\ninference: $\\mu$", ha="center", va="top", fontsize=8)
    axes.text(4.57, 4.2, "latent map", ha="center", fontsize=10)
    for i in range(3):
        _box(axes, 6.85 + 0.5 * i, 2.7, 0.35, 1.3, "", _DECONV)
    axes.text(7.52, 4.2, "decoder", ha="center", fontsize=10)
    picked = np.linspace(0, maps.shape[-1] - 1, 5).round().astype(int)
    for i, k in enumerate(picked):
        left, bottom = 8.75 + 0.3 * i, 3.05 - 0.12 * i
        extent = (left, left + 1.05, bottom, bottom + 1.05)
        axes.imshow(maps[..., k], cmap="magma", extent=extent, zorder=3 + i)
        axes.plot(*_frame(extent), color="white", linewidth=0.8, zorder=3 + i)
    axes.text(9.9, 4.2, f"{maps.shape[-1]} response maps", ha="center", fontsize=10)

    _arrow(axes, (1.8, 3.35), (2.25, 3.35))
    _arrow(axes, (3.75, 3.35), (4.15, 3.7))
    _arrow(axes, (3.75, 3.35), (4.15, 2.95))
    _arrow(axes, (5.0, 3.7), (5.35, 3.4))
    _arrow(axes, (5.0, 2.95), (5.35, 3.3))
    _arrow(axes, (6.4, 3.35), (6.8, 3.35))
    _arrow(axes, (8.3, 3.35), (8.7, 3.35))

    _box(axes, 4.75, 0.65, 1.3, 0.8, "concatenate", "#EEEEEE")
    _box(axes, 6.75, 0.45, 1.9, 1.2, "CNN regressor\nconvolutions,\n2 dense layers", _CONV)
    drawn = draw_landmarks(image, landmarks_px, markup)
    axes.imshow(drawn, extent=(9.55, 11.25, 0.2, 1.9), zorder=2)
    axes.text(10.4, 1.98, f"{markup.num_points} landmarks", ha="center", fontsize=10)
    _arrow(axes, (2.47, 2.65), (2.47, 1.05), (4.7, 1.05))
    axes.text(3.5, 1.12, "features of the first stage", ha="center", fontsize=8, color=_LINE)
    _arrow(axes, (9.3, 2.95), (9.3, 2.2), (5.4, 2.2), (5.4, 1.5))
    _arrow(axes, (6.1, 1.05), (6.7, 1.05))
    _arrow(axes, (8.7, 1.05), (9.5, 1.05))
    return figure


def _frame(extent: tuple[float, float, float, float]) -> tuple[list[float], list[float]]:
    left, right, bottom, top = extent
    return [left, right, right, left, left], [bottom, bottom, top, top, bottom]


def main() -> None:
    """Predicts one synthetic face and writes the figure into docs/images/."""
    predictor = open_model(sys.argv[1])
    metadata = predictor.metadata
    faces = synthetic.read("test", metadata.markup, count=_FACE + 1)
    size, margin = metadata.input_size, metadata.crop_margin
    crops = cut_crops(faces[_FACE:], size=size, margin=margin)
    outputs = predictor.predict(crops.model_input())
    image = cut_crops(faces[_FACE:], size=4 * size, margin=margin).images[0]
    landmarks_px = outputs["landmarks"][0] * len(image) - 0.5
    figure = draw(image, outputs["response_maps"][0], landmarks_px, metadata.markup)
    figures.save_figure(figure, Path(__file__).parents[1] / "docs/images/pipeline.png")


if __name__ == "__main__":
    main()
