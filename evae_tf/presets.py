"""The named configurations."""

import dataclasses

from evae_tf.config import Config

# The paper's figures specify grey input, plain convolutions, diamonds and squared error. Values
# marked (ours) are not specified.
_PAPER = Config(
    preset="paper",
    input_size=64,  # (ours), like all sizes: two cores train it in minutes
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
    map_label_size_px=1.3,  # 8 % of the width of a 32-cell map, as for 29 and 68 points
    map_loss="squared_error",
    map_foreground_weight=50.0,  # (ours): about the ratio of background to foreground, damped
    map_readout_power=4,  # (ours)
    landmark_loss="squared_error",
    map_weight=100.0,  # (ours), like the weights below
    kl_weight=0.1,
    landmark_weight=300.0,
    map_landmark_weight=0.0,
    optimizer="adamw",
    learning_rate=1e-3,
    weight_decay=0.0,
    epochs=40,
    batch_size=16,
)

# A small `default` for `make demo`, trained in minutes.
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

# The shipped model. Resolution helped more than channels: 160 instead of 112 pixels reduced the
# error by 0.1 points, twice the channels by a third of that. The regressor stays small, because it
# refines the maps' landmarks only slightly. The int8 file has to stay below 1.2 MB and MediaPipe's
# latency.
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
    local_channels=16,
)

# For less tight latency budgets: in float32 up to 12 times that of MediaPipe.
_SERVER = dataclasses.replace(
    _MOBILE,
    preset="server",
    input_size=176,
    encoder_filters=(64, 96, 144),
    decoder_filters=(96, 96, 64),
    regressor_filters=(32, 96),
    regressor_bottleneck=32,
    regressor_units=256,
    local_channels=32,
)

PRESETS = {preset.preset: preset for preset in (Config(), _PAPER, _DEMO, _MOBILE, _SERVER)}
