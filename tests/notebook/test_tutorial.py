"""docs/tutorial.ipynb, run as it stands. Its source is docs/tutorial.md."""

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from recipes import tutorial_notebook

# No call of the tutorial may be deprecated.
STRICT = 'import warnings; warnings.filterwarnings("error", "", DeprecationWarning, "__main__")'
# What the tutorial's own names hold in the end, said in a form that the test can read.
SAID = """
np.savez(
    "said.npz", best=training.best_nme, epochs=len(training.history), error=rows[0]["nme"],
    nose=face.point("nose_tip"), true=annotated.landmarks[2], width=np.ptp(annotated.box[::2]),
    logs=sorted(history.history),
)
"""
CELL_SECONDS = 300


def test_the_notebook_is_the_tutorial():
    """After a change of the tutorial: python -m recipes.tutorial_notebook."""
    kept = tutorial_notebook.NOTEBOOK.read_text(encoding="utf-8")
    assert kept == tutorial_notebook.text()


def test_the_notebook_runs(tmp_path):
    """One test: a fixture for several would run it once for each process of the tests."""
    notebook = nbformat.read(tutorial_notebook.NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    code = nbformat.v4.new_code_cell
    notebook.cells = [code(STRICT), *notebook.cells, code(SAID)]
    resources = {"metadata": {"path": tmp_path}}
    NotebookClient(notebook, timeout=CELL_SECONDS, resources=resources).execute()
    for name in ("model.keras", "metrics.csv", "evaluation/report.json", "export/model.tflite"):
        assert (tmp_path / "runs" / "five" / name).is_file(), name
    with np.load(tmp_path / "said.npz") as said:
        # The points are found.
        assert said["epochs"] == 16
        assert said["best"] < 0.1
        assert said["error"] == pytest.approx(said["best"], rel=1e-3)
        assert np.linalg.norm(said["nose"] - said["true"]) < 0.1 * said["width"]
        # The loss of one's own is trained on.
        logs = set(said["logs"])
        assert {"loss", "nose", "landmark_loss", "response_map_loss", "nll"} <= logs
        assert "kl" not in logs
