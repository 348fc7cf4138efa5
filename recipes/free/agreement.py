"""How far landmarks from several views and several sources agree, and means of them."""

import numpy as np

from evae_tf import geometry
from evae_tf.array_types import BoolArray, FloatArray

PARTS = {
    "jaw": slice(0, 17),
    "brows": slice(17, 27),
    "nose": slice(27, 36),
    "eyes": slice(36, 48),
    "mouth": slice(48, 68),
}
_MAX_SPREAD = 0.012  # of the views, as a fraction of the face's size
_MAX_APART = 0.05  # mean distance of model and list, as a fraction of the face's size


def spread(views: FloatArray) -> float:
    """Mean distance of landmarks [V, 68, 2] from their mean, as a fraction of the face's size."""
    mean = views.mean(axis=0)
    size = geometry.box_size(geometry.landmark_box(mean))
    return float(np.linalg.norm(views - mean, axis=-1).mean() / size)


def error(found: FloatArray, true: FloatArray) -> FloatArray:
    """Distances of landmarks [68, 2] over that of the outer eye corners: float [68]."""
    return np.linalg.norm(found - true, axis=-1) / np.linalg.norm(true[36] - true[45])


def best_weights(model: FloatArray, mesh: FloatArray, true: FloatArray) -> FloatArray:
    """The model's weight at each point, equal within a part of the face.

    Args:
      model: float [N, 68, 2], image pixels.
      mesh: as `model`.
      true: as `model`.

    Returns:
      float [68, 1], 0 to 1 in steps of a tenth.
    """
    weights = np.zeros((68, 1))
    steps = np.linspace(0, 1, 11)
    for part in PARTS.values():
        errors = [
            np.mean(
                [error(*pair)[part] for pair in zip(mixed(model, mesh, step), true, strict=True)]
            )
            for step in steps
        ]
        weights[part] = steps[int(np.argmin(errors))]
    return weights


def mixed(model: FloatArray, mesh: FloatArray, weights: FloatArray | float) -> FloatArray:
    """The mean of landmarks [N, 68, 2]; `weights`, [68, 1] or a number, are those of the model."""
    return weights * model + (1 - weights) * mesh


def agreed(views: FloatArray, listed: FloatArray) -> BoolArray:
    """Whether the views of each photo agree with each other and with the list.

    Args:
      views: float [V, N, 68, 2], image pixels.
      listed: float [N, 68, 2], image pixels.

    Returns:
      bool [N].
    """
    sizes = geometry.box_size(geometry.landmark_box(listed))
    apart = np.linalg.norm(views.mean(axis=0) - listed, axis=-1).mean(axis=1) / sizes
    spreads = np.array([spread(each) for each in views.swapaxes(0, 1)])
    return (spreads < _MAX_SPREAD) & (apart < _MAX_APART)
