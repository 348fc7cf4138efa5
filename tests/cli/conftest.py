"""What several files of this folder start from."""

import pytest

from tests.commands import SET, own, start, write_faces, write_model


@pytest.fixture(scope="session")
def good(tmp_path_factory):
    """A folder with data/faces.csv and model.keras."""
    folder = tmp_path_factory.mktemp("good")
    write_faces(folder / "data", count=12)
    write_model(folder / "model.keras")
    return folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory):
    """(the .csv, the run folder) of a short training on a custom data set."""
    folder = tmp_path_factory.mktemp("trained")
    data = write_faces(folder / "data")
    result = start("train", *own(data), f"--workdir={folder / 'run'}", *SET)
    assert result.returncode == 0, result.stderr
    assert "val_nme" in result.stdout + result.stderr
    assert "model.keras" in result.stdout
    return data, folder / "run"
