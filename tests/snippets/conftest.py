"""A clone with the files that the pages speak of."""

import shutil

import pytest

from tests.snippets import files, reader


@pytest.fixture(scope="session")
def possessions(tmp_path_factory):
    """A folder with the files that all pages speak of."""
    folder = tmp_path_factory.mktemp("possessions")
    files.write_photos(folder)
    files.write_annotations(folder)
    files.write_data_sets(folder / "DIR")
    return folder


@pytest.fixture
def clone(possessions, tmp_path):
    """A clone of the repository, with the reader's files in it."""
    folder = shutil.copytree(possessions, tmp_path / "clone")
    reader.clone(folder)
    return folder
