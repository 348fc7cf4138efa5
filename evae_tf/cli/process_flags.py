"""The flags of a training by several processes."""

from collections.abc import Sequence

import numpy as np
from absl import flags

from evae_tf.array_types import FloatArray
from evae_tf.cli.child import go_on_in_child
from evae_tf.data.face import Face

FLAGS = flags.FLAGS
_ENDED = "another process of this training has ended; run the same command for every one to resume."

flags.DEFINE_string(
    "coordinator",
    None,
    "HOST:PORT of the first process, to train with several processes: see docs/devices.md.",
)
flags.DEFINE_integer(
    "num_processes", None, "Number of processes that train together.", lower_bound=1
)
flags.DEFINE_integer("process_id", None, "Number of this process, from 0.", lower_bound=0)


def start() -> None:
    """Continues in a child process if several processes train; called before anything else."""
    if FLAGS.coordinator is not None:
        go_on_in_child(_ENDED)


def join() -> None:
    """Joins the other processes, see `processes.join`."""
    from evae_tf.training import processes

    processes.join(FLAGS.coordinator, FLAGS.num_processes, FLAGS.process_id)


def find_boxes(faces: Sequence[Face]) -> FloatArray:
    """As `face_boxes.find_boxes`; each process looks at its part of the photos, after `join`.

    Raises:
      InputError: see there; or another process ended.
    """
    from evae_tf.align import face_boxes
    from evae_tf.training import processes

    with processes.together():
        parts = np.array_split(np.arange(len(faces)), processes.count())
        own = face_boxes.find_boxes([faces[row] for row in parts[processes.index()]])
        contents = processes.gather(own.tobytes())
    return np.concatenate([np.frombuffer(content).reshape(-1, 4) for content in contents])
