"""The paper's comparison: trains missing models, evaluates them, writes tables and figures.

Run `make comparison DATA=DIR`, with the folders `300w`, `mtfl` and `helen29` in DIR. The same
command resumes. Only trained models are measured; RESULTS.md discusses the numbers.
"""

import os
from pathlib import Path

from absl import app, flags
from tqdm import tqdm

from benchmarks.comparison import measure, pictures, runs, tables
from evae_tf import atomic, markups
from evae_tf.cli.path_flags import define_path
from evae_tf.data import datasets

FLAGS = flags.FLAGS

define_path("data", None, "Folder with 300w, mtfl and helen29.", required=True)
define_path("output", "runs/comparison", "Folder for the trainings and their results.")
flags.DEFINE_integer("jobs", os.cpu_count(), "Concurrent trainings, of one thread each.", 1)


def main(_: list[str]) -> None:
    """Prints the tables; they and the figures are in the output folder."""
    data, output = Path(FLAGS.data).absolute(), Path(FLAGS.output).absolute()
    atomic.make_folder(output)
    runs.write_helen29(data, output)
    runs.train_missing(runs.all_runs(), runs.data_flags(data, output), output, FLAGS.jobs)

    faces = {
        "300w": datasets.read_faces("300w", data / "300w", "val"),
        "mtfl": datasets.read_faces("mtfl", data / "mtfl", "val"),
        "helen29": datasets.read_faces(
            "csv", output / "helen29.csv", "val", markups.MARKUPS["cofw_29"]
        ),
    }
    measured = {}
    for run in tqdm(runs.all_runs(), desc="measuring", unit="model"):
        known = faces[run.dataset][0].markup.normalizers
        normalizers = [name for name in ("inter_pupil", "inter_ocular") if name in known]
        measured[run] = measure.measure(
            output / run.name / "model.keras", faces[run.dataset], normalizers
        )
    turned = measure.most_turned(faces["300w"])
    report = {
        **{
            f"models on {dataset}": tables.models_table(dataset, measured, output)
            for dataset in runs.MODELS
        },
        "claims": tables.claims_table(measured),
        "shape of the maps": tables.map_shape_table(measured),
        "hard faces": tables.hard_faces_table(measured, turned),
        "KL weight": tables.changes_table(
            "KL weight",
            {
                **{f"{weight:g}": run for weight, run in runs.KL_SWEEP.items()},
                "0.1, without sampling": runs.WITHOUT_SAMPLING,
                "0, without sampling": runs.WITHOUT_BOTH,
                "`fcn_cnn`": runs.Run("300w", "fcn_cnn"),
            },
            measured,
            output,
        ),
        "from paper to default": tables.changes_table("change", runs.ABLATIONS, measured, output),
        "trainings": tables.trainings_table(measured, output),
    }
    text = "\n".join(f"## {title}\n\n{table}" for title, table in report.items())
    atomic.write_text(output / "tables.md", text)
    pictures.save_all(measured, faces, output)
    print(text)
    print(f"tables.md and figures: {output}")


if __name__ == "__main__":
    app.run(main)
