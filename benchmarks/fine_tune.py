"""Compares training a user-defined markup from a shipped model with training from scratch.

300 MTFL validation faces represent the user's data; no shipped model was trained on their photos.
Their five points form a markup called `mine`. The calls are those of a user: train.py on a CSV
with a markup file, from a shipped model and from scratch, with equal steps. 100 more faces select
the epoch, 600 are for testing.

  python -m benchmarks.fine_tune --data=DIR --init_from=mobile_68
"""

import csv
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

from evae_tf import atomic, geometry, markups
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets, splits
from evae_tf.data.face import Face

ROOT = Path(__file__).parents[1]
FLAGS = flags.FLAGS
define_path("data", None, "Folder with mtfl.", required=True)
define_path("init_from", "mobile_68", "Source of the initial weights.")
flags.DEFINE_string("preset", "mobile", "Its preset.")
flags.DEFINE_integer("epochs", 60, "Epochs of each training.")
define_path("output", "runs/fine_tune", "Folder for both trainings.")

_TEST_SHARE = 0.6
_VAL_SHARE = 0.25  # of the remaining faces


def main(_: list[str]) -> None:
    """Prints both test errors."""
    output = Path(FLAGS.output).absolute()
    atomic.make_folder(output)
    faces = datasets.read_faces("mtfl", Path(FLAGS.data).absolute() / "mtfl", "val")
    write_own_data(faces, output)
    data = ["--dataset=csv", f"--data_dir={output / 'mine.csv'}"]
    data += [f"--markup={output / 'mine.json'}"]
    starts = {"shipped": [f"--init_from={FLAGS.init_from}"], "nothing": []}
    for start, words in starts.items():
        train = ["train.py", *data, *words, f"--workdir={output / start}", "--mixed_precision"]
        train += [f"--preset={FLAGS.preset}", f"--set=epochs={FLAGS.epochs}"]
        _call(train)
    models = ",".join(str(output / start / "model.keras") for start in starts)
    evaluate = ["evaluate.py", *data, "--subset=test", f"--model={models}"]
    _call([*evaluate, f"--output={output / 'evaluation'}"])


def write_own_data(faces: Sequence[Face], folder: Path) -> None:
    """Writes mine.csv, with the faces' boxes and a split, and mine.json.

    Args:
      faces: list of `Face` of the markup `mtfl_5`.
      folder: Path.
    """
    markup = {**markups.MARKUPS["mtfl_5"].to_dict(), "name": "mine"}
    atomic.write_text(folder / "mine.json", json.dumps(markup, indent=2))
    header = ["image", *(f"{axis}{i}" for i in range(5) for axis in "xy")]
    header += [*geometry.BOX_COLUMNS, "split"]
    target = folder / "mine.csv"
    with (
        atomic.replacing_file(target) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(header)
        for split, members in own_splits(faces).items():
            for face in members:
                image = os.path.relpath(face.image, folder)
                writer.writerow([image, *face.landmarks.ravel(), *face.box, split])


def own_splits(faces: Sequence[Face]) -> dict[str, list[Face]]:
    """Dict of split to its faces; faces of one photo stay together."""
    test = splits.hold_out(faces, _TEST_SHARE)
    rest = datasets.without_photos(faces, test)
    val = splits.hold_out(rest, _VAL_SHARE)
    return {"train": datasets.without_photos(rest, val), "val": val, "test": test}


def _call(words: Sequence[str]) -> None:
    print("python", *words, flush=True)
    subprocess.run([sys.executable, *words], cwd=ROOT, check=True)


if __name__ == "__main__":
    app.run(main)
