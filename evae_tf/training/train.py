"""Build, compile, fit, validate, checkpoint, resume."""

import hashlib
import itertools
import json

import keras
import numpy as np
from absl import logging

from evae_tf import config as configs
from evae_tf import geometry
from evae_tf.artifacts import keras_file
from evae_tf.data.crops import cut_crops
from evae_tf.data.pipeline import TrainingBatches, training_dataset
from evae_tf.errors import InputError
from evae_tf.models.build import build_model
from evae_tf.training import checkpoint, transfer
from evae_tf.training.averaging import AveragedAdamW
from evae_tf.training.callbacks import EpochEnd, Interruption, Progress, Validation
from evae_tf.training.muon import AveragedMuon
from evae_tf.training.objective import LandmarkTrainer
from evae_tf.training.run_folder import RunFolder

_LAST_LAYERS = ("/head/", "/uncertainty/")


def train(config, markup, train_faces, val_faces, workdir, *, init_from=None, num_threads=2):
    """Trains a network, or goes on with the training that `workdir` holds.

    Args:
      config: `Config`.
      markup: `Markup` of the faces.
      train_faces: list of `Face`.
      val_faces: list of `Face`, of whose NME (default normaliser of the markup) the best epoch is
        told; their photos must not be among `train_faces`.
      workdir: folder for everything that CONTRACTS calls the training folder.
      init_from: `.keras` file whose weights the network starts from, or None.
      num_threads: for decoding and augmentation.

    Returns:
      The best validation NME, as a fraction.

    Raises:
      InputError: `workdir` cannot be written or holds another run, an image cannot be read, or
        the loss is no longer a number.
    """
    if config.architecture == "wt" and init_from is None:
        raise InputError("architecture wt starts from a trained model: give --init_from.")
    source = keras_file.load_model(init_from) if init_from else None
    folder = RunFolder(workdir)
    folder.claim(
        {
            "config": configs.to_dict(config),
            "data": {
                "markup": markup.name,
                "train_faces": len(train_faces),
                "val_faces": len(val_faces),
                "sha256": _fingerprint(markup, train_faces, val_faces),
                "init_from": str(init_from) if init_from else None,
            },
        }
    )
    crop = {"size": config.input_size, "margin": config.crop_margin, "num_threads": num_threads}
    kept = folder.path if config.cache == "file" else None
    crops = cut_crops(train_faces, context=config.crop_context_px, folder=kept, **crop)
    batches = TrainingBatches(crops, config.batch_size, config.seed)
    validation = Validation(val_faces, markup, cut_crops(val_faces, **crop))

    keras.utils.set_random_seed(config.seed)
    face_box = geometry.relative_box(
        np.stack([face.box for face in train_faces]),
        np.stack([face.landmarks for face in train_faces]),
    )
    network = _network(config, markup, face_box)
    if source is not None:
        transfer.copy_weights(source, network)
    trainer = compiled_trainer(network, config, markup, batches)
    done = 0
    if folder.last_checkpoint.exists():
        checkpoint.load(trainer, folder.last_checkpoint)
        done = int(trainer.step.numpy()) // batches.steps_per_epoch
        logging.info("resuming after epoch %d from %s", done, folder.last_checkpoint)
    rows = folder.read_metrics(done)
    if done >= config.epochs:
        logging.info("%s: all %d epochs are done.", folder.path, config.epochs)
    else:
        data = training_data(trainer, batches, done * batches.steps_per_epoch, num_threads)
        epoch_end = EpochEnd(build_model(config, markup, face_box), validation, folder, rows)
        _fit(trainer, data, epoch_end, folder, batches.steps_per_epoch)
    return min(row["val_nme"] for row in rows)


def _fingerprint(markup, *lists):
    """Tells apart data that have the same name and size: the markup, and each face's points."""
    digest = hashlib.sha256(json.dumps(markup.to_dict(), sort_keys=True).encode())
    for face in itertools.chain(*lists):
        digest.update(face.name.encode() + face.landmarks.tobytes() + face.box.tobytes())
    return digest.hexdigest()[:16]


def _network(config, markup, face_box):
    """The network that is trained; its weights are float32 under mixed precision too."""
    usual = keras.config.dtype_policy()
    if config.mixed_precision:
        keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        return build_model(config, markup, face_box)
    finally:
        keras.config.set_dtype_policy(usual)


def _fit(trainer, data, epoch_end, folder, steps_per_epoch):
    done = len(epoch_end.rows)
    callbacks = [epoch_end, Progress(trainer.config.epochs, done)]
    if keras.backend.backend() == "tensorflow":  # the callback needs TensorFlow
        callbacks.append(keras.callbacks.TensorBoard(folder.tensorboard, write_graph=False))
    with Interruption() as interruption:
        trainer.fit(
            data,
            epochs=trainer.config.epochs,
            initial_epoch=done,
            steps_per_epoch=steps_per_epoch,
            shuffle=False,
            callbacks=[*callbacks, interruption],
            verbose=0,
        )


def compiled_trainer(network, config, markup, batches):
    """The `LandmarkTrainer` of a network, compiled and with the optimiser's state built.

    Args:
      network: of `build_model`.
      config: its `Config`.
      markup: its `Markup`.
      batches: `TrainingBatches`, which fix the number of steps.
    """
    total_steps = config.epochs * batches.steps_per_epoch
    trainer = LandmarkTrainer(network, config, total_steps, markup.flip_permutation)
    warmup_steps = max(1, round(config.learning_rate_warmup * total_steps))
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, total_steps - warmup_steps),
        warmup_target=config.learning_rate,
        warmup_steps=warmup_steps,
    )
    kind = {"adamw": AveragedAdamW, "muon": AveragedMuon}[config.optimizer]
    own = {"adamw_layers": _LAST_LAYERS} if config.optimizer == "muon" else {}
    optimizer = kind(
        averaging_momentum=config.ema_momentum,
        learning_rate=schedule,
        weight_decay=config.weight_decay,
        clipnorm=5.0,
        **own,
    )
    # Not XLA: on CPUs its convolutions are slower than the library's.
    jit_compile = "auto" if keras.backend.backend() == "jax" else False
    trainer.compile(optimizer=optimizer, jit_compile=jit_compile)
    trainer.built = True
    optimizer.build(trainer.trainable_variables)
    return trainer


def training_data(trainer, batches, first_step, num_threads):
    """What `fit` reads: a tf.data pipeline that augments, or a generator for other backends."""
    if keras.backend.backend() != "tensorflow":
        return batches.from_step(first_step)
    return training_dataset(
        batches,
        first_step,
        flip_permutation=trainer.flip_permutation,
        strength=trainer.config.augmentation,
        num_threads=num_threads,
    )
