"""From crops to shuffled, augmented training batches.

Which crops a step sees and how they are changed is a function of (seed, step) alone. So a run
gives the same batches however many threads prepare them, and a resumed run goes on with those it
would have had.
"""

import numpy as np

from evae_tf.data.augment import DRAWS, augment


class TrainingBatches:
    """The batches of a training, by step.

    Args:
      crops: `Crops`.
      batch_size: B; every batch is full, one that passes the end of an epoch goes on with the next.
      seed: of the order and of the augmentation.
    """

    def __init__(self, crops, batch_size, seed):
        self.crops = crops
        self.batch_size = batch_size
        self.seed = seed
        self.steps_per_epoch = -(-len(crops) // batch_size)

    def batch(self, step):
        """What step `step` (from 0) trains on.

        Returns:
          dict: `crops` uint8 [B, C, C, 3]; `landmarks` float32 [B, K, 2]; `visible` bool [B, K];
          `draws` float32 [B, len(DRAWS)]: what `augment` takes.
        """
        position = int(step) * self.batch_size + np.arange(self.batch_size)
        epochs, index = np.divmod(position, len(self.crops))
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.crops))
            index[epochs == epoch] = order[index[epochs == epoch]]
        draws = np.random.default_rng((self.seed, 1, int(step))).random(
            (self.batch_size, len(DRAWS)), np.float32
        )
        return {
            "crops": self.crops.images[index],
            "landmarks": self.crops.landmarks[index],
            "visible": self.crops.visible[index],
            "draws": draws,
        }

    def from_step(self, step):
        """An endless generator for training without tf.data: `LandmarkTrainer` augments itself."""
        while True:
            yield (self.batch(step),)
            step += 1


def training_dataset(batches, first_step, *, flip_permutation, strength, num_threads):
    """Augmented batches as a tf.data pipeline, from `first_step` on, without end.

    Args:
      batches: `TrainingBatches`.
      first_step: where a resumed training goes on.
      flip_permutation: the markup's.
      strength: a `config.Augmentation`.
      num_threads: batches prepared at the same time.

    Returns:
      tf.data.Dataset of dicts: `images` float32 [B, S, S, 3], RGB in [0, 1], `landmarks` float32
      [B, K, 2], crop fractions, and `visible` float32 [B, K].
    """
    import tensorflow as tf  # here: the other functions serve trainings without TensorFlow

    first = batches.batch(first_step)

    def augmented(step):
        arrays = tf.numpy_function(
            lambda step: list(batches.batch(step).values()),
            [step],
            [array.dtype for array in first.values()],
        )
        batch = {
            name: tf.ensure_shape(array, first[name].shape)
            for name, array in zip(first, arrays, strict=True)
        }
        images, landmarks, visible = augment(
            **batch,
            size=batches.crops.size,
            flip_permutation=flip_permutation,
            strength=strength,
        )
        return {"images": images, "landmarks": landmarks, "visible": visible}

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(augmented, num_parallel_calls=num_threads, deterministic=True).prefetch(2)
