"""How many faces a training step takes, and what is said if they are too many for the memory."""

import contextlib
from collections.abc import Generator

from evae_tf.errors import InputError

# So few may repeat faces: batch statistics need some, and a step of them needs little memory.
_FEW = 32
# What NumPy, TensorFlow and JAX say.
_OUT_OF_MEMORY = ("Unable to allocate", "OOM when allocating", "Out of memory")


def faces_per_step(batch_size: int, faces: int, devices: int) -> int:
    """The number of faces of a step: `batch_size`, but not more than there are.

    Batches are always full. A larger one would repeat faces, and each repeated face needs as much
    memory as another one.

    Args:
      batch_size: as configured.
      faces: number of training faces; of fewer than 32, batches of up to 32 are filled.
      devices: the result is a multiple of it if `batch_size` is.
    """
    most = max(faces, _FEW)
    return min(batch_size, -(-most // devices) * devices)


@contextlib.contextmanager
def enough_memory(batch_size: int) -> Generator[None]:
    """Context of the training steps.

    An operating system may kill a process that needs too much memory instead of refusing it; then
    nothing can be said.

    Raises:
      InputError: the memory was refused within the context.
    """
    try:
        yield
    except Exception as error:  # libraries have their own exceptions
        text = str(error)
        if isinstance(error, MemoryError) or any(words in text for words in _OUT_OF_MEMORY):
            raise InputError(
                f"batch_size={batch_size}: not enough memory for a training step; choose a "
                "smaller one."
            ) from error
        raise
