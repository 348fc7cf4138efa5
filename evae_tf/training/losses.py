"""The terms of the objective, each a mean over what is annotated in the batch (`keras.ops`).

A landmark that is not annotated is NaN in `true`. It is left out: of the mean, and of all
gradients. Where nothing is annotated a term is 0, and so are its gradients.

The KL term is computed where the posterior lives, in `models.sampling`.
"""

import math

from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.models.probability import tfd
from evae_tf.models.response_maps import spatial_log_softmax


def annotated(true: Tensor) -> Tensor:
    """Which landmarks are annotated: float [B, K, 2] -> float32 [B, K], 1 or 0."""
    return ops.cast(ops.logical_not(ops.isnan(true[..., 0])), "float32")


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean over the entries whose weight is 1, of [B, K] each; 0 where there is none."""
    # Weights that are all 1 have a mean of exactly 1, and change no digit.
    return ops.mean(values * weights) / ops.maximum(ops.mean(weights), 1e-7)


def _filled(true: Tensor, predicted: Tensor) -> Tensor:
    """`true`, with predictions in place of NaN: a NaN times a weight of 0 would still be NaN."""
    return ops.where(ops.isnan(true), ops.stop_gradient(predicted), true)


def wing_loss(
    predicted: Tensor, true: Tensor, width: float = 0.04, curvature: float = 0.008
) -> Tensor:
    """Distance that stays sharp near zero and grows linearly for outliers.

    width * log(1 + |d| / curvature) below `width`, |d| plus a constant above, for each coordinate.

    Args:
      predicted: float [B, K, 2], crop fractions.
      true: as `predicted`; NaN where not annotated.
      width: where the logarithm ends, crop fractions.
      curvature: the smaller, the sharper near zero, crop fractions. Both defaults are those of the
        source at its input of 256 px (10 and 2 px).

    Returns:
      float scalar, crop fractions.

    Source: Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018.
    """
    distance = ops.abs(predicted - _filled(true, predicted))
    constant = width - width * math.log1p(width / curvature)
    near = width * ops.log1p(distance / curvature)
    loss = ops.where(distance < width, near, distance - constant)
    return _mean(loss, ops.expand_dims(annotated(true), -1))


def squared_landmark_error(predicted: Tensor, true: Tensor) -> Tensor:
    """Mean squared coordinate error.

    Args:
      predicted: float [B, K, 2], crop fractions.
      true: as `predicted`; NaN where not annotated.

    Returns:
      float scalar, crop fractions squared.
    """
    squares = ops.square(predicted - _filled(true, predicted))
    return _mean(squares, ops.expand_dims(annotated(true), -1))


def map_squared_error(
    maps: Tensor, labels: Tensor, foreground_weight: float, annotated: Tensor
) -> Tensor:
    """Squared error of response maps whose cells are nearly all background.

    Each cell is weighted by 1 + (foreground_weight - 1) * label: a label's peak counts
    `foreground_weight` times what background counts.

    Args:
      maps: float [B, h, w, K].
      labels: float [B, h, w, K], in [0, 1].
      foreground_weight: at least 1.
      annotated: float [B, K], 1 for the maps that count, 0 for the others.

    Returns:
      float scalar, mean over cells.
    """
    weights = 1.0 + (foreground_weight - 1.0) * labels
    return _mean(weights * ops.square(maps - labels), annotated[:, None, None])


def map_cross_entropy(logits: Tensor, labels: Tensor, annotated: Tensor) -> Tensor:
    """Cross-entropy between each label map, scaled to sum 1, and the softmax over its cells.

    There is no imbalance to weight away: every map holds one unit of mass. A label whose landmark
    lies so far outside the crop that nothing of it is left counts 0.

    Args:
      logits: float [B, h, w, K].
      labels: float [B, h, w, K], non-negative.
      annotated: float [B, K], 1 for the maps that count, 0 for the others.

    Returns:
      float scalar in nats, mean over maps; its minimum is the entropy of the labels.
    """
    height, width, num_points = labels.shape[1:]
    cells = ops.transpose(ops.reshape(labels, (-1, height * width, num_points)), (0, 2, 1))
    cells = cells / (ops.sum(cells, axis=-1, keepdims=True) + 1e-7)
    return -_mean(ops.sum(cells * spatial_log_softmax(logits), axis=-1), annotated)


def landmark_nll(landmarks: Tensor, scale_tril: Tensor, true: Tensor) -> Tensor:
    """Negative log-likelihood of the true landmarks under a Gaussian around the predicted ones.

    Args:
      landmarks: float [B, K, 2], crop fractions; no gradient flows into them, so that how sure a
        network says it is does not change where it says the landmarks are.
      scale_tril: float [B, K, 2, 2], lower-triangular with a positive diagonal: a Cholesky factor
        of each landmark's covariance.
      true: float [B, K, 2], crop fractions; NaN where not annotated.

    Returns:
      float scalar, nats for each landmark.
    """
    gaussian = tfd.MultivariateNormalTriL(ops.stop_gradient(landmarks), scale_tril)
    return -_mean(gaussian.log_prob(_filled(true, landmarks)), annotated(true))


def visibility_loss(visibility: Tensor, visible: Tensor) -> Tensor:
    """Binary cross-entropy.

    Args:
      visibility: float [B, K], predicted probability that a landmark can be seen.
      visible: float [B, K], 1 where it can, 0 where it is hidden or outside the crop; NaN where
        that is not known, which is left out.

    Returns:
      float scalar, nats for each landmark.
    """
    known = ops.logical_not(ops.isnan(visible))
    visible = ops.where(known, visible, ops.zeros_like(visible))
    return _mean(ops.binary_crossentropy(visible, visibility), ops.cast(known, "float32"))
