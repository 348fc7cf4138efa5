"""Every data set from its official layout to a trained model, with synthetic faces.

The tests of the readers cover the details of each layout. Here, synthetic faces with known
landmarks are written in the layout of each release, read, trained on and predicted.
"""

import numpy as np
import pytest

from benchmarks.layouts import WRITERS
from evae_tf import markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.data.datasets import DATASETS
from evae_tf.data.images import read_image
from evae_tf.data.readers import aflw19
from evae_tf.data.splits import read_training_faces
from evae_tf.training.train import train
from tests.training.test_train import small

NUM_FACES = 16


@pytest.mark.parametrize("dataset", WRITERS)
def test_a_data_set_trains_from_its_official_layout(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(aflw19, "_NUM_TRAIN", NUM_FACES)  # of the release: 20,000
    markup = markups.MARKUPS[DATASETS[dataset].markup]
    drawn = synthetic.read("train", markup, count=NUM_FACES)
    names = WRITERS[dataset](tmp_path, drawn)
    (tmp_path / "val.txt").write_text("\n".join(names[:4]))

    train_faces, val_faces = read_training_faces(dataset, tmp_path, markup)
    assert [len(train_faces), len(val_faces)] == [NUM_FACES - 4, 4]
    by_name = {face.name: face for face in (*train_faces, *val_faces)}
    for face, original in zip(by_name.values(), [*drawn[4:], *drawn[:4]], strict=True):
        np.testing.assert_allclose(face.landmarks, original.landmarks, atol=2e-3)
        image = face.image if isinstance(face.image, np.ndarray) else read_image(face.image)
        if dataset not in ("cofw", "merl_rav"):  # grey, and JPEG
            np.testing.assert_array_equal(image, original.image)

    crops = cut_crops([*train_faces, *val_faces], size=48, margin=0.25)
    assert crops.landmarks.shape == (NUM_FACES, markup.num_points, 2)
    if dataset not in ("merl_rav", "wflw"):  # flags and points that are not annotated; 98 points
        return
    config = small(dataset=dataset, epochs=1)
    training = train(config, train_faces, val_faces, tmp_path / "run")
    assert 0 < training.best_nme < 1
    model = open_model(tmp_path / "run" / "model.keras")
    assert model.metadata.markup == markup
