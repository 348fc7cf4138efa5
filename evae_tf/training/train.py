"""Build, compile, fit, validate, checkpoint, resume."""

# Keras comes without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false
# pyright: reportUnnecessaryIsInstance=false
# The isinstance check serves callers that do not check types.

import contextlib
import dataclasses
import functools
import hashlib
import json
import tempfile
from collections.abc import Generator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import logging

from evae_tf import arguments, atomic, geometry
from evae_tf import config as configs
from evae_tf.artifacts import keras_file
from evae_tf.config import Config
from evae_tf.data.crop_files import CropStore
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import Face, face_list, one_markup
from evae_tf.data.pipeline import TrainingBatches, training_data
from evae_tf.errors import UsageError
from evae_tf.markups import Markup
from evae_tf.models.build import build_model
from evae_tf.training import agreement, checkpoint, processes, transfer
from evae_tf.training.batch_size import enough_memory, faces_per_step
from evae_tf.training.callbacks import EpochEnd, Interruption, Progress, Validation
from evae_tf.training.objective import LandmarkTrainer, Objective
from evae_tf.training.optimizers import optimizer_of
from evae_tf.training.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Training:
    """The result of a training.

    Attributes:
      model: the Keras model of the best epoch, read from `model.keras` in the folder.
      history: the rows of metrics.csv: for each epoch a dict of column to number.
      best_nme: the lowest validation NME, as a fraction.
      normalizer: name of its normaliser.
      folder: the training folder.
    """

    model: Any
    history: list[dict[str, float]]
    best_nme: float
    normalizer: str
    folder: Path


def train(
    config: Config,
    train_faces: Sequence[Face],
    val_faces: Sequence[Face],
    workdir: str | Path,
    *,
    init_from: str | Path | None = None,
    num_threads: int = 2,
) -> Training:
    """Trains a network, or resumes the training in `workdir`.

    The same call on the same folder resumes after the last finished epoch, with the same results
    as an uninterrupted training. Ctrl-C ends a training after the current step.

    Args:
      config: `Config`.
      train_faces: list of `Face`.
      val_faces: list of `Face` of the same markup, whose NME selects the best epoch; their photos
        must not be among `train_faces`. The NME uses the markup's default normaliser, or
        `box_size` if a face lacks the points for that.
      workdir: the training folder: config.json, model.keras, checkpoints/, tensorboard/,
        training.png and metrics.csv.
      init_from: `.keras` file, or name of a shipped model, whose weights initialise the network.
      num_threads: threads for decoding and augmentation.

    Returns:
      `Training`.

    Raises:
      InputError: there are no faces or they have several markups; `workdir` is not writable,
        holds another run or is in use by another process; an image cannot be read; the loss is
        NaN or infinite; or the memory does not hold a step.
    """
    if not isinstance(config, Config):
        raise UsageError(f"config={config!r:.60}: expected a Config, such as PRESETS['default'].")
    train_faces = face_list("train_faces", train_faces)
    val_faces = face_list("val_faces", val_faces)
    markup = one_markup([*train_faces, *val_faces])
    workdir = arguments.text_path("workdir", workdir)
    num_threads = arguments.whole_number("num_threads", num_threads)
    configs.check_start(config, init_from)
    source = keras_file.load_model(init_from) if init_from else None
    with processes.together():
        description, keys = _agreed(config, markup, train_faces, val_faces, init_from)
    with processes.together(), _claimed(workdir, description) as folder:
        lists = list(zip((train_faces, val_faces), keys, strict=True))
        batches, validation = _data(config, lists, workdir, num_threads)

        keras.utils.set_random_seed(config.seed)
        face_box: Any = geometry.relative_box(
            np.stack([face.box for face in train_faces]),
            np.stack([face.landmarks for face in train_faces]),
        )
        network = _network(config, markup, face_box)
        if source is not None:
            transfer.copy_weights(source, network)
        trainer = compiled_trainer(network, config, batches.steps_per_epoch)
        rows = _resume(trainer, folder, batches.steps_per_epoch)
        if len(rows) < config.epochs:
            shipped = build_model(config, markup, face_box)
            epoch_end = EpochEnd(shipped, validation, folder, rows, config.seed)
            _fit(trainer, config, batches, markup, epoch_end, num_threads)
        else:
            logging.info("%s: all %d epochs are finished.", folder.path, config.epochs)
        best_nme = min(row["val_nme"] for row in rows)
        model = keras_file.load_model(folder.model)
        return Training(model, rows, best_nme, validation.normalizer, workdir)


@contextlib.contextmanager
def _claimed(workdir: Path, description: dict[str, dict[str, Any]]) -> Generator[RunFolder]:
    """The training folder for process 0, a temporary copy of it for any other process.

    The other processes write the same files to their copies, which are deleted at the end.
    """
    if processes.index() == 0:
        with atomic.exclusive_folder(workdir):
            folder = RunFolder(workdir)
            folder.claim(description)
            processes.wait_for_all("claimed")
            yield folder
        return
    processes.wait_for_all("claimed")
    with tempfile.TemporaryDirectory() as own:
        folder = RunFolder(own)
        folder.copy(workdir, description)
        yield folder


def _agreed(
    config: Config,
    markup: Markup,
    train_faces: Sequence[Face],
    val_faces: Sequence[Face],
    init_from: str | Path | None,
) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The JSON-ready description that identifies a run, and the fingerprints of both lists.

    Raises:
      InputError: another process has other settings or packages.
    """
    data = {
        "markup": markup.name,
        "train_faces": len(train_faces),
        "val_faces": len(val_faces),
        "init_from": str(init_from) if init_from else None,
    }
    description = {"config": configs.to_dict(config), "data": data}
    agreement.check(description)
    keys = agreement.fingerprints(train_faces, val_faces)
    # It distinguishes data sets of the same name and size.
    text = " ".join([json.dumps(markup.to_dict(), sort_keys=True), *keys])
    data["sha256"] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return description, keys


def _data(
    config: Config,
    lists: Sequence[tuple[Sequence[Face], str]],
    workdir: Path,
    num_threads: int,
) -> tuple[TrainingBatches, Validation]:
    """The batches and the validation of two lists of faces with their fingerprints.

    Several processes cut a part of the crops each, into files in `workdir` that all of them read.
    """
    store = None
    if config.cache == "file" or processes.count() > 1:
        wait = functools.partial(processes.wait_for_all, "crops")
        store = CropStore(workdir, processes.index(), processes.count(), wait)
    crop: dict[str, Any] = {"size": config.input_size, "margin": config.crop_margin}
    crop |= {"store": store, "num_threads": num_threads}
    (train_faces, train_key), (val_faces, val_key) = lists
    crops = cut_crops(train_faces, key=train_key, context=config.crop_context_px, **crop)
    batch_size = faces_per_step(config.batch_size, len(crops), processes.devices())
    if batch_size < config.batch_size and processes.index() == 0:
        logging.warning(
            "batch_size=%d is larger than the data set of %d faces: a step takes %d.",
            *(config.batch_size, len(crops), batch_size),
        )
    batches = TrainingBatches(crops, batch_size, config.seed, processes.share(batch_size))
    return batches, Validation(val_faces, cut_crops(val_faces, key=val_key, **crop))


def _network(config: Config, markup: Markup, face_box: tuple[float, float, float]) -> Any:
    """The network to train; its weights are float32 even in mixed precision."""
    usual = keras.config.dtype_policy()
    if config.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build_model(config, markup, face_box)
    finally:
        keras.config.set_dtype_policy(usual)


def compiled_trainer(network: Any, config: Config, steps_per_epoch: int) -> LandmarkTrainer:
    """The compiled `LandmarkTrainer` of a network, with the optimiser's state built.

    Args:
      network: a model of `build_model`.
      config: its `Config`.
      steps_per_epoch: sets the length of the learning rate schedule.
    """
    trainer = LandmarkTrainer(network, Objective.of(config))
    optimizer = optimizer_of(config, config.epochs * steps_per_epoch)
    trainer.compile(optimizer=optimizer)
    optimizer.build(trainer.trainable_variables)
    return trainer


def _resume(
    trainer: LandmarkTrainer, folder: RunFolder, steps_per_epoch: int
) -> list[dict[str, float]]:
    """Restores the last checkpoint, if any; returns the metrics of the finished epochs."""
    if not folder.last_checkpoint.exists():
        return []
    checkpoint.load(trainer, folder.last_checkpoint)
    done = int(trainer.step.numpy()) // steps_per_epoch
    logging.info("resuming after epoch %d from %s", done, folder.last_checkpoint)
    return folder.read_metrics(done)


def _fit(
    trainer: LandmarkTrainer,
    config: Config,
    batches: TrainingBatches,
    markup: Markup,
    epoch_end: EpochEnd,
    num_threads: int,
) -> None:
    done = len(epoch_end.rows)
    data = training_data(
        batches,
        done * batches.steps_per_epoch,
        flip_permutation=markup.flip_permutation,
        augmentation=config.augmentation,
        num_threads=num_threads,
    )
    callbacks = [epoch_end, Progress(config.epochs, done)]
    if keras.backend.backend() == "tensorflow":  # TensorBoard's callbacks need TensorFlow
        tensorboard = epoch_end.folder.tensorboard
        callbacks.append(keras.callbacks.TensorBoard(tensorboard, write_graph=False))
        from evae_tf.training.pictures import Pictures

        pictures = Pictures(epoch_end.shipped, epoch_end.validation, tensorboard / "validation")
        callbacks.append(pictures)
    memory = enough_memory(batches.batch_size)
    with memory, processes.all_devices(trainer), Interruption() as interruption:
        trainer.fit(
            data,
            epochs=config.epochs,
            initial_epoch=done,
            steps_per_epoch=batches.steps_per_epoch,
            shuffle=False,
            callbacks=[*callbacks, interruption],
            verbose=0,
        )
