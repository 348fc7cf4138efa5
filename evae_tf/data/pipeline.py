"""From crops to shuffled, augmented training batches.

Which crops a step sees and how they are changed is a function of (seed, step) alone. So a run
gives the same batches however many threads prepare them, and a resumed run goes on with those it
would have had.

Under TensorFlow tf.data prepares them, under other backends a generator. One
`keras.utils.PyDataset` for both was slower: `fit` of `demo` on two busy cores trained on 132 crops
a second with tf.data, on 111 with two workers of a PyDataset, on 79 with one (medians of four).
"""

# Keras and TensorFlow come without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import functools
from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from evae_tf.array_types import Tensor
from evae_tf.config import Augmentation
from evae_tf.data.augment import DRAWS, augment
from evae_tf.data.crops import Crops


class TrainingBatches:
    """The batches of a training, by step.

    Args:
      crops: `Crops`.
      batch_size: B; every batch is full, one that passes the end of an epoch goes on with the next.
      seed: of the order and of the augmentation.
      rows: which of the B rows are trained on; the others are those of other processes.

    Attributes:
      extra: how many rows are read before those; 1 if they are not all rows, since occluders show
        a piece of the face before.
    """

    def __init__(self, crops: Crops, batch_size: int, seed: int, rows: slice = slice(None)) -> None:
        self.crops = crops
        self.batch_size = batch_size
        self.seed = seed
        self.rows = np.arange(batch_size)[rows]
        self.extra = int(len(self.rows) < batch_size)
        self.steps_per_epoch = -(-len(crops) // batch_size)

    def batch(self, step: int) -> dict[str, Any]:
        """What step `step` (from 0) trains on, before augmentation.

        Returns:
          dict of what `augment` takes, for the b rows that are read (`extra` among them): `crops`
          uint8 [b, C, C, 3]; `landmarks` float32 [b, K, 2]; `visible` bool [b, K]; `draws` float32
          [b, len(DRAWS)].
        """
        position = int(step) * self.batch_size + np.arange(self.batch_size)
        epochs, index = np.divmod(position, len(self.crops))
        for epoch in np.unique(epochs):
            order = np.random.default_rng((self.seed, 0, epoch)).permutation(len(self.crops))
            index[epochs == epoch] = order[index[epochs == epoch]]
        draws = np.random.default_rng((self.seed, 1, int(step))).random(
            (self.batch_size, len(DRAWS)), np.float32
        )
        rows = np.concatenate([self.rows[: self.extra] - 1, self.rows])
        index, draws = index[rows], draws[rows]
        return {
            "crops": self.crops.images[index],
            "landmarks": self.crops.landmarks[index],
            "visible": self.crops.visible[index],
            "draws": draws,
        }


def training_data(
    batches: TrainingBatches,
    first_step: int,
    *,
    flip_permutation: Sequence[int],
    augmentation: Augmentation,
    num_threads: int,
) -> Any:
    """Augmented batches for `fit`, from `first_step` on, without end.

    Args:
      batches: `TrainingBatches`.
      first_step: where a resumed training goes on.
      flip_permutation: the markup's.
      augmentation: how strongly the crops are changed.
      num_threads: batches prepared at the same time, under TensorFlow.

    Returns:
      tf.data.Dataset under TensorFlow, else a generator, of what `fit` takes as a batch: dicts
      (under other backends in a tuple of one) of `images` float32 [B, S, S, 3], RGB in [0, 1],
      `landmarks` float32 [B, K, 2], crop fractions, and `visible` float32 [B, K].
    """
    change = functools.partial(
        _augmented,
        rows=(int(batches.rows[0]) - batches.extra, batches.batch_size),
        extra=batches.extra,
        size=batches.crops.size,
        flip_permutation=flip_permutation,
        strength=augmentation,
    )
    if keras.backend.backend() == "tensorflow":
        return _dataset(batches, first_step, change, num_threads)
    return _generator(batches, first_step, change)


def _augmented(batch: dict[str, Any], extra: int, **options: Any) -> dict[str, Tensor]:
    images, landmarks, visible = augment(**batch, **options)
    return {
        "images": images[extra:],
        "landmarks": landmarks[extra:],
        "visible": visible[extra:],
    }


def _dataset(batches: TrainingBatches, first_step: int, change: Any, num_threads: int) -> Any:
    import tensorflow as tf  # here: a training under another backend does without it

    first = batches.batch(first_step)

    def augmented(step: Any) -> dict[str, Tensor]:
        arrays = tf.numpy_function(
            lambda step: list(batches.batch(step).values()),
            [step],
            [array.dtype for array in first.values()],
        )
        return change(
            {
                name: tf.ensure_shape(array, first[name].shape)
                for name, array in zip(first, arrays, strict=True)
            }
        )

    steps = tf.data.Dataset.range(first_step, np.iinfo(np.int64).max)
    return steps.map(augmented, num_parallel_calls=num_threads, deterministic=True).prefetch(2)


def _generator(
    batches: TrainingBatches, step: int, change: Any
) -> Iterator[tuple[dict[str, Tensor]]]:
    if keras.backend.backend() == "jax":
        import jax  # pyright: ignore[reportMissingImports]  only `make test-jax` installs it

        change = jax.jit(change)
    while True:
        changed = change(batches.batch(step))
        # Copies in NumPy: `fit` spreads them over devices.
        yield ({name: keras.ops.convert_to_numpy(value) for name, value in changed.items()},)
        step += 1
