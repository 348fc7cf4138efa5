"""The public API for Ray Data pipelines."""

from typing import TYPE_CHECKING

from evae_tf import arguments
from evae_tf.errors import UsageError

if TYPE_CHECKING:
    from ray.data import Dataset

_BATCH = 32  # photos of a batch: then the time that Ray takes for a batch is negligible


def align_dataset(
    dataset: "Dataset",
    model: str = "mobile_68",
    *,
    detector: str = "auto",
    detector_model: str | None = None,
    passes: int = 2,
    min_score: float | None = None,
    max_faces: int | None = None,
    workers: int | None = None,
) -> "Dataset":
    """Finds the faces of a dataset of photos; lazy, like every step of Ray Data.

    Args:
      dataset: Ray dataset with a column `image`, the addresses of photos. An optional column
        `bytes` has the contents of their files. Every row is aligned, also of repeated addresses.
      model: see `Aligner.load`, like the next five.
      detector: one of `detection.DETECTORS`.
      detector_model: file of the detector.
      passes: 1 or 2.
      min_score: detections below this confidence are dropped.
      max_faces: maximum number of faces per photo.
      workers: number of actors, which book half a CPU each; None: one for each CPU of the cluster.

    Returns:
      Ray dataset of `rows.SCHEMA`: a row for each face, and one for each photo without a face or
      that cannot be used, with the reason in `error`.

    Raises:
      InputError: the model or detector cannot be used.
      UsageError: the dataset has no column `image`.
    """
    import ray

    from evae_tf.bulk.settings import Identity, Settings
    from evae_tf.bulk.workers import DatasetWorker, map_batches

    columns = dataset.columns() or []
    if "image" not in columns:
        raise UsageError(f"the dataset has the columns {columns}, expected image.")
    if workers is None:
        workers = max(1, int(ray.cluster_resources().get("CPU", 1)))
    workers = arguments.whole_number("workers", workers)
    settings = Settings(model, detector, detector_model, passes, min_score, max_faces)
    arguments_of_worker = (settings, Identity.of(settings.load()))
    return map_batches(dataset, DatasetWorker, arguments_of_worker, workers, _BATCH)
