"""The objective: its terms, its gradients, and changes by a user with plain `fit`."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from evae_tf import config as configs
from evae_tf.errors import InputError
from evae_tf.models import response_maps
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS
from evae_tf.training import losses
from evae_tf.training.objective import LandmarkTrainer, Objective, Term
from tests.training.test_train import MTFL, small


def batch(size=48, count=4):
    rng = np.random.default_rng(0)
    return {
        "images": rng.uniform(0, 1, (count, size, size, 3)).astype(np.float32),
        "landmarks": rng.uniform(0.3, 0.7, (count, 5, 2)).astype(np.float32),
        "visible": (rng.random((count, 5)) < 0.8).astype(np.float32),
    }


def trainer_of(config):
    trainer = LandmarkTrainer(build_model(config, MTFL), Objective.of(config))
    trainer.total_steps.assign(10)
    return trainer


@pytest.mark.parametrize("preset", ["default", "paper"])
@pytest.mark.parametrize("architecture", configs.ARCHITECTURES)
def test_every_trainable_weight_gets_a_finite_gradient(architecture, preset):
    """Even if a point of one face and all points of another are not annotated."""
    config = dataclasses.replace(
        PRESETS[preset], architecture=architecture, input_size=48, kl_warmup=0.0
    )
    trainer = trainer_of(config)
    faces = batch()
    faces["landmarks"][0, 2] = faces["landmarks"][3] = np.nan
    with tf.GradientTape() as tape:
        loss = trainer.compute_loss(x=faces, y_pred=trainer(faces, training=True))
    # The map head's bias shifts all logits of a softmax equally: its gradient is 0 by design.
    weights = [w for w in trainer.trainable_variables if not _is_softmax_bias(w, config)]
    gradients = tape.gradient(loss, [weight.value for weight in weights])
    for weight, gradient in zip(weights, gradients, strict=True):
        assert gradient is not None, weight.path
        assert np.isfinite(gradient.numpy()).all(), weight.path
        assert np.abs(gradient.numpy()).max() > 0, weight.path


def _is_softmax_bias(weight, config):
    return config.map_loss == "cross_entropy" and weight.path.endswith("decoder/head/bias")


def test_the_objective_is_the_weighted_sum_of_its_terms():
    config = small(kl_weight=0.3, kl_warmup=0.5, map_weight=2.0)
    trainer = trainer_of(config)
    for _ in range(2):
        outputs = trainer(batch(), training=True)
    true, annotated = batch()["landmarks"], np.ones((4, 5), np.float32)
    height, width = outputs["response_maps"].shape[1:3]
    labels = response_maps.gaussian_maps(true, height, width, config.map_label_size_px)
    expected = (
        2.0 * losses.map_cross_entropy(outputs["map_logits"], labels, annotated)
        + 0.3 * (2 / 5) * ops.mean(outputs["kl"])  # step 2 of a warm-up of 5
        + config.landmark_weight * losses.wing_loss(outputs["landmarks"], true)
        + config.map_landmark_weight * losses.wing_loss(outputs["map_landmarks"], true)
        + losses.landmark_nll(outputs["landmarks"], outputs["scale_tril"], true)
        + losses.visibility_loss(outputs["visibility"], batch()["visible"])
    )
    loss = trainer.compute_loss(x=batch(), y_pred=outputs)
    assert float(loss) == pytest.approx(float(expected), rel=1e-5)
    assert set(trainer.terms) == {
        *("response_map_loss", "kl", "landmark_loss", "map_landmark_loss"),
        *("nll", "visibility_loss"),
    }
    assert float(trainer.terms["kl"].result()) == pytest.approx(float(ops.mean(outputs["kl"])))


def test_nothing_annotated_leaves_no_nan_in_any_gradient():
    trainer = trainer_of(small())
    faces = batch()
    faces["landmarks"][:] = np.nan
    with tf.GradientTape() as tape:
        loss = trainer.compute_loss(x=faces, y_pred=trainer(faces, training=True))
    assert np.isfinite(float(loss))
    weights = [weight.value for weight in trainer.trainable_variables]
    gradients = tape.gradient(loss, weights, unconnected_gradients="zero")
    for weight, gradient in zip(trainer.trainable_variables, gradients, strict=True):
        assert np.isfinite(gradient.numpy()).all(), weight.path


def _far_from_the_nose(outputs, faces):
    """A user-defined loss: the mean absolute error of the third point."""
    return ops.mean(ops.abs(outputs["landmarks"][:, 2] - faces["landmarks"][:, 2]))


def test_terms_are_replaced_added_and_taken_out():
    objective = Objective.of(small()).without("kl", "nll").replace(nose=Term(_far_from_the_nose))
    trainer = LandmarkTrainer(build_model(small(), MTFL), objective)
    outputs = trainer(batch(), training=True)
    trainer.compute_loss(x=batch(), y_pred=outputs)
    assert list(trainer.terms) == [
        *("response_map_loss", "landmark_loss", "map_landmark_loss", "visibility_loss", "nose")
    ]
    difference = (ops.convert_to_numpy(outputs["landmarks"]) - batch()["landmarks"])[:, 2]
    assert float(trainer.terms["nose"].result()) == pytest.approx(np.abs(difference).mean())
    with pytest.raises(InputError, match=r"no terms \['mass'\]; it has .*landmark_loss"):
        objective.without("mass")


def test_plain_fit_with_own_loss_and_own_optimizer_trains_the_network():
    objective = Objective({"nose": Term(_far_from_the_nose, weight=3.0)})
    keras.utils.set_random_seed(1)
    network = build_model(small(architecture="fcn"), MTFL)
    trainer = LandmarkTrainer(network, objective)
    trainer.compile(keras.optimizers.RMSprop(1e-2))
    before = network.get_weights()
    history = trainer.fit(batch(count=12), batch_size=4, epochs=12, verbose=0).history
    assert set(history) == {"loss", "nose"}
    assert history["nose"][-1] < 0.7 * history["nose"][0]
    assert history["loss"] == pytest.approx([3 * value for value in history["nose"]], rel=1e-5)
    assert any((a != b).any() for a, b in zip(before, network.get_weights(), strict=True))


def test_validation_measures_what_a_network_gives_without_training():
    config = small(uncertainty=False, landmark_weight=7.0)
    trainer = LandmarkTrainer(build_model(config, MTFL), Objective.of(config))
    trainer.compile(keras.optimizers.SGD(0.0))
    measured = trainer.evaluate(batch(), batch_size=4, return_dict=True, verbose=0)
    landmarks = trainer.network(batch()["images"])["landmarks"]
    expected = float(losses.wing_loss(landmarks, batch()["landmarks"]))
    assert measured["landmark_loss"] == pytest.approx(expected, rel=1e-5)
    assert measured["loss"] == pytest.approx(7 * expected, rel=1e-5)


def test_validation_does_not_hide_what_the_data_lack():
    objective = Objective.of(small()).replace(mine=Term(lambda outputs, faces: faces["mine"]))
    trainer = LandmarkTrainer(build_model(small(), MTFL), objective)
    with pytest.raises(InputError, match="the term mine needs 'mine'; .* the data hold"):
        trainer.compute_loss(x=batch(), y_pred=trainer(batch()), training=False)


def test_a_warm_up_is_a_share_of_the_steps_that_fit_makes():
    """Constant loss 1, warm-up over half of 8 steps: the weights are 1/4, 2/4, 3/4, 1, 1, ..."""

    def one(outputs, faces):
        return 1.0 + 0.0 * ops.mean(outputs["landmarks"])

    network = build_model(small(architecture="cnn"), MTFL)
    trainer = LandmarkTrainer(network, Objective({"one": Term(one, weight=2.0, warmup=0.5)}))
    trainer.compile(keras.optimizers.SGD(0.0))
    history = trainer.fit(batch(count=8), batch_size=4, epochs=4, verbose=0).history
    assert history["loss"] == pytest.approx([2 * 3 / 8, 2 * 7 / 8, 2.0, 2.0])


def test_a_warm_up_over_an_unknown_length_is_refused():
    trainer = LandmarkTrainer(build_model(small(), MTFL), Objective.of(small()))
    trainer.compile(keras.optimizers.Adam())
    with pytest.raises(InputError, match=r"\['kl'\] have a warm-up.* steps_per_epoch"):
        trainer.fit(((batch(),) for _ in range(2)), verbose=0)


def test_a_term_without_its_output_is_refused_by_name():
    network = build_model(small(architecture="cnn"), MTFL)
    trainer = LandmarkTrainer(network, Objective.of(small()))
    outputs = trainer(batch(), training=True)
    with pytest.raises(InputError, match=r"response_map_loss needs 'response_maps'; .*landmarks"):
        trainer.compute_loss(x=batch(), y_pred=outputs)


@pytest.mark.parametrize("architecture", ["evae_cnn", "fcn", "cnn"])
def test_the_bare_network_trains_under_plain_fit(architecture):
    """Only on its landmarks: heads that only the full objective trains are unchanged."""
    keras.utils.set_random_seed(1)
    network = build_model(small(architecture=architecture), MTFL)
    before = {weight.path: ops.convert_to_numpy(weight) for weight in network.trainable_variables}
    network.compile(keras.optimizers.Adam(1e-2), loss={"landmarks": "mean_squared_error"})
    faces = batch(count=12)
    history = network.fit(
        faces["images"], {"landmarks": faces["landmarks"]}, batch_size=4, epochs=20, verbose=0
    ).history
    assert history["loss"][-1] < 0.8 * history["loss"][0]
    still = {
        weight.path
        for weight in network.trainable_variables
        if (ops.convert_to_numpy(weight) == before[weight.path]).all()
    }
    heads = {path for path in before if "/uncertainty/" in path}
    assert still == heads
    assert bool(heads) == (architecture == "evae_cnn")
