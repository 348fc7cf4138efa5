"""What several test files need."""

import os
from pathlib import Path

import pytest

# Two processes test on two cores: more threads than one in each only wait for each other.
for _library in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM", "OPENBLAS_NUM"):
    os.environ.setdefault(f"{_library}_THREADS", "1")


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real annotated faces; tests that want it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EVAE_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"REAL DATA NOT TESTED: no folder {folder} (set EVAE_SHARED_DATA)")
    return folder


@pytest.fixture(scope="session")
def portrait():
    """Grace Hopper's portrait, uint8 [600, 512, 3], RGB; read-only."""
    from evae_tf.data.images import read_image
    from tests.portrait import PORTRAIT

    image = read_image(PORTRAIT)
    image.setflags(write=False)
    return image
