"""Every choice of an experiment as one field, and the named presets."""

import dataclasses
import math
import typing
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, TypeAlias

from evae_tf import fields
from evae_tf.errors import UsageError

ARCHITECTURES = ("cnn", "fcn", "fcn_cnn", "evae", "evae_cnn", "wt")
MAP_ARCHITECTURES = ("fcn", "evae")  # without a regressor: their landmarks are read off the maps

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
    """How strongly crops are changed. Rates are shares of the crops.

    Occluders, JPEG noise and blur are for fixed rows of a batch: the first, the middle and the last
    of them. Their shares are rounded to whole crops, so that a batch of few may have none, and no
    crop gets two of them unless their rows meet, which those of the default rates do not.

    Attributes:
      rotation_degrees: uniform in +- this.
      any_angle_rate: turned by any angle instead.
      scale: the crop's side is multiplied by a factor within [1 / (1 + scale), 1 + scale].
      shift: of the crop, within +- this fraction of its side, in x and in y; with `scale`, the
        careless box of a detector.
      mirror_rate: left and right change places, in the picture and in the markup.
      color: gain and offset of brightness, contrast and each channel, within +- this.
      grey_rate: colour thrown away.
      dark_rate: darkened, down to a twentieth, and rounded as a camera rounds.
      occluder_rate: something is pasted, see `data.occluders`.
      blur_rate: smoothed over up to 5 pixels.
      jpeg_rate: 8 x 8 cosine blocks rounded as a JPEG file rounds them.
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
        """Refuses values that no run could use.

        Raises:
          UsageError: a field is of another type, or out of range.
        """
        fields.check(self, "augmentation.")


@dataclasses.dataclass(frozen=True)
class Config:
    """What a training run is, apart from where its data lie.

    The defaults are those of the preset `default`. What no preset changes, such as `cache` and
    `crop_margin`, is there because users' data may ask for it. Tuples have one entry a stage. Sizes
    of maps are in cells, of crops in pixels; weights multiply terms of the objective
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
    refine: bool = True
    uncertainty: bool = True

    # Response maps: their labels, their loss, how landmarks are read off them.
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

    # The optimiser, under a cosine, with an average of the weights.
    optimizer: Literal["adamw", "muon"] = "muon"
    epochs: Count = 120
    batch_size: Count = 32
    learning_rate: Positive = 4e-3
    learning_rate_warmup: Share = 0.03
    weight_decay: Share = 1e-3
    ema_momentum: Annotated[float, fields.Range(0, 0.999999)] = 0.998
    mixed_precision: bool = False

    # Data: where crops are kept, how much context they have, how they are changed.
    cache: Literal["ram", "file"] = "ram"
    crop_context_px: Annotated[int, fields.Range(0, 4096)] = 8
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        """Refuses values that no run could use.

        Raises:
          UsageError: a field is of another type, or out of range.
        """
        fields.check(self)
        if self.architecture not in ARCHITECTURES:
            raise UsageError(
                f"architecture {self.architecture!r} is unknown: known are {list(ARCHITECTURES)}."
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
                raise UsageError(f"one entry a stage is needed in each of {lengths}.")
        side = math.lcm(_JPEG_BLOCK_PX, math.prod(self.encoder_strides))
        if self.input_size % side:
            raise UsageError(f"input_size={self.input_size}: must be a multiple of {side}.")
        if math.prod(self.decoder_strides) != math.prod(self.encoder_strides[1:]):
            raise UsageError(
                f"decoder_strides={self.decoder_strides}: their product must be that of "
                f"encoder_strides after the first, {math.prod(self.encoder_strides[1:])}: maps and "
                "early features are concatenated."
            )


# Grey input, plain convolutions, diamonds, squared error: what the paper's figures fix. Marked
# (ours): what they leave open.
_PAPER = Config(
    preset="paper",
    input_size=64,  # (ours), as all sizes: what two cores train in minutes
    grey=True,
    normalization=False,
    encoder_filters=(24, 48, 96),  # three convolutions; widths and strides (ours)
    encoder_strides=(2, 2, 2),
    encoder_blocks=(0, 0, 0),
    latent_channels=32,  # (ours)
    decoder_filters=(64, 48, 32),  # three transposed convolutions; widths and strides (ours)
    decoder_strides=(2, 2, 1),
    regressor_filters=(48, 64, 96),  # "several convolutions" (ours)
    regressor_strides=(2, 2, 2),
    regressor_blocks=(0, 0, 0),
    regressor_bottleneck=None,
    regressor_units=256,  # (ours)
    refine=False,
    uncertainty=False,
    map_label="diamond",
    map_label_size_px=1.3,  # 8 % of a 32-cell map across, as for 29 and 68 points
    map_loss="squared_error",
    map_foreground_weight=50.0,  # (ours): about background cells over foreground cells, damped
    map_readout_power=4,  # (ours)
    landmark_loss="squared_error",
    map_weight=100.0,  # (ours), as are the weights below
    kl_weight=0.1,
    landmark_weight=300.0,
    map_landmark_weight=0.0,
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=0.0,
    epochs=40,
    batch_size=16,
)

# `default` in small, for `make demo`: trained in minutes.
_DEMO = Config(
    preset="demo",
    input_size=96,
    encoder_filters=(24, 48, 64),
    encoder_blocks=(0, 0, 1),
    latent_channels=32,
    decoder_filters=(48, 48, 32),
    regressor_filters=(48, 64),
    regressor_blocks=(0, 1),
    regressor_bottleneck=24,
    regressor_units=128,
    epochs=14,
    ema_momentum=0.99,
)

# What ships. Pixels bought more than channels: going from 112 to 160 of them took 0.1 points off
# the error, twice the channels a third of that. The regressor refines the maps' landmarks by
# little, and stays small. In int8 the file has to stay under 1.2 MB, and below MediaPipe's time.
_MOBILE = Config(
    preset="mobile",
    input_size=144,
    encoder_filters=(48, 64, 96),
    encoder_blocks=(1, 2, 1),
    latent_channels=32,
    decoder_filters=(64, 64, 48),
    regressor_filters=(48, 96),
    regressor_blocks=(0, 0),
    regressor_bottleneck=12,
    regressor_units=160,
)

# Where time counts less: in float32 up to 12 times MediaPipe's.
_SERVER = dataclasses.replace(
    _MOBILE,
    preset="server",
    input_size=176,
    encoder_filters=(64, 96, 144),
    decoder_filters=(96, 96, 64),
    regressor_filters=(32, 96),
    regressor_bottleneck=32,
    regressor_units=256,
)

PRESETS = {preset.preset: preset for preset in (Config(), _PAPER, _DEMO, _MOBILE, _SERVER)}


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of `config` with some fields set from text.

    Args:
      config: a `Config`.
      assignments: list of "field=value", or "augmentation.field=value"; tuples are comma-separated,
        booleans `true` or `false`, `none` where a field may be empty.

    Raises:
      UsageError: an unknown field (the known ones are listed) or a value of another type.
    """
    kinds = dict(_fields(Config))
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise UsageError(
                f"--set {assignment}: expected field=value with a field of {sorted(kinds)}."
            )
        if name in ("preset", "dataset"):
            raise UsageError(f"--set {assignment}: use the flag --{name}.")
        values[name] = fields.parse(name, text, kinds[name])
    return _replaced(config, values)


def check_start(config: Config, init_from: object) -> None:
    """Refuses to train an architecture without the model that it starts from.

    Raises:
      UsageError: `init_from` is None, and the architecture starts from a model.
    """
    if config.architecture == "wt" and init_from is None:
        raise UsageError("architecture wt starts from a trained model: give --init_from.")


def _fields(record: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and types of what can be set, those of a record inside behind its name and a dot."""
    for name, kind in typing.get_type_hints(record).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def _replaced(record: Any, values: dict[str, Any]) -> Any:
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        outer, dot, field = name.partition(".")
        if dot:
            inner.setdefault(outer, {})[field] = value
        else:
            own[name] = value
    own |= {name: _replaced(getattr(record, name), part) for name, part in inner.items()}
    return dataclasses.replace(record, **own)


def to_dict(config: Config) -> dict[str, Any]:
    """The fields, ready for JSON; those of `augmentation` as a dict of their own."""
    record: dict[str, Any] = dataclasses.asdict(config)
    for name, value in record.items():
        if isinstance(value, tuple):
            record[name] = [*value]
    return record
