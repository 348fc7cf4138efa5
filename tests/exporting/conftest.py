"""One export that many tests look at; none changes it."""

import pytest

from evae_tf.artifacts.predictors import open_model
from evae_tf.exporting.export import export_model
from evae_tf.exporting.formats import FILES
from tests.exporting.tiny_model import crops_of, noise_faces, tiny_model


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """One export to all formats: entries, folder, path of the Keras model, crops, its outputs."""
    folder = tmp_path_factory.mktemp("export")
    model, faces = tiny_model(folder / "model.keras"), noise_faces(12)
    files = export_model(model, folder / "out", list(FILES), faces=faces)
    crops = crops_of(faces)
    return files, folder / "out", model, crops, open_model(model).predict(crops)
