"""The uncertainty head: its outputs, and that it changes no others."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from evae_tf import markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.evaluation import calibration
from evae_tf.models.build import build_model
from evae_tf.models.uncertainty import UncertaintyHead
from evae_tf.training import losses
from evae_tf.training.train import train
from tests.models.test_models import images, small

MTFL = markups.MARKUPS["mtfl_5"]


def numpy(outputs):
    return keras.tree.map_structure(ops.convert_to_numpy, outputs)


def head_and_inputs():
    rng = np.random.default_rng(0)
    head = UncertaintyHead(5)
    maps = rng.uniform(0, 1, (2, 12, 16, 5)).astype(np.float32)
    features = rng.normal(size=(2, 7)).astype(np.float32)
    latent = rng.normal(size=(2, 3, 4, 6)).astype(np.float32)
    head(maps, features, latent)
    for weight in head.trainable_weights:  # away from the nearly constant initial outputs
        weight.assign_add(rng.normal(0, 0.3, weight.shape))
    return head, maps, features, latent


def test_the_covariance_is_the_square_of_its_cholesky_factor():
    head, *inputs = head_and_inputs()
    outputs = numpy(head(*inputs, training=True))
    scale_tril, covariance = outputs["scale_tril"], outputs["covariance"]
    assert covariance.shape == (2, 5, 2, 2)
    np.testing.assert_allclose(
        covariance, scale_tril @ np.swapaxes(scale_tril, -1, -2), rtol=1e-5, atol=1e-9
    )
    assert (scale_tril[..., 0, 1] == 0).all()
    assert (np.linalg.eigvalsh(covariance) > 0).all()
    assert ((outputs["visibility"] > 0) & (outputs["visibility"] < 1)).all()


def test_calibrating_multiplies_the_deviations():
    head, *inputs = head_and_inputs()
    before = numpy(head(*inputs))["covariance"]
    for factor in (3.0, 2.0):
        head.calibrate(factor)
    np.testing.assert_allclose(numpy(head(*inputs))["covariance"], 36 * before, rtol=1e-5)


def test_a_model_with_the_head_is_saved_with_its_calibration(tmp_path):
    model = build_model(small(), MTFL)
    model.uncertainty.calibrate(1.7)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(
        numpy(loaded(images()))["covariance"], numpy(model(images()))["covariance"]
    )
    assert float(loaded.uncertainty.calibration.numpy()) == pytest.approx(1.7)


def trained(folder, **fields):
    config = small(epochs=2, batch_size=4, **fields)
    train_faces = synthetic.read("train", MTFL, count=8)
    train(config, train_faces, synthetic.read("val", MTFL, count=4), folder)
    return keras.saving.load_model(folder / "model.keras")


@pytest.fixture(scope="module")
def with_head(tmp_path_factory):
    """A short training with the default configuration, which has the head."""
    return trained(tmp_path_factory.mktemp("with"))


def test_a_model_is_calibrated_whatever_it_was_started_from(tmp_path):
    """A trained model is calibrated, even if its source is far from calibrated."""
    start = build_model(small(), MTFL)
    start.uncertainty.calibrate(7.0)
    start.save(tmp_path / "start.keras")
    faces = synthetic.read("val", MTFL, count=6)
    config = small(epochs=1, batch_size=4)
    train(config, faces, faces, tmp_path, init_from=tmp_path / "start.keras")
    predictor = open_model(tmp_path / "model.keras")
    crops = cut_crops(faces, size=config.input_size, margin=config.crop_margin)
    outputs = predictor.predict(crops.model_input())
    errors = outputs["landmarks"] - crops.landmarks
    assert calibration.deviation_factor(errors, outputs["covariance"]) == pytest.approx(1, abs=0.02)


def test_landmarks_are_what_they_would_be_without_the_head(with_head, tmp_path):
    without = trained(tmp_path, uncertainty=False)
    for name in ("landmarks", "response_maps"):
        np.testing.assert_array_equal(
            numpy(with_head(images()))[name], numpy(without(images()))[name]
        )


def test_training_calibrates_the_saved_model_on_the_validation_faces(with_head):
    """The saved model needs no further factor; without its factor it needs that one."""
    model = with_head
    crops = cut_crops(synthetic.read("val", MTFL, count=4), size=64, margin=0.25)
    outputs = numpy(model(crops.model_input()))
    errors, factor = outputs["landmarks"] - crops.landmarks, float(model.uncertainty.calibration)
    again = calibration.deviation_factor(errors, outputs["covariance"])
    assert again == pytest.approx(1, rel=0.015)
    uncalibrated = outputs["covariance"] / factor**2
    assert calibration.deviation_factor(errors, uncalibrated) == pytest.approx(factor, rel=1e-3)
    assert abs(factor - 1) > 0.02


def test_the_head_learns_how_the_width_of_maps_and_errors_go_together():
    """Errors are a fifth as wide as the maps; after training, so is the covariance."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    head = UncertaintyHead(2)
    head(np.zeros((1, 16, 16, 2)), np.zeros((1, 3)), np.zeros((1, 4, 4, 5)))
    width = rng.uniform(0.05, 0.15, (512, 2))
    grid = (np.arange(16) + 0.5) / 16 - 0.5
    x, y = grid[None, None, :, None], grid[None, :, None, None]
    square = (x / width[:, None, None]) ** 2 + (y / 0.05) ** 2
    maps = np.exp(-square / 2).astype(np.float32)
    features, latent = np.zeros((512, 3), np.float32), np.zeros((512, 4, 4, 5), np.float32)
    deviations = np.stack([width / 5, np.full_like(width, 0.01)], axis=-1)
    errors = (rng.normal(size=(512, 2, 2)) * deviations).astype(np.float32)
    optimizer = keras.optimizers.Adam(0.02)
    learnt = [
        weight
        for layer in (head.normalize_spread, head.log_diagonal_x, head.log_diagonal_y, head.slope)
        for weight in layer.trainable_weights
    ]
    for _ in range(150):
        with tf.GradientTape() as tape:
            scale_tril = head(maps, features, latent, training=True)["scale_tril"]
            loss = losses.landmark_nll(np.zeros_like(errors), scale_tril, errors)
        optimizer.apply(tape.gradient(loss, learnt), learnt)
    found = np.sqrt(numpy(head(maps, features, latent))["covariance"][..., 0, 0])
    assert np.corrcoef(found.ravel(), width.ravel())[0, 1] > 0.9
    assert np.median(found / (width / 5)) == pytest.approx(1, abs=0.1)


def test_the_visibility_learns_what_no_weighted_sum_tells():
    """Points are hidden if a feature and a code value have the same sign."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    head = UncertaintyHead(1)
    maps = np.ones((400, 4, 4, 1), np.float32)
    features = rng.normal(size=(400, 2)).astype(np.float32)
    latent = np.broadcast_to(rng.normal(size=(400, 1, 1, 3)), (400, 2, 2, 3)).astype(np.float32)
    visible = np.float32(features[:, :1] * latent[:, 0, 0, :1] < 0)
    head(maps, features, latent)
    learnt = [*head.hidden.trainable_weights, *head.visibility.trainable_weights]
    optimizer = keras.optimizers.Adam(0.02)
    for _ in range(150):
        with tf.GradientTape() as tape:
            outputs = head(maps, features, latent, training=True)
            loss = losses.visibility_loss(outputs["visibility"], visible)
        optimizer.apply(tape.gradient(loss, learnt), learnt)
    found = numpy(head(maps, features, latent))["visibility"] > 0.5
    assert np.mean(found == (visible > 0.5)) > 0.95


def test_a_head_of_an_older_file_has_no_hidden_layer_and_does_not_see_the_code():
    _, maps, features, latent = head_and_inputs()
    head = UncertaintyHead.from_config({"num_points": 5, "name": "older"})
    seen = numpy(head(maps, features, latent))["visibility"]
    assert head.visibility.kernel.shape == (4 * 5 + 7, 5)
    np.testing.assert_array_equal(numpy(head(maps, features, latent + 1))["visibility"], seen)
