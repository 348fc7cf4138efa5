"""A step holds no face twice, unless they are few; memory that is refused ends in one sentence."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.data.crops import Crops
from evae_tf.errors import InputError
from evae_tf.evaluation.evaluate import evaluate
from evae_tf.training.batch_size import enough_memory, faces_per_step
from evae_tf.training.train import train
from tests.training.test_train import small


@pytest.mark.parametrize(
    ("batch_size", "faces", "devices", "taken"),
    [
        (8, 3000, 1, 8),
        (3000, 3000, 1, 3000),
        (1_000_000, 3000, 1, 3000),
        (1_000_000, 45, 1, 45),
        (32, 5, 1, 32),  # the usual size
        (1_000_000, 5, 1, 32),
        (1_000_000, 45, 8, 48),  # every device takes as many
        (1_000_001, 45, 1, 45),
        (7, 45, 2, 7),  # refused elsewhere
    ],
)
def test_a_batch_is_not_larger_than_the_data_set(batch_size, faces, devices, taken):
    assert faces_per_step(batch_size, faces, devices) == taken


@pytest.mark.parametrize(
    "allocate",
    [
        lambda: np.empty(2**55),
        lambda: tf.zeros([2**45, 8]),
        lambda: next(iter(_dataset())),
        lambda: bytearray(2**62),
    ],
)
def test_refused_memory_is_said_in_one_sentence(allocate):
    """The libraries' own errors, which say so in different words."""
    with pytest.raises(InputError) as raised, enough_memory(5000):
        allocate()
    assert str(raised.value) == (
        "batch_size=5000: not enough memory for a training step; choose a smaller one."
    )


def _dataset():
    def huge(_):
        return np.empty(2**60, np.float32)

    return tf.data.Dataset.range(1).map(lambda n: tf.numpy_function(huge, [n], tf.float32))


def test_a_million_faces_at_once_are_those_there_are(tmp_path, monkeypatch, caplog):
    """A million crops of this size are 28 GB, their maps and features many times that."""
    markup = markups.MARKUPS["mtfl_5"]
    faces = synthetic.read("train", markup, count=36), synthetic.read("val", markup, count=9)
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    with caplog.at_level(logging.WARNING):
        training = train(small(epochs=1, batch_size=10**6), *faces, tmp_path / "run")
    assert len(training.history) == 1
    (warning,) = (record.getMessage() for record in caplog.records if record.name == "absl")
    assert warning == "batch_size=1000000 is larger than the data set of 36 faces: a step takes 36."
    taken, model_input = [], Crops.model_input

    def counted(crops, rows=slice(None)):
        taken.append(len(model_input(crops, rows)))
        return model_input(crops, rows)

    monkeypatch.setattr(Crops, "model_input", counted)
    model = str(tmp_path / "run" / "model.keras")
    (row, *_) = evaluate(model, faces[1] * 8, tmp_path / "report", batch_size=10**6)
    assert row["faces"] == 72
    assert taken[:2] == [64, 8]


def test_other_errors_stay_what_they_are():
    with pytest.raises(ZeroDivisionError), enough_memory(5000):
        1 / 0  # noqa: B018
    with pytest.raises(tf.errors.ResourceExhaustedError), enough_memory(5000):
        raise tf.errors.ResourceExhaustedError(None, None, "events.out; No space left on device")
