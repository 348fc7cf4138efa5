"""The face detector's network, its targets and its loss.

The network is anchor-free: each cell of a map, 4 pixels wide, predicts whether it contains the
centre of a face, and the centre, side and five points of that face.

Source: centres as in Zhou et al., Objects as Points, 2019; targets of the cells around a centre as
in Liu et al., Training-Time-Friendly Network for Real-Time Object Detection, AAAI 2020.
"""

from collections.abc import Callable

import keras
import numpy as np
from keras import layers, ops

from evae_tf.array_types import FloatArray, Tensor
from recipes.detector.canvas import TILE_PX
from recipes.detector.mosaic import Tile

STRIDE_PX = 4
UNIT_PX = 32.0  # sides are encoded as log(side / UNIT_PX)
_CHANNELS = (16, 24, 40, 56, 64)  # at strides of 2, 4, 8, 16 and 32
_BLOCKS = (0, 1, 2, 2, 2)
_NECK = 32
_SPREAD = 0.1  # standard deviation of a centre's label, in sides of the face
_LEAST_SPREAD = 0.7  # in cells
_LEAST_LABEL = 0.5  # cells with a higher label than this learn the face's geometry
_PRIOR = -4.0
_GEOMETRY = 13  # centre, side, five points


def build(
    side: int | None = None, double: Callable[[int], layers.Layer] = layers.UpSampling2D
) -> keras.Model:
    """Images float32 [B, H, W, 3] in [0, 1] -> `centres` [B, h, w, 1], `geometry` [B, h, w, 13].

    h = H / 4 and w = W / 4; H and W are multiples of 32. `centres` are logits.

    Args:
      side: H and W; None: any.
      double: function of 2 that returns a layer which doubles the size of maps.
    """
    images = keras.Input((side, side, 3), name="images")
    x = _convolved(images * 2 - 1, _CHANNELS[0], stride=2)
    scales: list[Tensor] = []
    for channels, blocks in zip(_CHANNELS[1:], _BLOCKS[1:], strict=True):
        x = _convolved(x, channels, stride=2)
        for _ in range(blocks):
            x = layers.add([x, _convolved(x, channels)])
        scales.append(x)
    y = _convolved(scales[-1], _NECK, 1)
    for finer in scales[-2::-1]:
        y = layers.add([double(2)(y), _convolved(finer, _NECK, 1)])
        y = _convolved(y, _NECK)
    y = layers.add([y, _convolved(y, _NECK)])
    centres = layers.Conv2D(
        1, 1, name="centres", dtype="float32", bias_initializer=keras.initializers.Constant(_PRIOR)
    )
    geometry = layers.Conv2D(_GEOMETRY, 1, name="geometry", dtype="float32")
    return keras.Model(images, {"centres": centres(y), "geometry": geometry(y)})


def _convolved(x: Tensor, channels: int, size: int = 3, stride: int = 1) -> Tensor:
    x = layers.Conv2D(channels, size, stride, "same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def targets(tile: Tile) -> FloatArray:
    """The network's targets for a tile: float32 [h, w, 16].

    The channels are the label of the centre, 1 in its cell; whether the cell counts; the weight of
    its geometry; and the 13 numbers of the geometry.
    """
    cells = TILE_PX // STRIDE_PX
    target = np.zeros((cells, cells, 3 + _GEOMETRY), np.float32)
    target[..., 1] = 1
    places = np.arange(cells) * STRIDE_PX + (STRIDE_PX - 1) / 2
    for x, y, side in tile.unsure:
        inside = [np.abs(places - centre) < side / 2 for centre in (x, y)]
        target[..., 1][np.outer(inside[1], inside[0])] = 0
    # The smallest last: of overlapping faces, it is in front more often.
    for index in np.argsort(-tile.squares[:, 2]):
        x, y, side = tile.squares[index].tolist()
        spread = max(_SPREAD * side, _LEAST_SPREAD * STRIDE_PX)
        along_x, along_y = (
            np.exp(-((places - centre) ** 2) / (2 * spread**2)) for centre in (x, y)
        )
        label = np.outer(along_y, along_x)
        column, row = (int((centre + 0.5) // STRIDE_PX) for centre in (x, y))
        if 0 <= column < cells and 0 <= row < cells:
            label[row, column] = 1
        target[..., 0] = np.maximum(target[..., 0], label)
        learns = label > _LEAST_LABEL
        if not learns.any():
            continue
        target[learns, 1] = 1
        target[learns, 2] = label[learns] / label[learns].sum()
        rows, columns = np.nonzero(learns)
        cell = np.stack([places[columns], places[rows]], axis=1)
        points = (tile.five[index].reshape(1, 10) - np.tile([x, y], 5)) / side
        target[learns, 3:] = np.concatenate(
            [
                (np.array([x, y]) - cell) / UNIT_PX,
                np.full((len(cell), 1), np.log(side / UNIT_PX)),
                np.repeat(points, len(cell), axis=0),
            ],
            axis=1,
        )
    return target


class FaceDetector(keras.Model):
    """A network with its loss, for `fit`.

    Args:
      network: a network of `build`.
    """

    def __init__(self, network: keras.Model, **kwargs) -> None:
        super().__init__(**kwargs)
        self.network = network
        names = ("centre_loss", "geometry_loss", "point_loss")
        self.means = {name: keras.metrics.Mean(name) for name in names}

    @property
    def metrics(self):
        return [*super().metrics, *self.means.values()]

    def call(self, images, training=None):
        return self.network(images, training=training)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Focal loss of the centres, and L1 of the geometry around them."""
        count = ops.maximum(ops.sum(y[..., 2]), 1.0)  # of faces: the weights of each sum to 1
        parts = {
            "centre_loss": ops.sum(focal(y_pred["centres"][..., 0], y[..., 0]) * y[..., 1]) / count
        }
        wrong = ops.abs(y_pred["geometry"] - y[..., 3:]) * y[..., 2:3]
        weight = ops.exp(-y[..., 5:6])  # errors of centres relative to the side, as the others
        parts["geometry_loss"] = (
            ops.sum(wrong[..., :2] * weight) + ops.sum(wrong[..., 2:3])
        ) / count
        parts["point_loss"] = ops.sum(wrong[..., 3:]) / count
        for name, part in parts.items():
            self.means[name].update_state(part)
        return parts["centre_loss"] + parts["geometry_loss"] + 0.5 * parts["point_loss"]


def focal(logits: Tensor, labels: Tensor) -> Tensor:
    """Penalty-reduced focal loss of each cell; `labels` is 1 at centres, less around them."""
    probability = ops.sigmoid(logits)
    centre = ops.cast(labels > 0.999, logits.dtype)
    hit = -ops.log_sigmoid(logits) * (1 - probability) ** 2
    false = -ops.log_sigmoid(-logits) * probability**2 * (1 - labels) ** 4
    return centre * hit + (1 - centre) * false
