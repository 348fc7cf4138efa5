"""The tables of the comparison as Markdown, and the contents of their cells."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.comparison import runs
from benchmarks.comparison.measure import ONE_PEAK, Measured, main_reading
from benchmarks.comparison.published import PUBLISHED
from evae_tf.array_types import FloatArray
from evae_tf.evaluation import metrics


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table of strings, without the padding of tabulate."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines) + "\n"


def percent(value: float) -> str:
    return f"{100 * value:.2f}"


def models_table(dataset: str, measured: Mapping[runs.Run, Measured], output: Path) -> str:
    """All models of one data set, with errors of the regressor and of the maps.

    Args:
      dataset: a key of `runs.MODELS`.
      measured: dict of `Run` to `Measured`.
      output: folder of the comparison, with the training times.
    """
    has_corners = ("maps", "inter_ocular") in measured[runs.Run(dataset, "evae")].errors
    header = ["model", "read off", "mean %", "median %", "CED@5", "CED@8", "CED@10", "FR10 %"]
    header += ["published median %, CED@10"] + ["mean % (eye corners)"] * has_corners + ["minutes"]
    rows = []
    for run in runs.MODELS[dataset]:
        for reading in ("regressor", "maps"):
            errors = measured[run].errors.get((reading, "inter_pupil"))
            if errors is None:
                continue
            published = PUBLISHED[dataset].get(run.architecture)
            main = reading == main_reading(measured[run])
            row = [f"`{run.architecture}`", reading, percent(errors.mean())]
            row += [percent(np.median(errors))]
            row += [f"{100 * metrics.ced(errors, limit):.1f}" for limit in (0.05, 0.08, 0.10)]
            row += [f"{100 * metrics.failure_rate(errors, 0.10):.1f}"]
            row += [f"{published[0]:.2f}, {published[1]:.1f}" if published and main else ""]
            if has_corners:
                row.append(percent(measured[run].errors[reading, "inter_ocular"].mean()))
            rows.append([*row, minutes(output / run.name) if main else ""])
    return markdown(header, rows)


def minutes(folder: Path) -> str:
    """Training time from metrics.csv."""
    with (folder / "metrics.csv").open(newline="") as file:
        return f"{sum(float(row['seconds']) for row in csv.DictReader(file)) / 60:.1f}"


def spread(values: Sequence[float], form: Callable[[float], str] = percent) -> str:
    """Mean and range of one number over the seeds."""
    return f"{form(np.mean(values))} ({form(min(values))} to {form(max(values))})"


def map_shape_table(measured: Mapping[runs.Run, Measured]) -> str:
    """Shape of the maps with and without the variational part, over three seeds."""
    header = ["model", "mean % read off the maps", "entropy, nats", "roughness"]
    header += ["second peak over first, mean", f"one peak (second below {ONE_PEAK:g}), %"]
    rows = []
    for pair in runs.PAIRS:
        for column in zip(*pair, strict=True):
            results = [measured[run] for run in column]
            second = [result.shapes["second_peak"] for result in results]
            rows.append([
                f"`{column[0].architecture}`",
                spread([result.errors["maps", "inter_pupil"].mean() for result in results]),
                spread([r.shapes["entropy"].mean() for r in results], "{:.2f}".format),
                spread([r.shapes["roughness"].mean() for r in results], "{:.1f}".format),
                spread([ratio.mean() for ratio in second], "{:.3f}".format),
                spread([100 * np.mean(ratio < ONE_PEAK) for ratio in second], "{:.1f}".format),
            ])  # fmt: skip
    return markdown(header, rows)


def hard_faces_table(measured: Mapping[runs.Run, Measured], turned: npt.NDArray[np.intp]) -> str:
    """Pairs of models on all, on turned and on occluded faces, over three seeds.

    Args:
      measured: dict of `Run` to `Measured`.
      turned: indices of the faces with the largest head turn.
    """
    header = ["models", "faces", "mean % without", "mean % with the variational part"]
    header += ["difference (95 % interval)"]
    rows = []
    for pair in runs.PAIRS:
        plain, variational = zip(*pair, strict=True)
        key = (main_reading(measured[plain[0]]), "inter_pupil")
        all_errors = [
            np.mean([measured[run].errors[key] for run in column], axis=0)
            for column in (plain, variational)
        ]
        pasted = [
            np.mean([measured[run].occluded[key] for run in column], axis=0)
            for column in (plain, variational)
        ]
        others = np.setdiff1d(np.arange(len(all_errors[0])), turned)
        for label, errors in {
            "all": all_errors,
            "the tenth turned most": [e[turned] for e in all_errors],
            "all others": [e[others] for e in all_errors],
            "all, a patch pasted": pasted,
        }.items():
            rows.append([
                f"`{plain[0].architecture}`, `{variational[0].architecture}`",
                f"{label} ({len(errors[0])})",
                percent(errors[0].mean()),
                percent(errors[1].mean()),
                _difference(*errors),
            ])  # fmt: skip
    return markdown(header, rows)


def _difference(before: FloatArray, after: FloatArray) -> str:
    """Mean difference of two models' errors on the same faces, with its 95 % interval."""
    difference = after - before
    low, high = metrics.bootstrap_ci(difference)
    return f"{100 * difference.mean():+.2f} ({100 * low:+.2f} to {100 * high:+.2f})"


def claims_table(measured: Mapping[runs.Run, Measured]) -> str:
    """Each model against the one ranked below it in the paper, on all data sets, seed 0."""
    header = ["data set", "model", "against", "difference of means (95 % interval)"]
    header += ["difference of medians", "difference of CED@10"]
    rows = []
    for dataset in runs.MODELS:
        for better, worse in (("evae_cnn", "fcn_cnn"), ("fcn_cnn", "cnn"), ("evae", "fcn")):
            after, before = (
                measured[run].errors[main_reading(measured[run]), "inter_pupil"]
                for run in (runs.Run(dataset, better), runs.Run(dataset, worse))
            )
            medians = 100 * (np.median(after) - np.median(before))
            shares = 100 * (metrics.ced(after, 0.10) - metrics.ced(before, 0.10))
            rows.append([
                dataset, f"`{better}`", f"`{worse}`", _difference(before, after),
                f"{medians:+.2f}", f"{shares:+.1f}",
            ])  # fmt: skip
    return markdown(header, rows)


def changes_table(
    column: str,
    changes: Mapping[str, runs.Run],
    measured: Mapping[runs.Run, Measured],
    output: Path,
) -> str:
    """One change per row, with its effect on both readings and on the maps.

    Args:
      column: header of the changes.
      changes: dict of label to `Run`.
      measured: dict of `Run` to `Measured`.
      output: folder of the comparison.
    """
    header = [column, "mean %", "median %", "mean % read off the maps", "entropy, nats"]
    header += ["one peak, %", "KL, nats a latent", "minutes"]
    rows = []
    for label, run in changes.items():
        errors, shapes = measured[run].errors, measured[run].shapes
        with (output / run.name / "metrics.csv").open(newline="") as file:
            divergence = float(list(csv.DictReader(file))[-1]["kl"])
        rows.append([
            label,
            percent(errors["regressor", "inter_pupil"].mean()),
            percent(np.median(errors["regressor", "inter_pupil"])),
            percent(errors["maps", "inter_pupil"].mean()),
            f"{shapes['entropy'].mean():.2f}",
            f"{100 * np.mean(shapes['second_peak'] < ONE_PEAK):.1f}",
            f"{divergence:.3f}",
            minutes(output / run.name),
        ])  # fmt: skip
    return markdown(header, rows)


def trainings_table(trained: Iterable[runs.Run], output: Path) -> str:
    """The command that trained each model; DATA is the folder of the data sets.

    Args:
      trained: the `Run`s.
      output: folder of the comparison.
    """
    flags = runs.data_flags(Path("DATA"), Path("runs/comparison"))
    rows = []
    for run in trained:
        made = json.loads((output / run.name / "config.json").read_text())
        faces, config = made["data"]["train_faces"], made["config"]
        steps = config["epochs"] * math.ceil(faces / config["batch_size"])
        words = " ".join(run.command(flags, Path("runs/comparison")))
        rows.append([f"`python {words}`", str(run.seed), f"{steps:,}", minutes(output / run.name)])
    return markdown(["call", "seed", "steps", "minutes"], rows)
