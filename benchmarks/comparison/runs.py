"""The trainings of the comparison, and running the missing ones."""

import csv
import dataclasses
import os
import subprocess
import sys
from concurrent import futures
from pathlib import Path

from tqdm import tqdm

from evae_tf import atomic, markups
from evae_tf.data import splits
from evae_tf.data.readers import csv_file

ROOT = Path(__file__).parents[2]
EPOCHS = {"300w": 40, "mtfl": 8, "helen29": 160}
# Diamonds of 14 % of the map's side for 5 points, as drawn in the paper; 8 % for more points.
_FIELDS = {"300w": (), "mtfl": ("map_label_size_px=2.2",), "helen29": ()}
_HELEN29_VAL_FACES = 60


@dataclasses.dataclass(frozen=True)
class Run:
    """One training.

    Attributes:
      dataset: a key of `EPOCHS`.
      architecture: a model of the comparison.
      seed: random seed.
      change: difference from the preset, in words; part of the folder's name.
      fields: "field=value" for `--set`.
      preset: preset of the configuration.
      init_from: the `Run` that provides the initial weights, or None.
    """

    dataset: str
    architecture: str
    seed: int = 0
    change: str = ""
    fields: tuple = ()
    preset: str = "paper"
    init_from: "Run | None" = None

    @property
    def name(self):
        """The run's subfolder in the folder of the comparison."""
        change = f"_{self.change.replace(' ', '_')}" if self.change else ""
        return f"{self.dataset}/{self.preset}_{self.architecture}{change}_seed{self.seed}"

    def command(self, data_flags, output):
        """The command of train.py, as a list of arguments.

        Args:
          data_flags: dict of data set to the flags that select its faces.
          output: folder of the comparison.
        """
        words = ["train.py", *data_flags[self.dataset], f"--preset={self.preset}"]
        words += [f"--architecture={self.architecture}", f"--seed={self.seed}"]
        words += [f"--workdir={output / self.name}"]
        if self.init_from:
            words.append(f"--init_from={output / self.init_from.name / 'model.keras'}")
        fields = (f"epochs={EPOCHS[self.dataset]}", *_FIELDS[self.dataset], *self.fields)
        return words + [f"--set={field}" for field in fields]

    def finished(self, output):
        """Whether all epochs are finished."""
        metrics = output / self.name / "metrics.csv"
        return metrics.is_file() and metrics.read_text().count("\n") == EPOCHS[self.dataset] + 1


_NAMES = ("cnn", "fcn", "fcn_cnn", "evae", "evae_cnn")
PROPOSED = Run("300w", "evae_cnn")
MODELS = {dataset: [Run(dataset, name) for name in _NAMES] for dataset in EPOCHS}
MODELS["300w"].append(Run("300w", "wt", init_from=Run("mtfl", "evae_cnn")))

# Each pair without and with the variational part, with three seeds.
PAIRS = [
    [tuple(Run("300w", name, seed) for name in names) for seed in range(3)]
    for names in (("fcn", "evae"), ("fcn_cnn", "evae_cnn"))
]


def _changed(change, *fields, **options):
    return Run("300w", "evae_cnn", change=change, fields=fields, **options)


KL_SWEEP = {
    0.0: _changed("kl 0", "kl_weight=0"),
    0.01: _changed("kl 0.01", "kl_weight=0.01"),
    0.1: PROPOSED,  # the preset's own
    1.0: _changed("kl 1", "kl_weight=1"),
    10.0: _changed("kl 10", "kl_weight=10"),
}
WITHOUT_SAMPLING = _changed("without sampling", "sample_latent=false")
# The rest of the variational part is then one convolution more than in `fcn_cnn`.
WITHOUT_BOTH = _changed("kl 0 without sampling", "kl_weight=0", "sample_latent=false")

# Only the sizes of `default`.
SIZES = (
    "input_size=112",
    "encoder_filters=48,64,128",
    "encoder_strides=4,2,2",
    "encoder_blocks=0,1,1",
    "latent_channels=64",
    "decoder_filters=96,96,64",
    "decoder_strides=1,2,2",
    "regressor_filters=64,128",
    "regressor_strides=2,2",
    "regressor_blocks=1,1",
    "regressor_bottleneck=32",
)
# From `paper` to `default`, one change at a time.
ABLATIONS = {
    "`paper`": PROPOSED,
    "colour input": _changed("colour", "grey=false"),
    "batch normalisation": _changed("normalization", "normalization=true"),
    "Gaussian labels": _changed("gaussian labels", "map_label=gaussian", "map_label_size_px=0.73"),
    "cross-entropy over each map": _changed(
        "cross entropy", "map_loss=cross_entropy", "map_weight=1", "map_readout_power=1"
    ),
    "regressor refines the maps' landmarks": _changed("refine", "refine=true"),
    "Wing loss": _changed("wing", "landmark_loss=wing", "landmark_weight=100"),
    "Muon, at its learning rate": _changed("muon", "optimizer=muon", "learning_rate=4e-3"),
    "input and networks of `default`'s sizes": _changed("sizes", *SIZES),
    "`default`": _changed("", preset="default"),
}


def all_runs():
    """All runs without duplicates; runs that provide initial weights come first."""
    runs = [*MODELS["mtfl"], *MODELS["300w"], *MODELS["helen29"]]
    runs += [run for pair in PAIRS for seed in pair for run in seed]
    runs += [*KL_SWEEP.values(), WITHOUT_SAMPLING, WITHOUT_BOTH, *ABLATIONS.values()]
    return list(dict.fromkeys(runs))


def train_missing(runs, data_flags, output, jobs):
    """Trains or resumes unfinished runs, `jobs` at a time.

    The output of a training is in `<run.name>.log`.

    Raises:
      SystemExit: a training failed.
    """
    missing = [run for run in runs if not run.finished(output)]
    with futures.ThreadPoolExecutor(jobs) as pool:
        trainings = {}
        for run in missing:
            source = trainings.get(run.init_from)
            trainings[run] = pool.submit(_train, run, data_flags, output, source)
        try:
            done = futures.as_completed(trainings.values())
            for training in tqdm(done, desc="trainings", total=len(missing)):
                training.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _train(run, data_flags, output, source):
    if source is not None:
        source.result()
    # Several at a time, each with one thread for data: two of these small networks use two cores a
    # third better than one does.
    command = [sys.executable, *run.command(data_flags, output), "--num_threads=1"]
    log = output / f"{run.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as file:
        status = subprocess.run(command, cwd=ROOT, stdout=file, stderr=file, check=False).returncode
    if status:
        sys.exit(f"{run.name}: the training failed; see {log}.")


def data_flags(data, output):
    """Dict of data set to the flags that select its faces.

    Args:
      data: folder with `300w`, `mtfl` and `helen29`.
      output: folder of the comparison, with the file of `write_helen29`.
    """
    return {
        "300w": ["--dataset=300w", f"--data_dir={data / '300w'}"],
        "mtfl": ["--dataset=mtfl", f"--data_dir={data / 'mtfl'}"],
        "helen29": ["--dataset=csv", "--markup=cofw_29", f"--data_dir={output / 'helen29.csv'}"],
    }


def write_helen29(data, output):
    """Writes helen29.csv: the faces of helen29 with their split.

    The 60 faces whose photo names have the smallest SHA-256 are for validation.

    Args:
      data: folder with `helen29`.
      output: folder of the comparison.
    """
    source = data / "helen29" / "landmarks.csv"
    faces = list(csv_file.read(source, "all", markups.MARKUPS["cofw_29"]))
    held_out = splits.hold_out(faces, _HELEN29_VAL_FACES / len(faces))
    names = {face.name for face in held_out}
    target = output / "helen29.csv"
    with source.open(newline="") as file, atomic.replacing_file(target) as temporary:
        rows = list(csv.DictReader(file))
        with temporary.open("w", newline="") as split:
            writer = csv.DictWriter(split, [*rows[0], "split"])
            writer.writeheader()
            for row in rows:
                row["split"] = "val" if row["image"] in names else "train"
                row["image"] = os.path.relpath(source.parent / row["image"], output)
                writer.writerow(row)
