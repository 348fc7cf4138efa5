"""The folder of a training: its layout and the files that a run resumes from."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

from evae_tf import atomic
from evae_tf.errors import InputError

METRICS = (
    *("epoch", "loss", "response_map_loss", "kl", "landmark_loss", "map_landmark_loss"),
    *("nll", "visibility_loss", "learning_rate", "val_nme", "seconds"),
)


class RunFolder:
    """Paths and small files of one training.

    Args:
      path: the folder; created if needed.

    Raises:
      InputError: the folder is not writable.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = atomic.make_folder(path)
        self.checkpoints = atomic.make_folder(self.path / "checkpoints")
        atomic.remove_unfinished(self.checkpoints)
        self.model = self.path / "model.keras"
        self.last_checkpoint = self.checkpoints / "last.npz"
        self.tensorboard = self.path / "tensorboard"
        self.curves = self.path / "training.png"

    def claim(self, description: dict[str, Any]) -> None:
        """Writes config.json, or checks that the existing one is equal.

        Args:
          description: JSON-ready nested dict that identifies the run.

        Raises:
          InputError: the folder holds a run with another description; names the fields.
        """
        if not self.last_checkpoint.exists() and not self.model.exists():
            atomic.write_text(self.path / "config.json", json.dumps(description, indent=2) + "\n")
            return
        _check(self.path, description)

    def copy(self, workdir: Path, description: dict[str, Any]) -> None:
        """Copies the files that a run resumes from, out of the training folder of process 0.

        Args:
          workdir: that folder.
          description: see `claim`.

        Raises:
          InputError: the folder is not there, or see `claim`.
        """
        if not (workdir / "config.json").exists():
            raise InputError(
                f"{workdir}: lacks the config.json of the process with --process_id=0; expected a "
                "folder on a disk that all processes share."
            )
        _check(workdir, description)
        files = ("config.json", "metrics.csv", "model.keras", "checkpoints/last.npz")
        for name in files:
            if (workdir / name).exists():
                shutil.copyfile(workdir / name, self.path / name)

    def read_metrics(self, epochs: int) -> list[dict[str, float]]:
        """Rows of metrics.csv for the first `epochs` epochs, as dicts of floats.

        Raises:
          InputError: the file lacks some of them.
        """
        path = self.path / "metrics.csv"
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = [{key: float(row[key]) for key in METRICS} for row in csv.DictReader(file)]
        except (OSError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}: missing or damaged, so the run cannot resume.") from error
        rows = [row for row in rows if row["epoch"] <= epochs]
        if [row["epoch"] for row in rows] != list(range(1, epochs + 1)):
            raise InputError(f"{path}: lacks epochs; expected all {epochs} of the checkpoint.")
        return rows

    def write_metrics(self, rows: list[dict[str, float]]) -> None:
        """Writes metrics.csv: one header, one row for each finished epoch."""
        text = io.StringIO()
        writer = csv.DictWriter(text, METRICS, lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "epoch": int(row["epoch"])} for row in rows)
        atomic.write_text(self.path / "metrics.csv", text.getvalue())


def _check(folder: Path, description: dict[str, Any]) -> None:
    """Checks that the config.json of a folder equals `description`, see `RunFolder.claim`."""
    path = folder / "config.json"
    try:
        earlier = json.loads(path.read_bytes())  # given text, json refuses a byte-order mark
        if not isinstance(earlier, dict):
            raise ValueError(f"found {type(earlier).__name__}, expected an object")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read, so the run cannot resume.") from error
    changed = differences(earlier, description, "{} was {!r}, now {!r}")
    if changed:
        raise InputError(
            f"{folder}: holds a run with another configuration ({'; '.join(changed)}); "
            "use another --workdir, or the same settings to resume."
        )


def differences(one: dict[str, Any], other: dict[str, Any], words: str) -> list[str]:
    """What two nested dicts of settings do not share, in the order of the names.

    Args:
      one: settings.
      other: settings.
      words: format of a difference: the name, the value in `one` and that in `other`.
    """
    first, second = _flat(one), _flat(other)
    return [
        words.format(name, first.get(name), second.get(name))
        for name in sorted({*first, *second})
        if first.get(name) != second.get(name)
    ]


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested dict without nesting: its keys are joined by dots."""
    found: dict[str, Any] = {}
    for key, value in record.items():
        inner = _flat(value, f"{key}.") if isinstance(value, dict) else {key: value}
        found |= {f"{prefix}{name}": entry for name, entry in inner.items()}
    return found
