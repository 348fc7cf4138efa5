"""Builds the six models of the paper's comparison from a config."""

from typing import Any

from evae_tf.config import MAP_ARCHITECTURES, Config
from evae_tf.geometry import TIGHT_BOX
from evae_tf.markups import Markup
from evae_tf.metadata import ModelMetadata
from evae_tf.models.decoder import ResponseDecoder
from evae_tf.models.encoder import FaceEncoder
from evae_tf.models.evae import EVAE
from evae_tf.models.evae_cnn import EVAECNN
from evae_tf.models.landmark_cnn import LandmarkCNN
from evae_tf.models.local_offsets import LocalOffsets
from evae_tf.models.regressor import LandmarkRegressor
from evae_tf.models.response_maps import ResponseMapCodec
from evae_tf.models.sampling import GaussianSampling
from evae_tf.models.uncertainty import UncertaintyHead
from evae_tf.version import VERSION

_OFFSET_UNIT = 0.01  # landmarks read off the maps are mostly within 1 % of the crop of the truth


def build_model(
    config: Config, markup: Markup, face_box: tuple[float, float, float] = TIGHT_BOX
) -> EVAE | EVAECNN | LandmarkCNN:
    """The network of `config.architecture` for the landmarks of `markup`, built.

    Args:
      config: `Config`.
      markup: `Markup`.
      face_box: position of its input boxes around the landmarks, see `geometry.relative_box`.

    Returns:
      `EVAE` (`evae`, `fcn`), `EVAECNN` (`evae_cnn`, `fcn_cnn`, `wt`) or `LandmarkCNN` (`cnn`).
    """
    codec = ResponseMapCodec.of(config)
    metadata = ModelMetadata(
        markup=markup,
        input_size=config.input_size,
        crop_margin=config.crop_margin,
        architecture=config.architecture,
        preset=config.preset,
        map_label=codec.label,
        map_label_size_px=codec.label_size_px,
        readout_power=codec.readout_power,
        version=VERSION,
        face_box=face_box,
        side_shift=0.0 if config.augmentation.mirror_rate else None,
    ).to_dict()
    if config.architecture == "cnn":
        model = LandmarkCNN(_encoder(config, stages=1), _regressor(config, markup), metadata)
    else:
        model = _evae(config, markup, codec, metadata)
        if config.architecture not in MAP_ARCHITECTURES:
            regressor = _regressor(config, markup)
            uncertainty = None
            if config.uncertainty:
                uncertainty = UncertaintyHead(markup.num_points, name="uncertainty")
            local = None
            if config.local_channels is not None:
                local = LocalOffsets(
                    markup.num_points,
                    config.local_channels,
                    normalization=config.normalization,
                    offset_unit=_OFFSET_UNIT,
                    name="local_offsets",
                )
            model = EVAECNN(
                model, regressor, config.refine, uncertainty, metadata, local_offsets=local
            )
    model.build((None, config.input_size, config.input_size, 3))
    return model


def _encoder(config: Config, stages: int | None = None) -> FaceEncoder:
    return FaceEncoder(
        config.encoder_filters[:stages],
        config.encoder_strides[:stages],
        config.encoder_blocks[:stages],
        normalization=config.normalization,
        grey=config.grey,
        name="encoder",
    )


def _evae(
    config: Config, markup: Markup, codec: ResponseMapCodec, metadata: dict[str, Any]
) -> EVAE:
    variational = config.architecture in ("evae", "evae_cnn", "wt")
    sampling = GaussianSampling(config.latent_channels, config.sample_latent, name="sampling")
    decoder = ResponseDecoder(
        markup.num_points,
        config.decoder_filters,
        config.decoder_strides,
        normalization=config.normalization,
        softmax_peak=codec.softmax_peak if config.map_loss == "cross_entropy" else None,
        name="decoder",
    )
    return EVAE(
        _encoder(config),
        sampling if variational else None,
        decoder,
        codec.readout_power,
        metadata,
        name="evae",
    )


def _regressor(config: Config, markup: Markup) -> LandmarkRegressor:
    return LandmarkRegressor(
        markup.num_points,
        config.regressor_filters,
        config.regressor_strides,
        config.regressor_blocks,
        config.regressor_units,
        bottleneck=config.regressor_bottleneck,
        normalization=config.normalization,
        offset_unit=_OFFSET_UNIT if config.refine else 1.0,
        name="regressor",
    )
