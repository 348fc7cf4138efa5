"""Checks whether the input pipeline is fast enough for training.

Times augmented crops per second from tf.data and crops per second consumed by the training step of
the default model, alternating in one process, and prints the ratio of the medians.
`python -m benchmarks.augmentation`
"""

import time

import keras
import numpy as np

from evae_tf import markups
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.data.pipeline import TrainingBatches, training_data
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS
from evae_tf.training.train import compiled_trainer

ROUNDS = 5
PIPELINE_BATCHES = 40
TRAINING_STEPS = 8
DEMANDED = 10


def main():
    """Prints both rates and their ratio."""
    config, markup = PRESETS["default"], markups.MARKUPS["ibug_68"]
    faces = synthetic.read("train", markup, count=128)
    crops = cut_crops(
        faces,
        size=config.input_size,
        margin=config.crop_margin,
        context=config.crop_context_px,
    )
    batches = TrainingBatches(crops, config.batch_size, config.seed)
    trainer = compiled_trainer(build_model(config, markup), config, batches.steps_per_epoch)

    def pipeline():
        return iter(
            training_data(
                batches,
                0,
                flip_permutation=markup.flip_permutation,
                augmentation=config.augmentation,
                num_threads=2,
            )
        )

    prepared = next(pipeline())

    def pipeline_rate():
        data = pipeline()
        for _ in range(4):  # discard batches prefetched before the timing
            next(data)
        started = time.perf_counter()
        for _ in range(PIPELINE_BATCHES):
            next(data)
        return PIPELINE_BATCHES * config.batch_size / (time.perf_counter() - started)

    def training_rate():
        started = time.perf_counter()
        for _ in range(TRAINING_STEPS):
            trainer.train_on_batch(prepared)
        return TRAINING_STEPS * config.batch_size / (time.perf_counter() - started)

    training_rate(), pipeline_rate()  # warm-up: tracing and first allocations
    rates = np.array([(pipeline_rate(), training_rate()) for _ in range(ROUNDS)])
    pipeline, step = np.median(rates, axis=0)
    print(f"keras {keras.version()}, {config.input_size} px, batches of {config.batch_size}")
    print(f"augmented crops a second: {pipeline:.0f} (rounds {np.rint(rates[:, 0])})")
    print(f"crops a second trained on: {step:.0f} (rounds {np.rint(rates[:, 1])})")
    print(f"ratio: {pipeline / step:.1f}, required {DEMANDED}")


if __name__ == "__main__":
    main()
