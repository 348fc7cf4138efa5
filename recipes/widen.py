"""Makes a wider network with the outputs of a narrower one, to continue its training.

  python -m recipes.widen --model=server_68 --output=runs/wide.keras
    --set=encoder_filters=64,96,144 --set=decoder_filters=96,96,64

All channels of the narrower network are kept. The new channels do not change its outputs, since
their weights towards the old ones are 0. Parts that the narrower network lacks, such as a
visibility head, are initialised randomly.

Source: Chen et al., Net2Net: Accelerating Learning via Knowledge Transfer, ICLR 2016, with zeros in
place of copied channels.
"""

from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags
from keras import ops

from evae_tf import atomic
from evae_tf.array_types import FloatArray
from evae_tf.artifacts import keras_file
from evae_tf.cli.path_flags import define_path
from evae_tf.config_text import override
from evae_tf.metadata import ModelMetadata
from evae_tf.models.build import build_model
from evae_tf.presets import PRESETS
from evae_tf.training.transfer import built_afresh, weights_by_path

FLAGS = flags.FLAGS

_AFTER_CONCATENATION = "regressor/stage_0/convolution/convolution/kernel"
_TRANSPOSED = "decoder/stage_"


def main(_: list[str]) -> None:
    """Prints the weights that could not be copied."""
    source = keras_file.load_model(FLAGS.model)
    metadata = ModelMetadata.from_dict(source.metadata, FLAGS.model)
    config = override(PRESETS[metadata.preset], FLAGS.set)
    target = build_model(config, metadata.markup, metadata.face_box)
    for path in widen(source, target):
        print(f"new: {path}")
    output = Path(FLAGS.output)
    atomic.make_folder(output.parent)
    with atomic.replacing_file(output) as temporary:
        target.save(temporary)


def widen(source: Any, target: Any) -> list[str]:
    """Copies the weights of `source` into `target`, a new network with more channels.

    Returns:
      The paths of weights that keep their initial values.
    """
    ours, theirs = weights_by_path(built_afresh(source)), weights_by_path(target)
    early = [weights["evae/encoder/stage_0/convolution/norm/gamma"] for weights in (ours, theirs)]
    new: list[str] = []
    for path, weight in theirs.items():
        if path not in ours or len(ours[path].shape) != len(weight.shape):
            new.append(path)
            continue
        narrow, wide = (ops.convert_to_numpy(each) for each in (ours[path], weight))
        if path == _AFTER_CONCATENATION:
            narrow = _apart(narrow, *(gamma.shape[0] for gamma in early))
        if np.any(np.array(narrow.shape) > wide.shape):
            new.append(path)
            continue
        weight.assign(_inside(narrow, wide, _TRANSPOSED in path))
    return new


def _apart(kernel: FloatArray, narrow: int, wide: int) -> FloatArray:
    """A kernel over two concatenated inputs, the first widened from `narrow` to `wide`."""
    first, second = np.split(kernel, [narrow], axis=2)
    grown = np.zeros((*kernel.shape[:2], wide - narrow, kernel.shape[3]), kernel.dtype)
    return np.concatenate([first, grown, second], axis=2)


def _inside(narrow: FloatArray, wide: FloatArray, transposed: bool) -> FloatArray:
    """`wide` with `narrow` as its first entries and weights from new to old channels of 0."""
    filled = wide.copy()
    if wide.ndim > 1:
        # The last two axes of a kernel are inputs and outputs, swapped if it is transposed.
        outputs = narrow.shape[-2 if transposed else -1]
        filled[(..., slice(outputs), slice(None)) if transposed else (..., slice(outputs))] = 0
    filled[tuple(slice(size) for size in narrow.shape)] = narrow
    return filled


if __name__ == "__main__":
    define_path("model", None, "Narrower model.", required=True)
    define_path("output", None, ".keras file to write.", required=True)
    flags.DEFINE_multi_string("set", [], "As in train.py, applied to the model's preset.")
    app.run(main)
