"""The version folder that servers and clients are tested with, and a server of it."""

import pytest

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.exporting.export import export_model
from tests.portrait import PORTRAIT
from tests.serving.loopback_server import Model


@pytest.fixture(scope="session")
def served(tmp_path_factory):
    """(entry of export.json, version folder) of `mobile_68`."""
    faces = synthetic.read("val", markups.MARKUPS["ibug_68"], count=4)
    folder = tmp_path_factory.mktemp("models")
    (entry,) = export_model("mobile_68", folder, ["serving"], faces=faces)
    return entry, folder / "1"


@pytest.fixture(scope="module")
def only_model(served):
    return Model(served[1])


@pytest.fixture
def model(only_model):
    only_model.pause_s, only_model.failures, only_model.asked = 0.0, 0, 0
    return only_model


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    path.write_bytes(PORTRAIT.read_bytes())
    return path
