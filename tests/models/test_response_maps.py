"""Response maps against closed forms and cases worked by hand, on 5 maps of 48 x 64 cells."""

import math

import numpy as np
import pytest
from keras import ops

from evae_tf import markups
from evae_tf.metadata import ModelMetadata
from evae_tf.models import response_maps
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS

HEIGHT, WIDTH = 48, 64


def _landmarks(num_faces=2, num_points=5, low=0.2, high=0.8):
    rng = np.random.default_rng(3)
    return rng.uniform(low, high, (num_faces, num_points, 2)).astype(np.float32)


def _numpy(tensor):
    return ops.convert_to_numpy(tensor)


def test_gaussian_maps_are_the_gaussian_of_the_distance():
    landmarks = _landmarks()
    maps = _numpy(response_maps.gaussian_maps(landmarks, HEIGHT, WIDTH, 1.7))
    assert maps.shape == (2, HEIGHT, WIDTH, 5)
    for face, row, column, point in [(0, 13, 40, 0), (1, 30, 22, 4), (1, 0, 63, 2)]:
        x = (column + 0.5) / WIDTH - landmarks[face, point, 0]
        y = (row + 0.5) / HEIGHT - landmarks[face, point, 1]
        squared = (x * WIDTH) ** 2 + (y * HEIGHT) ** 2
        expected = math.exp(-squared / (2 * 1.7**2))
        assert maps[face, row, column, point] == pytest.approx(expected, abs=1e-5)


def test_diamond_has_the_cells_of_an_l1_ball():
    centre_of_cell = np.float32([[[(20 + 0.5) / WIDTH, (30 + 0.5) / HEIGHT]]])
    maps = _numpy(response_maps.diamond_maps(centre_of_cell, HEIGHT, WIDTH, 2.0))[0, :, :, 0]
    assert set(np.unique(maps)) == {0.0, 1.0}
    assert maps.sum() == 13  # 1 + 3 + 5 + 3 + 1
    assert list(np.flatnonzero(maps[30])) == [18, 19, 20, 21, 22]
    assert list(np.flatnonzero(maps[:, 20])) == [28, 29, 30, 31, 32]
    assert maps[29, 21] == 1
    assert maps[28, 21] == 0


CODECS = {
    "gaussian": response_maps.ResponseMapCodec("gaussian", 1.5, 1),
    "diamond": response_maps.ResponseMapCodec("diamond", 2.2, 4),
}


@pytest.mark.parametrize("name", CODECS)
def test_a_codec_reads_back_what_it_draws(name):
    landmarks = _landmarks()
    maps = CODECS[name].draw(landmarks, HEIGHT, WIDTH)
    error_cells = np.abs(_numpy(CODECS[name].read(maps)) - landmarks) * [WIDTH, HEIGHT]
    # A diamond's cells are 0 or 1: its centre of mass is exact to half a cell.
    assert error_cells.max() < {"gaussian": 2e-3, "diamond": 0.5}[name]


@pytest.mark.parametrize("name", CODECS)
def test_the_label_of_what_is_not_annotated_is_empty(name):
    landmarks = _landmarks()
    whole = _numpy(CODECS[name].draw(landmarks, HEIGHT, WIDTH))
    landmarks[1, 3] = np.nan
    maps = _numpy(CODECS[name].draw(landmarks, HEIGHT, WIDTH))
    assert not maps[1, :, :, 3].any()
    whole[1, :, :, 3] = 0
    np.testing.assert_array_equal(maps, whole)


def test_the_peak_of_a_softmax_is_the_sum_of_a_gaussian_label():
    codec = CODECS["gaussian"]
    label = _numpy(codec.draw(np.float32([[[0.5, 0.5]]]), HEIGHT, WIDTH))
    assert codec.softmax_peak == pytest.approx(label.sum(), rel=1e-4)


def test_a_saved_model_keeps_the_meaning_of_its_maps():
    for preset in PRESETS.values():
        metadata = build_model(preset, markups.MARKUPS["mtfl_5"]).metadata
        saved = response_maps.ResponseMapCodec.of_saved(ModelMetadata.from_dict(metadata, "it"))
        assert saved == response_maps.ResponseMapCodec.of(preset)


def test_soft_argmax_reads_gaussians_back():
    landmarks = _landmarks()
    maps = response_maps.gaussian_maps(landmarks, HEIGHT, WIDTH, 1.5)
    for power in (1, 4):
        read = _numpy(response_maps.soft_argmax(maps, power))
        error_cells = np.abs(read - landmarks) * [WIDTH, HEIGHT]
        assert error_cells.max() < 2e-3


def test_soft_argmax_of_two_peaks_is_their_weighted_mean():
    maps = np.zeros((1, HEIGHT, WIDTH, 1), np.float32)
    maps[0, 10, 8, 0] = 1.0
    maps[0, 30, 48, 0] = 3.0
    x, y = (0.25 * 8.5 + 0.75 * 48.5) / WIDTH, (0.25 * 10.5 + 0.75 * 30.5) / HEIGHT
    np.testing.assert_allclose(_numpy(response_maps.soft_argmax(maps))[0, 0], [x, y], rtol=1e-5)
    x, y = (8.5 + 81 * 48.5) / 82 / WIDTH, (10.5 + 81 * 30.5) / 82 / HEIGHT
    read = _numpy(response_maps.soft_argmax(maps, power=4))[0, 0]
    np.testing.assert_allclose(read, [x, y], rtol=1e-5)


def test_an_empty_map_is_read_as_the_centre():
    maps = np.zeros((2, HEIGHT, WIDTH, 3), np.float32)
    np.testing.assert_allclose(_numpy(response_maps.soft_argmax(maps)), 0.5, atol=1e-6)


@pytest.mark.parametrize("distance_in_sigmas", [0.0, 0.5, 1.0, 2.0, 3.0])
def test_border_bias_is_that_of_a_truncated_normal(distance_in_sigmas):
    sigma = 4.0  # wide enough that sums over cells are integrals
    d = distance_in_sigmas
    x = d * sigma / WIDTH
    maps = response_maps.gaussian_maps(np.float32([[[x, 0.5]]]), HEIGHT, WIDTH, sigma)
    read = _numpy(response_maps.soft_argmax(maps))[0, 0]
    density = math.exp(-(d**2) / 2) / math.sqrt(2 * math.pi)
    mass = 0.5 * (1 + math.erf(d / math.sqrt(2)))
    bias_cells = (read[0] - x) * WIDTH
    assert bias_cells == pytest.approx(sigma * density / mass, abs=0.02 * sigma)
    assert read[1] == pytest.approx(0.5, abs=1e-5)


def test_spatial_softmax_sums_to_one_and_agrees_with_its_logarithm():
    logits = np.random.default_rng(0).normal(0, 3, (2, HEIGHT, WIDTH, 5)).astype(np.float32)
    maps = _numpy(response_maps.spatial_softmax(logits))
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1.0, rtol=1e-5)
    exponentials = np.exp(logits.astype(np.float64))
    expected = exponentials / exponentials.sum(axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(maps, expected, rtol=1e-4)
    logarithm = _numpy(response_maps.spatial_log_softmax(logits))
    expected = np.log(expected).reshape(2, -1, 5).transpose(0, 2, 1)
    np.testing.assert_allclose(logarithm, expected, atol=1e-4)


def test_log_spread_finds_the_covariance_that_a_map_was_drawn_with():
    height, width = 48, 64
    x, y = np.meshgrid((np.arange(width) + 0.5) / width, (np.arange(height) + 0.5) / height)
    truth = {"x": (0.05, 0.08), "y": (0.09, 0.06), "correlation": (0.6, -0.3)}
    maps = []
    for deviation_x, deviation_y, correlation in zip(*truth.values(), strict=True):
        u, v = (x - 0.45) / deviation_x, (y - 0.55) / deviation_y
        square = (u**2 - 2 * correlation * u * v + v**2) / (1 - correlation**2)
        maps.append(np.exp(-square / 2))
    maps = np.float32([np.stack(maps, axis=-1)] * 2)
    spread = ops.convert_to_numpy(response_maps.log_spread(7 * maps))
    assert spread.shape == (2, 4, 2)
    np.testing.assert_allclose(np.exp(spread[0, 0]), truth["x"], rtol=1e-3)
    np.testing.assert_allclose(np.exp(spread[0, 1]), truth["y"], rtol=1e-3)
    np.testing.assert_allclose(spread[0, 2], truth["correlation"], atol=1e-3)
    shares = maps[0].max(axis=(0, 1)) / maps[0].sum(axis=(0, 1))
    np.testing.assert_allclose(np.exp(spread[0, 3]), shares, rtol=1e-3)


def test_log_spread_of_an_empty_map_is_a_number():
    assert np.isfinite(ops.convert_to_numpy(response_maps.log_spread(np.zeros((1, 6, 8, 2))))).all()
