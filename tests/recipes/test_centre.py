"""Landmarks are moved by their mean error, and by nothing else."""

import dataclasses

import keras
import numpy as np
import pytest

from evae_tf import markups
from evae_tf.artifacts import keras_file
from evae_tf.data import datasets
from evae_tf.data.crops import cut_crops
from evae_tf.metadata import ModelMetadata
from evae_tf.models.build import build_model
from recipes import centre
from tests.training.test_train import small

IBUG = markups.MARKUPS["ibug_68"]


def test_landmarks_of_a_moved_model_have_no_mean_error(tmp_path):
    keras.utils.set_random_seed(0)
    config = small()
    model = build_model(config, IBUG)
    faces = datasets.read_faces("synthetic", None, "test", IBUG)[:12]
    hidden = faces[3].landmarks.copy()
    hidden[5] = np.nan
    faces[3] = dataclasses.replace(faces[3], landmarks=hidden)

    crops = cut_crops(faces, size=config.input_size, margin=config.crop_margin)
    before = model.predict(crops.model_input(), verbose=0)
    shift = centre.missing(model, faces)
    np.testing.assert_allclose(
        shift, np.nanmean(crops.landmarks - before["landmarks"], axis=0), atol=1e-6
    )
    centre.move(model, shift)
    model.save(tmp_path / "model.keras")
    metadata = ModelMetadata.from_dict(
        keras_file.load_model(tmp_path / "model.keras").metadata, "the test"
    )
    assert metadata.side_shift == pytest.approx(shift[:, 0].mean())
    after = model.predict(crops.model_input(), verbose=0)
    np.testing.assert_allclose(after["landmarks"], before["landmarks"] + shift, atol=1e-5)
    np.testing.assert_array_equal(after["response_maps"], before["response_maps"])
    np.testing.assert_allclose(centre.missing(model, faces), 0, atol=1e-5)
