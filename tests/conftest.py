"""What several test files need."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data():
    """The folder of real annotated faces; tests that want it skip where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("EVAE_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"REAL DATA NOT TESTED: no folder {folder} (set EVAE_SHARED_DATA)")
    return folder
