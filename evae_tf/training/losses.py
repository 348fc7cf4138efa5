"""The terms of the objective, each a mean over the annotated landmarks of a batch (`keras.ops`).

A landmark that is not annotated is NaN in `true`. It is left out of the mean and of all
gradients. If nothing is annotated, a term and its gradients are 0.

The KL term is computed in `models.sampling`, beside the posterior.
"""

import math

from keras import ops

from evae_tf.array_types import Tensor
from evae_tf.models.probability import tfd
from evae_tf.models.response_maps import cells_last, spatial_log_softmax

_WING_WIDTH, _WING_CURVATURE = 0.04, 0.008  # crop fractions: about 10 and 2 of 256 pixels


def annotated(true: Tensor) -> Tensor:
    """Which landmarks are annotated: float [B, K, 2] -> float32 [B, K], 1 or 0."""
    return ops.cast(ops.logical_not(ops.isnan(true[..., 0])), "float32")


def _mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of the values [B, K] whose weight is 1; 0 if there is none."""
    # If all weights are 1, their mean is exactly 1 and the result is unchanged to the last bit.
    return ops.mean(values * weights) / ops.maximum(ops.mean(weights), 1e-7)


def _filled(true: Tensor, predicted: Tensor) -> Tensor:
    """`true` with NaN replaced by predictions: NaN times a weight of 0 would still be NaN."""
    return ops.where(ops.isnan(true), ops.stop_gradient(predicted), true)


def wing_loss(predicted: Tensor, true: Tensor) -> Tensor:
    """Wing loss: steep near zero, linear for outliers.

    For each coordinate: w * log(1 + |d| / e) if |d| < w, else |d| plus a constant. The width w and
    the curvature e are about those of the source at its input size of 256 pixels.

    Args:
      predicted: float [B, K, 2], crop fractions.
      true: as `predicted`; NaN where not annotated.

    Returns:
      float scalar, crop fractions.

    Source: Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018.
    """
    distance = ops.abs(predicted - _filled(true, predicted))
    constant = _WING_WIDTH - _WING_WIDTH * math.log1p(_WING_WIDTH / _WING_CURVATURE)
    near = _WING_WIDTH * ops.log1p(distance / _WING_CURVATURE)
    loss = ops.where(distance < _WING_WIDTH, near, distance - constant)
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
    maps: Tensor, labels: Tensor, foreground_weight: float, weights: Tensor
) -> Tensor:
    """Weighted squared error of response maps, whose cells are nearly all background.

    Each cell has the weight 1 + (foreground_weight - 1) * label: `foreground_weight` at a label's
    peak, 1 in the background.

    Args:
      maps: float [B, h, w, K].
      labels: float [B, h, w, K], in [0, 1].
      foreground_weight: at least 1.
      weights: float [B, K], 1 for the maps that count, 0 for the others.

    Returns:
      float scalar, the mean over cells.
    """
    of_cells = 1.0 + (foreground_weight - 1.0) * labels
    return _mean(of_cells * ops.square(maps - labels), weights[:, None, None])


def map_cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Cross-entropy between each label map, normalised to sum 1, and the softmax of its logits.

    No foreground weight is needed: every map sums to 1. A label map is 0 if its landmark lies far
    outside the crop; it then contributes 0.

    Args:
      logits: float [B, h, w, K].
      labels: float [B, h, w, K], non-negative.
      weights: float [B, K], 1 for the maps that count, 0 for the others.

    Returns:
      float scalar in nats, the mean over maps; its minimum is the entropy of the labels.
    """
    shares = cells_last(labels)
    shares = shares / (ops.sum(shares, axis=-1, keepdims=True) + 1e-7)
    return -_mean(ops.sum(shares * spatial_log_softmax(logits), axis=-1), weights)


def landmark_nll(landmarks: Tensor, scale_tril: Tensor, true: Tensor) -> Tensor:
    """Negative log-likelihood of the true landmarks under a Gaussian around the predicted ones.

    Args:
      landmarks: float [B, K, 2], crop fractions; no gradient flows into them, so training the
        uncertainty does not move the landmarks.
      scale_tril: float [B, K, 2, 2], lower-triangular with a positive diagonal: a Cholesky factor
        of each landmark's covariance.
      true: float [B, K, 2], crop fractions; NaN where not annotated.

    Returns:
      float scalar, nats per landmark.
    """
    gaussian = tfd.MultivariateNormalTriL(ops.stop_gradient(landmarks), scale_tril)
    return -_mean(gaussian.log_prob(_filled(true, landmarks)), annotated(true))


def visibility_loss(visibility: Tensor, visible: Tensor) -> Tensor:
    """Binary cross-entropy.

    Args:
      visibility: float [B, K], predicted probability that a landmark is visible.
      visible: float [B, K], 1 if it is visible, 0 if it is hidden or outside the crop; NaN if
        unknown, which is left out.

    Returns:
      float scalar, nats per landmark.
    """
    known = ops.logical_not(ops.isnan(visible))
    visible = ops.where(known, visible, ops.zeros_like(visible))
    return _mean(ops.binary_crossentropy(visible, visibility), ops.cast(known, "float32"))
