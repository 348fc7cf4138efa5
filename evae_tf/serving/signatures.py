"""A version folder for TensorFlow Serving: its number and its three signatures."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from evae_tf.array_types import Tensor
from evae_tf.artifacts import sidecar
from evae_tf.errors import InputError
from evae_tf.metadata import ModelMetadata
from evae_tf.serving import image_graph
from evae_tf.serving.disk_errors import as_os_errors


def next_version(folder: Path, metadata: ModelMetadata) -> int:
    """The number of the version to write, one more than the newest in `folder`.

    Args:
      folder: Path of the folder that a server watches.
      metadata: `ModelMetadata` of the model to write.

    Raises:
      InputError: the newest version is a model with other landmarks or crops, whose clients would
        misread this one.
    """
    versions = [int(path.name) for path in folder.iterdir() if path.name.isdecimal()]
    if not versions:
        return 1
    newest = folder / str(max(versions))
    found = ModelMetadata.from_dict(
        sidecar.read_description(newest / sidecar.SAVED_MODEL_METADATA), str(newest)
    )
    told = [_as_clients_see(each) for each in (found, metadata)]
    if told[0] != told[1]:
        raise InputError(
            f"{newest}: the newest version is another model ({told[0]}) than this one "
            f"({told[1]}); choose another --output."
        )
    return max(versions) + 1


def _as_clients_see(model: ModelMetadata) -> str:
    return (
        f"{model.markup.name}, {model.markup.num_points} points, {model.input_size} px, "
        f"margin {model.crop_margin}"
    )


def write_signatures(model: keras.Model, metadata: ModelMetadata, folder: Path) -> None:
    """Writes `model` as a SavedModel with the signatures of the serving contract.

    `serving_default` takes `images`, float32 [N, S, S, 3], RGB in [0, 1]; `predict_uint8` takes
    them as uint8; both return the model's outputs. `align_bytes` takes `image_bytes`, string [N],
    and `boxes`, float32 [N, 4]. It returns `valid`, bool [N], and all outputs except the response
    maps in image pixels, NaN in invalid rows. A request of another shape is refused before the
    first kernel, which would abort the server.

    Args:
      model: functional Keras model of one input [None, S, S, 3].
      metadata: its `ModelMetadata`.
      folder: destination folder.

    Raises:
      OSError: the files cannot be written.
    """
    size, margin = metadata.input_size, metadata.crop_margin
    shape = (None, size, size, 3)

    def serving_default(images: Tensor) -> dict[str, Tensor]:
        return answer_any_number(model, tf.ensure_shape(images, shape))

    def predict_uint8(images: Tensor) -> dict[str, Tensor]:
        images = tf.ensure_shape(images, shape)
        return answer_any_number(model, tf.cast(images, tf.float32) / 255)

    def align_bytes(image_bytes: Tensor, boxes: Tensor) -> dict[str, Tensor]:
        image_bytes = tf.ensure_shape(image_bytes, (None,))
        boxes = tf.ensure_shape(boxes, (None, 4))
        tf.debugging.assert_equal(
            tf.shape(image_bytes)[0], tf.shape(boxes)[0], "image_bytes and boxes differ in number"
        )
        crops, squares, valid = image_graph.cut_crops(image_bytes, boxes, size, margin)
        outputs = in_pixels(answer_any_number(model, crops), squares)
        blanked = {
            name: tf.where(_like(valid, value), value, np.nan) for name, value in outputs.items()
        }
        return {"valid": valid, **blanked}

    crops, pixels = (tf.TensorSpec(shape, kind, "images") for kind in (tf.float32, tf.uint8))
    files = tf.TensorSpec((None,), tf.string, "image_bytes")
    boxes = tf.TensorSpec((None, 4), tf.float32, "boxes")
    archive = keras.export.ExportArchive()
    archive.add_endpoint("serving_default", serving_default, input_signature=[crops])
    archive.add_endpoint("predict_uint8", predict_uint8, input_signature=[pixels])
    archive.add_endpoint("align_bytes", align_bytes, input_signature=[files, boxes])
    with as_os_errors():
        archive.write_out(str(folder), verbose=False)


def answer_any_number(model: keras.Model, images: Tensor) -> dict[str, Tensor]:
    """The model's outputs for images [N, S, S, 3], also if N is 0.

    Some kernels refuse an empty batch: it is replaced by one black image, whose outputs are
    dropped. A batch of static size is not changed.
    """
    if images.shape[0] is not None:
        return model(images, training=False)
    count = tf.shape(images)[0]
    stand_in = tf.zeros((tf.cast(count == 0, tf.int32), *images.shape[1:]), images.dtype)
    outputs = model(tf.concat([images, stand_in], axis=0), training=False)
    return {name: value[:count] for name, value in outputs.items()}


def _like(values: Tensor, other: Tensor) -> Tensor:
    """Values [N] -> [N, 1, ...], to broadcast over `other` [N, ...]."""
    return tf.reshape(values, (-1, *[1] * (len(other.shape) - 1)))


def in_pixels(outputs: dict[str, Tensor], squares: Tensor) -> dict[str, Tensor]:
    """Converts the model's outputs from crop fractions to image pixels; see `geometry`.

    Args:
      outputs: dict of name to float32 [N, ...]. Response maps are left out: they are images of the
        crop and have no form in image pixels.
      squares: float32 [N, 3].
    """
    centre, side = squares[:, None, :2], squares[:, None, 2:]
    to_pixels = {
        "landmarks": lambda fractions: (fractions - 0.5) * side + centre,
        "covariance": lambda fractions: fractions * side[..., None] ** 2,
        "visibility": lambda probability: probability,
        "presence": lambda probability: probability,
    }
    names = [name for name in outputs if name != "response_maps"]
    return {name: to_pixels[name](outputs[name]) for name in names}
