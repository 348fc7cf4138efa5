"""The configuration of an experiment."""

import dataclasses
import math
from typing import Annotated, Any, Literal, TypeAlias

from evae_tf import fields
from evae_tf.errors import UsageError

ARCHITECTURES = ("cnn", "fcn", "fcn_cnn", "evae", "evae_cnn", "wt")
MAP_ARCHITECTURES = ("fcn", "evae")  # no regressor: landmarks are decoded from the maps

_JPEG_BLOCK_PX = 8  # the JPEG noise of `data.augment` works on whole blocks
_MANY = 10**6


Share: TypeAlias = Annotated[float, fields.Range(0, 1)]
Weight: TypeAlias = Annotated[float, fields.Range(0, 1e9)]
Positive: TypeAlias = Annotated[float, fields.Range(1e-9, 1e3)]
Count: TypeAlias = Annotated[int, fields.Range(1, _MANY)]
Channels: TypeAlias = Annotated[tuple[int, ...], fields.Range(1, _MANY)]
Strides: TypeAlias = Annotated[tuple[int, ...], fields.Range(1, 16)]
Blocks: TypeAlias = Annotated[tuple[int, ...], fields.Range(0, 1000)]


@dataclasses.dataclass(frozen=True)
class Augmentation:
    """Strength of the augmentation. Rates are fractions of the crops.

    Occluders, JPEG noise and blur apply to fixed rows of a batch: the first, the middle and the
    last ones. Their rates are rounded to whole crops, so a small batch may have none. At the
    default rates the rows do not overlap, so no crop gets two of them.

    Attributes:
      rotation_degrees: rotation, uniform within +- this.
      any_angle_rate: rotation by an arbitrary angle instead.
      scale: the crop's side is multiplied by a factor within [1 / (1 + scale), 1 + scale].
      shift: shift in x and y, within +- this fraction of the crop's side; together with `scale` it
        simulates rough detector boxes.
      mirror_rate: horizontal flip of image and markup.
      color: contrast changes by up to this factor; brightness and each channel by half of it.
      grey_rate: conversion to grey.
      dark_rate: darkening, down to a twentieth, and rounding to 8 bits.
      occluder_rate: a pasted occluder, see `data.occluders`.
      blur_rate: blur over up to 5 pixels.
      jpeg_rate: JPEG noise: quantised cosine coefficients of 8 x 8 blocks.
    """

    rotation_degrees: Annotated[float, fields.Range(0, 180)] = 30.0
    any_angle_rate: Share = 0.0
    scale: Share = 0.2
    shift: Share = 0.08
    mirror_rate: Share = 0.5
    color: Share = 0.3
    grey_rate: Share = 0.1
    dark_rate: Share = 0.0
    occluder_rate: Share = 0.3
    blur_rate: Share = 0.25
    jpeg_rate: Share = 0.25

    def __post_init__(self) -> None:
        """Checks types and ranges.

        Raises:
          UsageError: a field is of another type, or out of range.
        """
        fields.check(self, "augmentation.")


@dataclasses.dataclass(frozen=True)
class Config:
    """The configuration of a training run, except the location of its data.

    The defaults are the preset `default`; `presets` has the others. Fields that no preset changes,
    such as `cache` and `crop_margin`, are for users' data. Tuples have one entry per stage. Map
    sizes are in cells, crop sizes in pixels. Weights multiply terms of the objective
    (`training.objective`).
    """

    preset: str = "default"
    architecture: str = "evae_cnn"
    dataset: str = "synthetic"
    seed: Annotated[int, fields.Range(0, 2**32 - 1)] = 0

    # The crop. Its side is (1 + crop_margin) times the longer side of the face's box.
    input_size: Annotated[int, fields.Range(1, 4096)] = 112
    crop_margin: Annotated[float, fields.Range(-0.5, 10)] = 0.25

    # The networks.
    grey: bool = False
    normalization: bool = True
    encoder_filters: Channels = (48, 64, 128)
    encoder_strides: Strides = (4, 2, 2)
    encoder_blocks: Blocks = (0, 1, 1)
    latent_channels: Count = 64
    sample_latent: bool = True
    decoder_filters: Channels = (96, 96, 64)
    decoder_strides: Strides = (1, 2, 2)
    regressor_filters: Channels = (64, 128)
    regressor_strides: Strides = (2, 2)
    regressor_blocks: Blocks = (1, 1)
    regressor_bottleneck: Annotated[int | None, fields.Range(1, 4096)] = 32
    regressor_units: Count = 256
    local_channels: Annotated[int | None, fields.Range(1, 4096)] = None
    refine: bool = True
    uncertainty: bool = True

    # Response maps: labels, loss, and decoding of landmarks.
    map_label: Literal["gaussian", "diamond"] = "gaussian"
    map_label_size_px: Positive = 1.0
    map_loss: Literal["cross_entropy", "squared_error"] = "cross_entropy"
    map_foreground_weight: Annotated[float, fields.Range(1, 1e9)] = 1.0
    map_readout_power: Annotated[int, fields.Range(1, 4096)] = 1

    # The objective.
    landmark_loss: Literal["wing", "squared_error"] = "wing"
    map_weight: Weight = 1.0
    kl_weight: Weight = 0.1
    kl_warmup: Share = 0.2
    landmark_weight: Weight = 100.0
    map_landmark_weight: Weight = 50.0

    # The optimiser, with cosine decay and an average of the weights.
    optimizer: Literal["adamw", "muon"] = "muon"
    epochs: Count = 120
    batch_size: Count = 32
    learning_rate: Positive = 4e-3
    learning_rate_warmup: Share = 0.03
    weight_decay: Share = 1e-3
    ema_momentum: Annotated[float, fields.Range(0, 0.999999)] = 0.998
    mixed_precision: bool = False

    # Data: cache of the crops, context around them, augmentation.
    cache: Literal["ram", "file"] = "ram"
    crop_context_px: Annotated[int, fields.Range(0, 4096)] = 8
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        """Checks types and ranges.

        Raises:
          UsageError: a field is of another type, or out of range.
        """
        fields.check(self)
        if self.architecture not in ARCHITECTURES:
            raise UsageError(
                f"architecture {self.architecture!r} is unknown, expected one of "
                f"{list(ARCHITECTURES)}."
            )
        self._check_stages()

    def _check_stages(self) -> None:
        for part in ("encoder", "decoder", "regressor"):
            stages: dict[str, Any] = {
                name: value
                for name, value in vars(self).items()
                if name.startswith(f"{part}_") and isinstance(value, tuple)
            }
            lengths = {name: len(value) for name, value in stages.items()}
            if len(set(lengths.values())) > 1:
                raise UsageError(
                    f"found tuples of different lengths {lengths}, expected one entry per stage in "
                    "each."
                )
        if not self.encoder_filters:
            raise UsageError("encoder_filters are empty, expected one entry per stage.")
        side = math.lcm(_JPEG_BLOCK_PX, math.prod(self.encoder_strides))
        if self.input_size % side:
            raise UsageError(f"input_size={self.input_size}: must be a multiple of {side}.")
        if math.prod(self.decoder_strides) != math.prod(self.encoder_strides[1:]):
            raise UsageError(
                f"decoder_strides={self.decoder_strides}: the product must equal that of "
                f"encoder_strides after the first, {math.prod(self.encoder_strides[1:])}, because "
                "maps and early features are concatenated."
            )


def check_start(config: Config, init_from: object) -> None:
    """Checks that an architecture that starts from a trained model is given one.

    Raises:
      UsageError: `init_from` is None, and the architecture starts from a model.
    """
    if config.architecture == "wt" and init_from is None:
        raise UsageError("architecture wt starts from a trained model: use --init_from.")


def to_dict(config: Config) -> dict[str, Any]:
    """A JSON-ready dict; `augmentation` is a nested dict."""
    record: dict[str, Any] = dataclasses.asdict(config)
    for name, value in record.items():
        if isinstance(value, tuple):
            record[name] = [*value]
    return record
