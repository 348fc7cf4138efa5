"""EXPORT_REPORT.md: accuracy loss, run time and size of each exported file."""

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from tabulate import tabulate

from evae_tf import atomic
from evae_tf.array_types import FloatArray
from evae_tf.evaluation.figure_style import COLORS, quieten, words
from evae_tf.evaluation.figures import save_figure
from evae_tf.exporting import timing
from evae_tf.exporting.files import FileWriter
from evae_tf.exporting.tflite import INT8_THROUGHOUT

FILE, FIGURE = "EXPORT_REPORT.md", "EXPORT_REPORT.png"


def remove(folder: Path) -> None:
    """Removes the report of earlier files."""
    for name in (FILE, FIGURE):
        (folder / name).unlink(missing_ok=True)


_THREADS = (1, 2)
_ROUNDS = 200

_TEXT = """# Export report

`{model}` on {faces} faces of `{dataset}`; error normalised by `{normalizer}` (Keras: {nme:.2f} %).

{table}

![losses and times]({figure})

- **error**: mean over the faces; **loss**: increase over the Keras model's error, relative to it.
  In brackets, 95 % intervals (bootstrap over faces; for the loss, over paired differences).
- **difference**: largest distance of a landmark from the Keras model's, in fractions of the crop.
- **ms**: median of {rounds} runs on {machine}, LiteRT, files interleaved in one run.
- **peak MB**: physical memory above that of a process that has only loaded LiteRT.
{footnotes}
## Operations
{operations}
"""
_THROUGHOUT = (
    "- **int8 throughout** was converted only for this table: its readout after the last layers\n"
    "  is int8 as well."
)


def write(writer: FileWriter, models: Mapping[str, Any], entries: Sequence[dict[str, Any]]) -> None:
    """Writes the report and its figure into the folder of an export.

    Args:
      writer: `FileWriter` that wrote the files.
      models: dict of format to the functional Keras model that was exported.
      entries: list of dicts, see `export_model`.

    Raises:
      InputError: a file cannot be written.
    """
    rows = [(_name(entry), entry, writer.folder / entry["path"]) for entry in entries]
    footnotes = []
    if "tflite_int8" in models:
        compared = writer.compare_int8_throughout(models["tflite_int8"])
        rows.append((words(INT8_THROUGHOUT), *compared))
        footnotes.append(_THROUGHOUT)
    files = {name: path for name, _, path in rows if path.suffix == ".tflite"}
    milliseconds = _time(list(files.values()))
    memory = dict(zip(files, timing.peak_memory(list(files.values())), strict=True))
    times = dict(zip(files, milliseconds, strict=True))
    table = _table([(name, entry, times.get(name), memory.get(name)) for name, entry, _ in rows])
    operations = "\n".join(
        f"- `{name}`: " + ", ".join(f"{count} {op}" for op, count in sorted(entry["ops"].items()))
        for name, entry, _ in rows
        if entry["ops"]
    )
    first = entries[0]
    text = _TEXT.format(
        **{key: first[key] for key in ("model", "faces", "dataset", "normalizer")},
        nme=100 * first["nme_keras"],
        table=table,
        figure=FIGURE,
        rounds=_ROUNDS,
        machine=f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}",
        footnotes="\n".join([*footnotes, ""]),
        operations=operations or "No TFLite file was exported.",
    )
    figure = _figure([(name, entry, times.get(name)) for name, entry, _ in rows])
    save_figure(figure, writer.folder / FIGURE)
    atomic.write_text(writer.folder / FILE, text)


def _name(entry: Mapping[str, Any]) -> str:
    is_version = entry["format"] == "serving"
    return f"serving, version {entry['path']}" if is_version else entry["path"]


def _time(paths: Sequence[Path]) -> Sequence[FloatArray]:
    """Median milliseconds of each file with each number of threads: float [M, len(_THREADS)]."""
    contents = [path.read_bytes() for path in paths]
    if not contents:
        return []
    medians = [np.median(timing.interleaved(contents, _ROUNDS, n), axis=0) for n in _THREADS]
    return [*1e3 * np.transpose(medians)]


def _table(
    rows: Sequence[tuple[str, Mapping[str, Any], FloatArray | None, int | None]],
) -> str:
    heads = ["file", "MB", "operations", "error %", "loss %", "difference"]
    heads += [f"ms, {n} thread{'s' if n > 1 else ''}" for n in _THREADS] + ["peak MB"]
    lines: list[list[str]] = []
    for name, entry, times, memory in rows:
        low, high = (100 * bound for bound in entry["nme_ci95"])
        loss, (least, most) = 100 * entry["loss"], (100 * bound for bound in entry["loss_ci95"])
        lines.append(
            [
                f"`{name}`",
                f"{entry['bytes'] / 1e6:.2f}",
                str(sum(entry["ops"].values()) or "-"),
                f"{100 * entry['nme']:.2f} ({low:.2f} to {high:.2f})",
                f"{loss:+.2f} ({least:+.2f} to {most:+.2f})",
                f"{entry['parity']:.1e}",
                *(["-"] * len(_THREADS) if times is None else [f"{ms:.3f}" for ms in times]),
                "-" if memory is None else f"{memory / 1e6:.1f}",
            ]
        )
    return tabulate(lines, heads, "github", disable_numparse=True)


def _figure(rows: Sequence[tuple[str, Mapping[str, Any], FloatArray | None]]) -> Figure:
    """Loss with its interval and time on one thread, one row for each file."""
    figure = Figure(figsize=(8.0, 1.2 + 0.38 * len(rows)), layout="constrained")
    losses, times = figure.subplots(1, 2, sharey=True)
    for place, (_, entry, milliseconds) in enumerate(rows):
        loss, interval = 100 * entry["loss"], 100 * np.array(entry["loss_ci95"])
        losses.plot(interval, [place, place], color=COLORS[0], linewidth=2)
        losses.plot(loss, place, "o", color=COLORS[0])
        if milliseconds is not None:
            times.barh(place, milliseconds[0], color=COLORS[5], height=0.6, zorder=2)
    losses.axvline(0, color="black", linewidth=0.8)
    losses.set_yticks(range(len(rows)), [name for name, *_ in rows])
    losses.invert_yaxis()
    losses.set_xlabel("error above the Keras model's, % (95 % interval)")
    times.set_xlabel("ms on one thread")
    for axes in (losses, times):
        quieten(axes)
    return figure
