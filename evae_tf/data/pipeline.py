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
          images uint8 [B, C, C, 3]; landmarks float32 [B, K, 2]; draws float32 [B, len(DRAWS)],
          see `augment`.
        """
        position = int(step) * self.batch_size + np.arange(self.batch_size)
        epochs, index = np.divmod(position, len(self.crops))
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.crops))
            index[epochs == epoch] = order[index[epochs == epoch]]
        draws = np.random.default_rng((self.seed, 1, int(step))).random(
            (self.batch_size, len(DRAWS)), np.float32
        )
        return self.crops.images[index], self.crops.landmarks[index], draws

    def from_step(self, step):
        """An endless generator of model inputs, for training without tf.data.

        Each is the dict that `LandmarkTrainer` augments itself: `images`, `landmarks`, `draws`.
        """
        while True:
            images, landmarks, draws = self.batch(step)
            yield ({"images": images, "landmarks": landmarks, "draws": draws},)
            step += 1


def training_dataset(batches, first_step, *, flip_permutation, strength, num_threads):
    """Augmented batches as a tf.data pipeline, from `first_step` on, without end.

    Args:
      batches: `TrainingBatches`.
      first_step: where a resumed training goes on.
      flip_permutation: the markup's.
      strength: an `Augmentation`.
      num_threads: batches prepared at the same time.

    Returns:
      tf.data.Dataset of dicts: `images` float32 [B, S, S, 3], RGB in [0, 1], and `landmarks`
      float32 [B, K, 2], crop fractions.
    """
    import tensorflow as tf  # here: the other functions serve trainings without TensorFlow

    shapes = [array.shape for array in batches.batch(first_step)]
    size = batches.crops.size

    def load(step):
        arrays = tf.numpy_function(batches.batch, [step], (tf.uint8, tf.float32, tf.float32))
        return [tf.ensure_shape(array, shape) for array, shape in zip(arrays, shapes, strict=True)]

    def augmented(step):
        crops, landmarks, draws = load(step)
        images, landmarks = augment(
            crops,
            landmarks,
            draws,
            size=size,
            flip_permutation=flip_permutation,
            strength=strength,
        )
        return {"images": images, "landmarks": landmarks}

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(augmented, num_parallel_calls=num_threads, deterministic=True).prefetch(2)
