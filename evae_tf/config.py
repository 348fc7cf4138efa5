"""Every choice of an experiment as one field, and the named presets."""

import dataclasses
import math
import types
import typing

from evae_tf.errors import InputError

ARCHITECTURES = ("cnn", "fcn", "fcn_cnn", "evae", "evae_cnn", "wt")
MAP_ARCHITECTURES = ("fcn", "evae")  # without a regressor: their landmarks are read off the maps


@dataclasses.dataclass(frozen=True)
class Config:
    """What a training run is, apart from where its data lie.

    The defaults are those of the preset `default`. Tuples have one entry a stage. Sizes of maps
    are in cells, of crops in pixels; weights multiply terms of the objective (`losses.py`).
    """

    preset: str = "default"
    architecture: str = "evae_cnn"
    dataset: str = "synthetic"
    seed: int = 0

    # The crop. Its side is (1 + crop_margin) times the longer side of the face's box.
    input_size: int = 112
    crop_margin: float = 0.25

    # The networks.
    grey: bool = False
    normalization: bool = True
    encoder_filters: tuple[int, ...] = (48, 64, 128)
    encoder_strides: tuple[int, ...] = (4, 2, 2)
    encoder_blocks: tuple[int, ...] = (0, 1, 1)
    latent_channels: int = 64
    sample_latent: bool = True
    decoder_filters: tuple[int, ...] = (96, 96, 64)
    decoder_strides: tuple[int, ...] = (1, 2, 2)
    regressor_filters: tuple[int, ...] = (64, 128)
    regressor_strides: tuple[int, ...] = (2, 2)
    regressor_blocks: tuple[int, ...] = (1, 1)
    regressor_bottleneck: int | None = 32
    regressor_units: int = 256
    regressor_dropout: float = 0.0
    refine: bool = True
    uncertainty: bool = True

    # Response maps: their labels, their loss, how landmarks are read off them.
    map_label: typing.Literal["gaussian", "diamond"] = "gaussian"
    map_label_size_px: float = 1.0
    map_loss: typing.Literal["cross_entropy", "squared_error"] = "cross_entropy"
    map_foreground_weight: float = 1.0
    map_readout_power: int = 1

    # The objective.
    landmark_loss: typing.Literal["wing", "squared_error"] = "wing"
    map_weight: float = 1.0
    kl_weight: float = 0.1
    kl_warmup: float = 0.2
    landmark_weight: float = 100.0
    map_landmark_weight: float = 50.0

    # The optimiser, under a cosine, with an average of the weights.
    optimizer: typing.Literal["adamw", "muon"] = "muon"
    epochs: int = 120
    batch_size: int = 32
    learning_rate: float = 4e-3
    learning_rate_warmup: float = 0.03
    weight_decay: float = 1e-3
    ema_momentum: float = 0.998
    mixed_precision: bool = False

    # Data: where crops are kept, how much context they have, how they are changed.
    cache: typing.Literal["ram", "file"] = "ram"
    crop_context_px: int = 8
    augment_rotation_degrees: float = 30.0
    augment_scale: float = 0.2
    augment_shift: float = 0.08
    augment_mirror_rate: float = 0.5
    augment_color: float = 0.3
    augment_grey_rate: float = 0.1
    augment_occluder_rate: float = 0.3
    augment_blur_rate: float = 0.25
    augment_jpeg_rate: float = 0.25

    def __post_init__(self):
        """Refuses values that no run could use.

        Raises:
          InputError: a field is out of range.
        """
        if self.architecture not in ARCHITECTURES:
            raise InputError(
                f"architecture {self.architecture!r} is unknown: known are {list(ARCHITECTURES)}."
            )
        for name, (low, high) in _RANGES.items():
            value = getattr(self, name)
            for number in value if isinstance(value, tuple) else (value,):
                if number is not None and not low <= number <= high:
                    raise InputError(f"{name}={value}: must lie within {low} and {high}.")
        self._check_stages()

    def _check_stages(self):
        for part in ("encoder", "decoder", "regressor"):
            lengths = {
                name: len(value)
                for name, value in vars(self).items()
                if name.startswith(f"{part}_") and isinstance(value, tuple)
            }
            if len(set(lengths.values())) > 1:
                raise InputError(f"one entry a stage is needed in each of {lengths}.")
        side = math.lcm(_JPEG_BLOCK_PX, math.prod(self.encoder_strides))
        if self.input_size % side:
            raise InputError(f"input_size={self.input_size}: must be a multiple of {side}.")
        if math.prod(self.decoder_strides) != math.prod(self.encoder_strides[1:]):
            raise InputError(
                f"decoder_strides={self.decoder_strides}: their product must be that of "
                f"encoder_strides after the first, {math.prod(self.encoder_strides[1:])}: maps and "
                "early features are concatenated."
            )


_JPEG_BLOCK_PX = 8  # the JPEG noise of `data.augment` works on whole blocks
_MANY = 10**6
_RANGES = {
    **dict.fromkeys(["epochs", "batch_size", "latent_channels", "regressor_units"], (1, _MANY)),
    **dict.fromkeys(["input_size", "regressor_bottleneck", "map_readout_power"], (1, 4096)),
    **dict.fromkeys(["encoder_strides", "decoder_strides", "regressor_strides"], (1, 16)),
    **dict.fromkeys(["encoder_filters", "decoder_filters", "regressor_filters"], (1, _MANY)),
    **dict.fromkeys(["encoder_blocks", "regressor_blocks"], (0, 1000)),
    **dict.fromkeys(["learning_rate", "map_label_size_px"], (1e-9, 1e3)),
    **dict.fromkeys(
        ["map_weight", "kl_weight", "landmark_weight", "map_landmark_weight"], (0, 1e9)
    ),
    **dict.fromkeys(["kl_warmup", "learning_rate_warmup", "regressor_dropout"], (0, 1)),
    **dict.fromkeys(["augment_mirror_rate", "augment_grey_rate", "augment_color"], (0, 1)),
    **dict.fromkeys(["augment_occluder_rate", "augment_blur_rate", "augment_jpeg_rate"], (0, 1)),
    **dict.fromkeys(["augment_scale", "augment_shift"], (0, 1)),
    "augment_rotation_degrees": (0, 180),
    "map_foreground_weight": (1, 1e9),
    "weight_decay": (0, 1),
    "ema_momentum": (0, 0.999999),
    "crop_margin": (-0.5, 10),
    "crop_context_px": (0, 4096),
    "seed": (0, 2**32 - 1),
}

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

# Bounded by time in float32 alone: 4.4 times MediaPipe's.
_SERVER = dataclasses.replace(
    _MOBILE,
    preset="server",
    input_size=176,
    regressor_filters=(32, 96),
    regressor_bottleneck=32,
    regressor_units=256,
)

PRESETS = {preset.preset: preset for preset in (Config(), _PAPER, _DEMO, _MOBILE, _SERVER)}


def override(config, assignments):
    """A copy of `config` with some fields set from text.

    Args:
      config: a `Config`.
      assignments: list of "field=value"; tuples are comma-separated, booleans `true` or `false`,
        `none` where a field may be empty.

    Raises:
      InputError: an unknown field (the known ones are listed) or a value of another type.
    """
    hints = typing.get_type_hints(Config)
    values = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in hints:
            raise InputError(
                f"--set {assignment}: expected field=value with a field of {sorted(hints)}."
            )
        if name in ("preset", "dataset"):
            raise InputError(f"--set {assignment}: use the flag --{name}.")
        values[name] = _parse(name, text, hints[name])
    return dataclasses.replace(config, **values)


def _parse(name, text, kind):
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    try:
        if origin is types.UnionType:
            return None if text == "none" else options[0](text)
        if origin is tuple:
            return tuple(options[0](part) for part in text.split(","))
        if origin is typing.Literal or kind is bool:
            known = {str(option): option for option in options} or {"true": True, "false": False}
            return known[text]
        return kind(text)
    except (KeyError, ValueError) as error:
        expected = " or ".join(known) if isinstance(error, KeyError) else f"a value of type {kind}"
        raise InputError(f"--set {name}={text}: expected {expected}.") from error


def to_dict(config):
    """The fields, ready for JSON."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in dataclasses.asdict(config).items()
    }
