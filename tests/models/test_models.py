"""Layers and networks: shapes, gradients, saving, and the sizes in the paper's figures."""

import dataclasses

import keras
import numpy as np
import pytest
from keras import ops

from evae_tf import config as configs
from evae_tf import markups
from evae_tf.models.blocks import ConvBlock, ResidualBlock, Stage
from evae_tf.models.build import build_model
from evae_tf.models.decoder import ResponseDecoder
from evae_tf.models.encoder import FaceEncoder
from evae_tf.models.regressor import LandmarkRegressor
from evae_tf.models.sampling import GaussianSampling
from evae_tf.presets import PRESETS

MTFL = markups.MARKUPS["mtfl_5"]


def small(preset="default", **fields):
    """The preset with small networks."""
    fields = {
        "encoder_filters": (8, 12, 16),
        "decoder_filters": (12, 10, 8),
        "latent_channels": 6,
        "regressor_filters": (12, 16, 8)[: len(PRESETS[preset].regressor_filters)],
        "regressor_units": 24,
        "input_size": 64,
        **fields,
    }
    return dataclasses.replace(PRESETS[preset], **fields)


def images(count=2, size=64, seed=0):
    return np.random.default_rng(seed).uniform(0, 1, (count, size, size, 3)).astype(np.float32)


def numpy(tensor):
    return ops.convert_to_numpy(tensor)


LAYERS = {
    "conv_block": (ConvBlock(7, strides=2, kernel_size=5), (2, 48, 64, 3)),
    "transposed": (ConvBlock(7, strides=2, kernel_size=4, transposed=True), (2, 12, 16, 5)),
    "residual": (ResidualBlock(5, normalization=False), (2, 12, 16, 5)),
    "stage": (Stage(7, strides=4, blocks=2), (2, 48, 64, 3)),
    "encoder": (FaceEncoder((4, 6, 8), (2, 2, 1), (0, 1, 0), grey=True), (2, 48, 64, 3)),
    "sampling": (GaussianSampling(6), (2, 6, 8, 5)),
    "decoder": (ResponseDecoder(5, (8, 6), (2, 1), softmax_peak=3.0), (2, 6, 8, 4)),
    "regressor": (
        LandmarkRegressor(5, (8, 6), (2, 2), (0, 1), units=9, bottleneck=3, offset_unit=2.0),
        (2, 12, 16, 4),
    ),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_survives_its_config_and_tells_its_output_shape(name):
    layer, shape = LAYERS[name]
    inputs = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    outputs = keras.tree.map_structure(numpy, layer(inputs))
    shapes = [output.shape for output in keras.tree.flatten(outputs)]
    promised = layer.compute_output_shape(shape)
    promised = [promised] if isinstance(promised[0], int) else list(promised)
    assert shapes == [tuple(s) for s in promised]
    twin = type(layer).from_config(layer.get_config())
    twin.build(shape)
    twin.set_weights(layer.get_weights())
    again = keras.tree.map_structure(numpy, twin(inputs))
    keras.tree.map_structure(np.testing.assert_array_equal, outputs, again)


def paint(inputs, kernel, strides):
    """A transposed convolution by definition: the sum of kernels scaled by the cells."""
    size, (batch, height, width, _) = kernel.shape[0], inputs.shape
    shape = ((cells - 1) * strides + size for cells in (height, width))
    painted = np.zeros((batch, *shape, kernel.shape[2]))
    for i, j in np.ndindex(height, width):
        stroke = np.einsum("bc,yxoc->byxo", inputs[:, i, j], kernel)
        painted[:, i * strides :, j * strides :][:, :size, :size] += stroke
    first = (size - strides) // 2
    return painted[:, first:, first:][:, : height * strides, : width * strides]


@pytest.mark.parametrize(
    ("strides", "kernel_size"), [(1, 3), (2, 4), (2, 6), (3, 3), (3, 6), (4, 8)]
)
def test_a_transposed_convolution_paints_in_training_and_in_inference(strides, kernel_size):
    random = np.random.default_rng(0)
    layer = ConvBlock(7, strides, kernel_size, transposed=True, normalization=False)
    inputs = random.normal(size=(2, 4, 5, 3)).astype(np.float32)
    layer.build(inputs.shape)
    bias = random.normal(size=7)
    layer.convolution.bias.assign(bias)
    expected = np.maximum(paint(inputs, numpy(layer.convolution.kernel), strides) + bias, 0)
    for training in (True, False):
        outputs = numpy(layer(inputs, training=training))
        np.testing.assert_allclose(outputs, expected, atol=1e-5)


def test_a_transposed_convolution_is_normalised_in_inference():
    random = np.random.default_rng(0)
    layer = ConvBlock(7, 2, kernel_size=4, transposed=True, activation=False)
    inputs = random.normal(size=(2, 4, 5, 3)).astype(np.float32)
    layer.build(inputs.shape)
    for weight in layer.norm.weights:
        weight.assign(random.uniform(0.5, 2, size=weight.shape))
    expected = numpy(layer.norm(paint(inputs, numpy(layer.convolution.kernel), 2)))
    np.testing.assert_allclose(numpy(layer(inputs)), expected, rtol=1e-4, atol=1e-5)


def test_kl_is_the_closed_form_of_a_diagonal_gaussian():
    layer = GaussianSampling(6)
    features = np.random.default_rng(1).normal(size=(3, 4, 5, 7)).astype(np.float32)
    _, kl = layer(features)
    mu = numpy(layer.mu_head(features)).astype(np.float64)
    sigma = np.log1p(np.exp(numpy(layer.sigma_head(features)).astype(np.float64))) + 1e-4
    each = 0.5 * (mu**2 + sigma**2 - 1) - np.log(sigma)
    np.testing.assert_allclose(numpy(kl), each.mean(axis=(1, 2, 3)), rtol=1e-4)


def test_samples_have_the_posterior_s_mean_and_deviation():
    keras.utils.set_random_seed(5)
    layer = GaussianSampling(6)
    features = np.random.default_rng(1).normal(size=(1, 4, 5, 7)).astype(np.float32)
    mean, _ = layer(features)
    samples = np.stack([numpy(layer(features, training=True)[0]) for _ in range(1000)])
    sigma = np.log1p(np.exp(numpy(layer.sigma_head(features)))) + 1e-4
    # Five standard errors of 1,000 samples.
    assert np.abs((samples.mean(axis=0) - numpy(mean)) / sigma).max() < 5 / np.sqrt(1000)
    assert np.abs(samples.std(axis=0) / sigma - 1).max() < 5 / np.sqrt(2000)


def test_without_sampling_the_code_is_the_mean_in_training_too():
    layer = GaussianSampling(6, sample=False)
    features = np.random.default_rng(1).normal(size=(2, 4, 5, 7)).astype(np.float32)
    (trained, kl), (mean, _) = layer(features, training=True), layer(features)
    np.testing.assert_array_equal(numpy(trained), numpy(mean))
    assert numpy(kl).min() > 0


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_each_architecture_predicts_saves_and_loads(architecture, preset, tmp_path):
    config = small(preset, architecture=architecture)
    model = build_model(config, MTFL)
    outputs = keras.tree.map_structure(numpy, model(images()))
    expected = {"landmarks"} if architecture == "cnn" else {"landmarks", "response_maps"}
    if config.uncertainty and architecture in ("fcn_cnn", "evae_cnn", "wt"):
        expected |= {"covariance", "visibility"}
    assert set(outputs) == expected
    assert outputs["landmarks"].shape == (2, 5, 2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.metadata == model.metadata
    again = keras.tree.map_structure(numpy, loaded(images()))
    keras.tree.map_structure(np.testing.assert_array_equal, outputs, again)


@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_inference_has_no_randomness_and_training_has(architecture):
    model = build_model(small(architecture=architecture, normalization=False), MTFL)
    first, second = (numpy(model(images())["landmarks"]) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    if architecture in ("evae", "evae_cnn", "wt"):
        first, second = (numpy(model(images(), training=True)["map_logits"]) for _ in range(2))
        assert np.abs(first - second).max() > 1e-5


def test_offsets_are_counted_in_their_unit():
    features = np.random.default_rng(0).normal(size=(2, 12, 16, 4)).astype(np.float32)
    whole, small = (
        LandmarkRegressor(5, (8,), (2,), (0,), units=9, offset_unit=unit) for unit in (1.0, 0.01)
    )
    offsets, hidden = whole(features)
    small.build(features.shape)
    small.set_weights(whole.get_weights())
    np.testing.assert_allclose(numpy(small(features)[0]), 0.01 * numpy(offsets), rtol=1e-5)
    np.testing.assert_array_equal(numpy(small(features)[1]), numpy(hidden))


def test_the_paper_preset_has_the_layers_of_the_figure():
    config = PRESETS["paper"]
    model = build_model(config, markups.MARKUPS["ibug_68"])
    encoder, decoder = model.evae.encoder, model.evae.decoder
    assert encoder.grey
    kinds = [type(layer).__name__ for layer in _leaves(encoder)]
    assert kinds == ["Conv2D"] * 3
    kinds = [type(layer).__name__ for layer in _leaves(decoder)]
    assert kinds == ["TransposedConvolution"] * 3 + ["Conv2D"]
    kinds = [type(layer).__name__ for layer in _leaves(model.regressor)]
    assert kinds.count("Dense") == 2
    assert _leaves(model.regressor)[-1].units == 2 * 68
    side, channels = config.input_size // 2, config.encoder_filters[0] + 68
    assert model.regressor.stages[0].convolution.convolution.kernel.shape[2] == channels
    assert model(images(1, config.input_size))["response_maps"].shape == (1, side, side, 68)


def _leaves(layer):
    found = [leaf for leaf in layer._flatten_layers(include_self=False) if leaf.weights]
    return [leaf for leaf in found if not list(leaf._flatten_layers(include_self=False))]


def test_grey_input_forgets_colour():
    model = build_model(small("paper"), MTFL)
    color = images()
    grey = np.repeat(color @ np.float32([[0.299], [0.587], [0.114]]), 3, axis=-1)
    np.testing.assert_allclose(
        numpy(model(color)["landmarks"]), numpy(model(grey)["landmarks"]), atol=1e-5
    )
