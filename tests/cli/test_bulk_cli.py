"""evae-bulk where its extra is not installed; with it, see tests/bulk."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="Ray is installed here")
def test_the_extra_to_install_is_named(tmp_path):
    code = "from evae_tf.cli.bulk import main; main()"
    words = f"--input={tmp_path}", f"--output={tmp_path / 'output'}"
    call = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert call.returncode == 1
    assert call.stderr == "error: ray is not installed; run: pip install 'evae-tf[bulk]'.\n"
    assert not list(tmp_path.iterdir())
