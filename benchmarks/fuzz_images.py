"""Fuzzes `read_image` with damaged and malicious files.

  python -m benchmarks.fuzz_images

Small images in all formats that Pillow writes are truncated, overwritten, shifted, or given
another size in the header; some are decompression bombs. Each must return pixels or raise an
InputError, with nothing on standard error, in less than 1 GB of memory and 2 s of CPU time. If one
does not, the exit status is 1.
"""

import collections
import multiprocessing
import sys
from concurrent import futures

from absl import app, flags
from tabulate import tabulate

from benchmarks.image_reading import Outcome, is_good, read_batch
from benchmarks.odd_images import bombs, pictures

FLAGS = flags.FLAGS
flags.DEFINE_integer("files", 10_000, "Number of files.", lower_bound=1)
flags.DEFINE_integer("seed", 0, "Random seed of the damage.", lower_bound=0)

_BATCH = 100  # files per process


def main(_: list[str]) -> None:
    """Prints the outcomes of all files, by format."""
    originals = [*pictures(), *bombs()]
    starts = range(0, FLAGS.files, _BATCH)
    batches = [(FLAGS.seed, start, min(start + _BATCH, FLAGS.files)) for start in starts]
    batches = [(originals, *batch) for batch in batches]
    context = multiprocessing.get_context("spawn")  # with Pillow in its initial state
    with futures.ProcessPoolExecutor(1, context, max_tasks_per_child=1) as pool:
        outcomes = [outcome for batch in pool.map(read_batch, batches) for outcome in batch]
    by_format = collections.defaultdict(list)
    for outcome in outcomes:
        by_format[outcome.format].append(outcome)
    rows = [_row(name, found) for name, found in [*sorted(by_format.items()), ("all", outcomes)]]
    print(tabulate(rows, ["format", "files", "read", "refused", "slowest, s", "peak, MB"], "plain"))
    wrong = [outcome for outcome in outcomes if not is_good(outcome)]
    for outcome in wrong:
        print(f"file {outcome.number} of seed {FLAGS.seed}: {outcome}")
    sys.exit(1 if wrong else 0)


def _row(name: str, outcomes: list[Outcome]) -> list[object]:
    results = collections.Counter(outcome.result for outcome in outcomes)
    slowest = max(outcome.seconds for outcome in outcomes)
    peak = max(outcome.megabytes for outcome in outcomes)
    return [name, len(outcomes), results["read"], results["refused"], f"{slowest:.2f}", round(peak)]


if __name__ == "__main__":
    app.run(main)
