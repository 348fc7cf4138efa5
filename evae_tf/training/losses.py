"""The terms of the objective, each a mean over the batch (`keras.ops`).

The KL term is computed where the posterior lives, in `models.sampling`.
"""

import math

from keras import ops

from evae_tf.models.probability import tfd
from evae_tf.models.response_maps import spatial_log_softmax


def wing_loss(predicted, true, width=0.04, curvature=0.008):
    """Distance that stays sharp near zero and grows linearly for outliers.

    width * log(1 + |d| / curvature) below `width`, |d| plus a constant above, for each coordinate.

    Args:
      predicted: float [B, K, 2], crop fractions.
      true: as `predicted`.
      width: where the logarithm ends, crop fractions.
      curvature: the smaller, the sharper near zero, crop fractions. Both defaults are those of the
        source at its input of 256 px (10 and 2 px).

    Returns:
      float scalar, crop fractions.

    Source: Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018.
    """
    distance = ops.abs(predicted - true)
    constant = width - width * math.log1p(width / curvature)
    near = width * ops.log1p(distance / curvature)
    return ops.mean(ops.where(distance < width, near, distance - constant))


def squared_landmark_error(predicted, true):
    """Mean squared coordinate error: float [B, K, 2] twice, crop fractions -> float scalar."""
    return ops.mean(ops.square(predicted - true))


def map_squared_error(maps, labels, foreground_weight):
    """Squared error of response maps whose cells are nearly all background.

    Each cell is weighted by 1 + (foreground_weight - 1) * label: a label's peak counts
    `foreground_weight` times what background counts.

    Args:
      maps: float [B, h, w, K].
      labels: float [B, h, w, K], in [0, 1].
      foreground_weight: at least 1.

    Returns:
      float scalar, mean over cells.
    """
    weights = 1.0 + (foreground_weight - 1.0) * labels
    return ops.mean(weights * ops.square(maps - labels))


def map_cross_entropy(logits, labels):
    """Cross-entropy between each label map, scaled to sum 1, and the softmax over its cells.

    There is no imbalance to weight away: every map holds one unit of mass. A label whose landmark
    lies so far outside the crop that nothing of it is left counts 0.

    Args:
      logits: float [B, h, w, K].
      labels: float [B, h, w, K], non-negative.

    Returns:
      float scalar in nats, mean over maps; its minimum is the entropy of the labels.
    """
    height, width, num_points = labels.shape[1:]
    cells = ops.transpose(ops.reshape(labels, (-1, height * width, num_points)), (0, 2, 1))
    cells = cells / (ops.sum(cells, axis=-1, keepdims=True) + 1e-7)
    return -ops.mean(ops.sum(cells * spatial_log_softmax(logits), axis=-1))


def landmark_nll(landmarks, scale_tril, true):
    """Negative log-likelihood of the true landmarks under a Gaussian around the predicted ones.

    Args:
      landmarks: float [B, K, 2], crop fractions; no gradient flows into them, so that how sure a
        network says it is does not change where it says the landmarks are.
      scale_tril: float [B, K, 2, 2], lower-triangular with a positive diagonal: a Cholesky factor
        of each landmark's covariance.
      true: float [B, K, 2], crop fractions.

    Returns:
      float scalar, nats for each landmark.
    """
    gaussian = tfd.MultivariateNormalTriL(ops.stop_gradient(landmarks), scale_tril)
    return -ops.mean(gaussian.log_prob(true))


def visibility_loss(visibility, visible):
    """Binary cross-entropy.

    Args:
      visibility: float [B, K], predicted probability that a landmark can be seen.
      visible: float [B, K], 1 where it can, 0 where it is covered or outside the crop.

    Returns:
      float scalar, nats for each landmark.
    """
    return ops.mean(ops.binary_crossentropy(visible, visibility))
