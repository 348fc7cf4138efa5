"""What TensorFlow says about a disk that refuses a file."""

import contextlib
import errno
from collections.abc import Generator

import tensorflow as tf

from evae_tf.errors import first_line


@contextlib.contextmanager
def as_os_errors() -> Generator[None, None, None]:
    """Turns TensorFlow's errors within the block into `OSError`, as Python reports a full disk.

    TensorFlow's message is `{{function_node ...}} FILE; File too large [Op:SaveV2]`, where FILE is
    a temporary file that the user does not know.
    """
    try:
        yield
    except tf.errors.OpError as error:
        reason = first_line(error).rpartition("; ")[2].partition(" [Op:")[0]
        raise OSError(errno.EIO, reason) from error
