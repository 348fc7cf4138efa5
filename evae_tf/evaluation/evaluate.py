"""Evaluates models on annotated faces and writes the report: tables, files and figures."""

import csv
import dataclasses
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from evae_tf import arguments, atomic, geometry
from evae_tf.artifacts.predictor import MOST_AT_ONCE
from evae_tf.data.face import Face, face_list
from evae_tf.errors import UsageError
from evae_tf.evaluation import groups, readings, report_figures, statistics
from evae_tf.evaluation.readings import Reading
from evae_tf.evaluation.truth import Truth

BOX_JITTER_SEED = 20260


def evaluate(
    models: str | Path | Iterable[str | Path],
    faces: Sequence[Face],
    output: str | Path,
    *,
    normalizers: Sequence[str] | None = None,
    group_by: Sequence[str] = (),
    description: Mapping[str, str] | None = None,
    box_jitter: bool = False,
    batch_size: int = 64,
    num_threads: int = 2,
) -> list[dict[str, Any]]:
    """Measures models on faces and writes the report.

    Args:
      models: one or several paths or names, see `predictors.open_model`.
      faces: list of `Face` of one markup. Points that are not annotated are left out.
      output: folder for report.json, per_face.csv and the figures.
      normalizers: names of `metrics.normalizing_distance`; None for
        `metrics.default_normalizer`.
      group_by: criteria to group the faces by, see `groups.grouped`; the report has further rows
        for each group, with the key `group`.
      description: further keys of each row, such as `dataset` and `subset`.
      box_jitter: whether the boxes are perturbed first, see `geometry.jitter_boxes`.
      batch_size: faces per batch; more than 64 count as 64.
      num_threads: threads for decoding and for .tflite and .onnx files.

    Returns:
      The rows of report.json, a list of dicts; errors are fractions. A row lacks numbers that are
      undefined for its model or faces, such as `visibility_ap` if nothing is hidden.

    Raises:
      InputError: no model or no face; faces of several markups; a normaliser that is unknown or
        undefined for a face; a model that cannot be opened, has other landmarks or predicts NaN
        or infinity; or `output` is not writable.
    """
    is_one = isinstance(models, str | Path)
    paths = [models] if is_one else arguments.items("models", models, str | Path, "paths")
    if not paths:
        raise UsageError("no model to evaluate; expected at least one path.")
    faces = face_list("faces", faces)
    normalizers = None if normalizers is None else arguments.names("normalizers", normalizers)
    group_by = list(dict.fromkeys(arguments.names("group_by", group_by)))
    arguments.path("output", output)
    batches = {
        "batch_size": min(arguments.whole_number("batch_size", batch_size), MOST_AT_ONCE),
        "num_threads": arguments.whole_number("num_threads", num_threads),
    }
    truth = Truth.of(faces, normalizers)
    parts = groups.grouped(group_by, faces, truth)
    predictors = {
        str(path): readings.open_predictor(path, truth.markup, num_threads) for path in paths
    }
    if box_jitter:
        disturbed = geometry.jitter_boxes(truth.boxes, BOX_JITTER_SEED)
        truth = dataclasses.replace(truth, boxes=disturbed)
    with atomic.exclusive_folder(output) as folder:
        everything = [
            reading
            for path, predictor in predictors.items()
            for reading in readings.read(path, predictor, faces, truth, **batches)
        ]
        measured_on = {**(description or {}), "box_jitter": box_jitter}
        rows = [
            {"model": reading.model, "reading": reading.name, **measured_on, "normalizer": name}
            | ({"group_by": part.by, "group": part.name} if part else {})
            | statistics.numbers(reading, truth, name, part.rows if part else slice(None))
            for part in (None, *parts)
            for reading in everything
            for name in truth.distances
        ]
        report = json.dumps({"rows": rows}, indent=2, allow_nan=False) + "\n"
        atomic.write_text(folder / "report.json", report)
        atomic.write_text(folder / "per_face.csv", _per_face(everything, truth, faces))
        report_figures.write(folder, everything, predictors, truth, parts)
        return rows


def _per_face(everything: Sequence[Reading], truth: Truth, faces: Sequence[Face]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["model", "reading", "normalizer", "face", "nme"])
    for reading in everything:
        for name in truth.distances:
            errors = statistics.face_errors(reading, truth, name)
            writer.writerows(
                [reading.model, reading.name, name, face.name, f"{error:.6f}"]
                for face, error in zip(faces, errors, strict=True)
            )
    return text.getvalue()


def format_table(rows: Iterable[Mapping[str, Any]]) -> str:
    """The rows of a report as a text table, in per cent."""
    shares = {"median": "median %", "auc_08": "AUC@8", "auc_10": "AUC@10"}
    shares |= {"fr_05": "FR@5 %", "fr_08": "FR@8 %", "fr_10": "FR@10 %"}
    header = ["model", "reading", "faces of", "normalizer", "faces", "NME %", "95 % interval"]
    lines: list[list[str]] = []
    for row in rows:
        low, high = row["nme_ci95"]
        group = f"{row['group_by']}: {row['group']}" if "group" in row else "all"
        lines.append([
            *(row["model"], row["reading"], group, row["normalizer"], row["faces"]),
            *(f"{100 * row['nme']:.2f}", f"{100 * low:.2f} to {100 * high:.2f}"),
            *(f"{100 * row[key]:.2f}" for key in shares),
        ])  # fmt: skip
    if all(line[2] == "all" for line in lines):
        header.remove("faces of")
        lines = [line[:2] + line[3:] for line in lines]
    return tabulate(lines, [*header, *shares.values()], "plain", disable_numparse=True)
