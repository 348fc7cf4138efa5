"""The pictures that a training writes for TensorBoard."""

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from evae_tf import config as configs
from evae_tf import markups
from evae_tf.config_text import override
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.models.build import build_model
from evae_tf.training import pictures
from evae_tf.training.callbacks import Validation
from evae_tf.training.pictures import Pictures

SIZE, EPOCHS = 48, 12
MTFL = markups.MARKUPS["mtfl_5"]


def draw(folder, architecture="evae_cnn"):
    """Runs the callback over EPOCHS epochs without training; returns the events."""
    changes = [f"input_size={SIZE}", "encoder_filters=4,4,4", "decoder_filters=4,4,4"]
    config = override(configs.Config(), [*changes, f"architecture={architecture}"])
    faces = synthetic.read("val", MTFL, count=7)
    validation = Validation(faces, cut_crops(faces, size=SIZE, margin=config.crop_margin))
    callback = Pictures(build_model(config, MTFL), validation, folder)
    callback.set_params({"epochs": EPOCHS})
    callback.on_train_begin()
    for epoch in range(EPOCHS):
        callback.on_epoch_end(epoch)
    callback.on_train_end()
    events = EventAccumulator(str(folder), size_guidance={"tensors": 0})
    return events.Reload()


def image(event):
    """The pixels of an event: uint8 [H, W, 3]."""
    _, _, content = event.tensor_proto.string_val
    return tf.io.decode_image(content).numpy()


def test_every_few_epochs_and_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr(pictures, "_APART_S", -1.0)
    monkeypatch.setattr(pictures, "_EPOCHS", 3)
    events = draw(tmp_path)
    assert sorted(events.Tags()["tensors"]) == ["response_maps", "samples"]
    for name in ("samples", "response_maps"):
        drawn = events.Tensors(name)
        assert [event.step + 1 for event in drawn] == [4, 8, 12]
        assert image(drawn[-1]).std() > 20


def test_short_epochs_are_drawn_once(tmp_path):
    """Drawing takes longer than such an epoch."""
    events = draw(tmp_path)
    assert [event.step + 1 for event in events.Tensors("samples")] == [EPOCHS]


def test_a_model_without_maps_has_samples_only(tmp_path):
    assert draw(tmp_path, "cnn").Tags()["tensors"] == ["samples"]


def test_errors_of_some_faces_are_those_of_all():
    faces = synthetic.read("val", MTFL, count=5)
    validation = Validation(faces, cut_crops(faces, size=SIZE, margin=0.25))
    shifted = validation.crops.landmarks + 0.01
    rows = np.array([4, 1])
    some = validation.errors({"landmarks": shifted[rows]}, rows)
    every = validation.errors({"landmarks": shifted})
    np.testing.assert_allclose(some, every[rows])
    assert validation.nme({"landmarks": shifted}) == pytest.approx(every.mean())
