"""docs/tutorial.md, run as it stands."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
# What the tutorial's own names hold in the end, said in a form that the test can read.
SAID = """
np.savez(
    "said.npz", best=training.best_nme, epochs=len(training.history), error=rows[0]["nme"],
    nose=face.point("nose_tip"), true=annotated.landmarks[2], width=np.ptp(annotated.box[::2]),
    logs=sorted(history.history),
)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the tutorial was followed."""
    folder = tmp_path_factory.mktemp("tutorial")
    code = re.findall(r"```python\n(.*?)```", TUTORIAL.read_text(encoding="utf-8"), re.DOTALL)
    (folder / "tutorial.py").write_text("\n".join([*code, SAID]), encoding="utf-8")
    command = [sys.executable, "-W", "error::DeprecationWarning:__main__", "tutorial.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_the_tutorial_leaves_what_it_says(folder):
    for name in ("model.keras", "metrics.csv", "evaluation/report.json", "export/model.tflite"):
        assert (folder / "runs" / "five" / name).is_file(), name


def test_the_points_of_the_tutorial_are_found(folder):
    with np.load(folder / "said.npz") as said:
        assert said["epochs"] == 16
        assert said["best"] < 0.1
        assert said["error"] == pytest.approx(said["best"], rel=1e-3)
        assert np.linalg.norm(said["nose"] - said["true"]) < 0.1 * said["width"]


def test_a_loss_of_one_s_own_is_trained_on(folder):
    with np.load(folder / "said.npz") as said:
        logs = set(said["logs"])
    assert {"loss", "nose", "landmark_loss", "response_map_loss", "nll"} <= logs
    assert "kl" not in logs
