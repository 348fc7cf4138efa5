"""The training input pipeline: shuffled, augmented batches of crops.

The order and augmentation of a batch depend on (seed, step) only. The batches are the same for any
number of threads, and a resumed run continues with the batches it would have had.

tf.data prepares them under TensorFlow, a generator under other backends. A `keras.utils.PyDataset`
for both was slower: `fit` of `demo` on two busy cores processed 132 crops per second with tf.data,
111 with two workers of a PyDataset, 79 with one (medians of four).
"""

# Keras and TensorFlow have no type stubs.
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
    """The training batches by step.

    Args:
      crops: `Crops`.
      batch_size: B; all batches are full, a batch at the end of an epoch continues in the next one.
      seed: random seed of order and augmentation.
      rows: the rows of each batch that this process trains on.

    Attributes:
      extra: number of rows that are read before those: 1 if `rows` are not all rows, because
        occluders use the texture of the previous face.
    """

    def __init__(self, crops: Crops, batch_size: int, seed: int, rows: slice = slice(None)) -> None:
        self.crops = crops
        self.batch_size = batch_size
        self.seed = seed
        self.rows = np.arange(batch_size)[rows]
        self.extra = int(len(self.rows) < batch_size)
        self.steps_per_epoch = -(-len(crops) // batch_size)

    def batch(self, step: int) -> dict[str, Any]:
        """The batch of step `step` (from 0), before augmentation.

        Returns:
          dict of arguments of `augment` for the b rows that are read (`extra` included): `crops`
          uint8 [b, C, C, 3]; `landmarks` float32 [b, K, 2]; `visible` float32 [b, K]; `draws`
          float32 [b, len(DRAWS)].
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
    """An infinite stream of augmented batches for `fit`, starting at `first_step`.

    Args:
      batches: `TrainingBatches`.
      first_step: first step; above 0 in a resumed run.
      flip_permutation: K indices, of the markup.
      augmentation: strength of the augmentation.
      num_threads: batches prepared in parallel, under TensorFlow.

    Returns:
      tf.data.Dataset under TensorFlow, else a generator of 1-tuples. Each batch is a dict of
      `images` float32 [B, S, S, 3], RGB in [0, 1], `landmarks` float32 [B, K, 2], crop fractions,
      and `visible` float32 [B, K].
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
    import tensorflow as tf  # imported here, because other backends do not need it

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
