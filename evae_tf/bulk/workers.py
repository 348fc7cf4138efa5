"""The actors on the machines of the cluster, with an aligner each."""

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from evae_tf.bulk import rows
from evae_tf.bulk.addresses import SetupError
from evae_tf.bulk.output_folder import OutputFolder
from evae_tf.bulk.photo_reader import PhotoReader, Source
from evae_tf.bulk.settings import Identity, Settings
from evae_tf.data.image_files import hold_limit_in_pillow
from evae_tf.errors import InputError

if TYPE_CHECKING:
    from ray.data import Dataset

# CPUs that Ray books for an actor. The rest is left to other tasks: if actors booked all CPUs of a
# cluster, it would wait forever.
CPUS = 0.5
# Restarts of a worker that was killed, with its photos. A lost node takes one restart of each of
# its workers.
_RESTARTS = 4


def map_batches(
    dataset: "Dataset", worker: type, arguments: Sequence[Any], workers: int, batch_size: int
) -> "Dataset":
    """A dataset whose batches are processed by actors.

    Args:
      dataset: Ray dataset.
      worker: class of the actors, which are called with a `pa.Table`.
      arguments: arguments of its constructor.
      workers: number of actors.
      batch_size: rows of a batch.
    """
    from ray.data import ActorPoolStrategy

    with warnings.catch_warnings():
        # Ray 2.60 deprecates these options, but has no other way to set the last two.
        warnings.filterwarnings("ignore", "`ray_remote_args`")
        return dataset.map_batches(
            worker,
            batch_size=batch_size,
            batch_format="pyarrow",
            fn_constructor_args=tuple(arguments),
            compute=ActorPoolStrategy(size=workers),
            num_cpus=CPUS,
            max_restarts=_RESTARTS,
            max_task_retries=-1,  # limited by the restarts; each try counts while a node is lost
        )


class PhotoAligner:
    """Turns photos into rows of the output table.

    Args:
      settings: settings of the aligner.
      identity: identity of the machine of the command; None: of this machine.

    Raises:
      InputError: the model or detector cannot be used.
      SetupError: this machine has other packages or files.
    """

    def __init__(self, settings: Settings, identity: Identity | None = None) -> None:
        hold_limit_in_pillow()
        self._model = settings.model
        self._aligner = settings.load()
        here = Identity.of(self._aligner)
        (identity or here).check(here)
        self._sha256 = here.model_sha256
        self._reader = PhotoReader()

    def rows(self, sources: Sequence[Source]) -> pa.Table:
        """The rows of some photos, a table of `rows.SCHEMA`.

        Raises:
          SetupError: see `PhotoReader.groups`.
        """
        found: list[rows.Row] = []
        for group in self._reader.groups(sources):
            images = [pixels for _, pixels in group if not isinstance(pixels, str)]
            faces = iter(self._aligner.batch(images) if images else [])
            for address, pixels in group:
                if isinstance(pixels, str):
                    found.append(rows.error_row(address, pixels))
                else:
                    height, width, _ = pixels.shape
                    found += rows.photo_rows(address, (width, height), next(faces))
        return rows.as_table(found, self._model, self._sha256)


class DatasetWorker:
    """Worker of `align_dataset`: turns a batch with `image`, and perhaps `bytes`, into rows."""

    def __init__(self, settings: Settings, identity: Identity) -> None:
        self._align = PhotoAligner(settings, identity)

    def __call__(self, batch: pa.Table) -> pa.Table:
        missing = [None] * batch.num_rows
        contents = batch["bytes"].to_pylist() if "bytes" in batch.column_names else missing
        return self._align.rows(list(zip(batch["image"].to_pylist(), contents, strict=True)))


class RunWorker:
    """Worker of a run: writes a file for a chunk of addresses and returns a row of counts.

    Problems of all workers are returned in the row: Ray would retry if they were raised.
    """

    def __init__(self, settings: Settings, identity: Identity, output: OutputFolder) -> None:
        self._output = output
        self._problem = ""
        try:
            self._align = PhotoAligner(settings, identity)
        except InputError as error:
            self._problem = str(error)

    def __call__(self, batch: pa.Table) -> pa.Table:
        (images,) = batch["images"].to_pylist()
        if self._problem:
            return _count(problem=self._problem)
        try:
            found = self._align.rows([(image, None) for image in images])
            self._output.write(images, found)
        except SetupError as error:
            return _count(problem=str(error))
        errors = found["error"].drop_null().to_pylist()
        faces = found.num_rows - found["face"].null_count
        return _count(len(images), faces, len(errors), found["face"].null_count - len(errors))


def _count(
    photos: int = 0, faces: int = 0, errors: int = 0, without_face: int = 0, problem: str = ""
) -> pa.Table:
    counts = {"photos": photos, "faces": faces, "errors": errors, "without_face": without_face}
    return pa.Table.from_pylist([{**counts, "problem": problem}])
