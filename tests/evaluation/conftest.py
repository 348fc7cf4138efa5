"""Models of every architecture and their reports, which take seconds each."""

import keras
import pytest

from evae_tf.data import synthetic
from evae_tf.models.build import build_model
from tests.evaluation.reports import ARCHITECTURES, MTFL, report
from tests.training.test_train import small


@pytest.fixture(scope="session")
def faces():
    return synthetic.read("val", MTFL, count=9)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """Untrained models of every architecture; the tests check which outputs are evaluated."""
    folder = tmp_path_factory.mktemp("models")
    paths = []
    for seed, architecture in enumerate(ARCHITECTURES):
        keras.utils.set_random_seed(seed)
        paths.append(folder / f"{architecture}.keras")
        build_model(small(architecture=architecture), MTFL).save(paths[-1])
    return [str(path) for path in paths]


@pytest.fixture(scope="session")
def reported(models, faces, tmp_path_factory):
    """(rows, folder) of a report on all models."""
    folder = tmp_path_factory.mktemp("all")
    return report(models, faces, folder), folder


@pytest.fixture(scope="session")
def reported_last(models, faces, tmp_path_factory):
    """(rows, folder) of a report on the last model, which tells how sure it is."""
    folder = tmp_path_factory.mktemp("last")
    return report(models[-1:], faces, folder), folder
