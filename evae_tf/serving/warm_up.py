"""Warm-up requests, which a server answers by itself before it reports to be ready.

The same requests check that the signatures agree with each other.
"""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from PIL import Image
from tensorflow_serving.apis import prediction_log_pb2

from evae_tf import geometry, markups
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data import synthetic
from evae_tf.data.crops import cut_crops
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from evae_tf.metadata import ModelMetadata
from evae_tf.serving.disk_errors import as_os_errors
from evae_tf.serving.predict_request import predict_request

WARM_UP_REQUESTS = "assets.extra/tf_serving_warmup_requests"
_BATCHES = (1, 4)
TOLERANCES = {"predict_uint8": 1e-5, "align_bytes": 5e-3}  # fractions of the crop


def requests(metadata: ModelMetadata, batch_size: int) -> dict[str, dict[str, Any]]:
    """A request with synthetic faces for each signature: dict of name to dict of input arrays.

    The faces are synthetic, because a data set's photos may not be distributed inside a model.
    """
    faces = synthetic.read("val", markups.MARKUPS["ibug_68"], count=batch_size)
    files = [_jpeg(np.asarray(face.image)) for face in faces]
    faces = [
        dataclasses.replace(face, image=read_image(io.BytesIO(file)))
        for face, file in zip(faces, files, strict=True)
    ]
    crops = cut_crops(faces, size=metadata.input_size, margin=metadata.crop_margin)
    return {
        "serving_default": {"images": crops.model_input()},
        "predict_uint8": {"images": np.asarray(crops.images)},
        "align_bytes": {
            "image_bytes": np.array(files, object),
            "boxes": np.stack([face.box for face in faces]),
        },
    }


def _jpeg(image: ByteArray) -> bytes:
    content = io.BytesIO()
    Image.fromarray(image).save(content, "JPEG")
    return content.getvalue()


def write_warm_up(metadata: ModelMetadata, folder: Path) -> None:
    """Writes the warm-up requests into a version folder.

    Raises:
      OSError: the file cannot be written.
    """
    path = folder / WARM_UP_REQUESTS
    path.parent.mkdir(exist_ok=True)
    with as_os_errors(), tf.io.TFRecordWriter(str(path)) as writer:
        for batch_size in _BATCHES:
            for name, inputs in requests(metadata, batch_size).items():
                writer.write(_prediction_log(name, inputs).SerializeToString())


def _prediction_log(signature: str, inputs: dict[str, Any]) -> prediction_log_pb2.PredictionLog:
    log = prediction_log_pb2.PredictLog(request=predict_request(signature, inputs))
    return prediction_log_pb2.PredictionLog(predict_log=log)


def compare_signatures(folder: Path, metadata: ModelMetadata) -> dict[str, float]:
    """Differences of the other signatures from `serving_default`, on synthetic faces.

    Returns:
      dict of signature name to the largest difference of a landmark, in fractions of the crop.

    Raises:
      InputError: a difference is too large or NaN, or a row is invalid.
    """
    loaded = tf.saved_model.load(str(folder))
    asked = requests(metadata, max(_BATCHES))

    def landmarks(signature: str) -> FloatArray:
        inputs = {name: tf.constant(value) for name, value in asked[signature].items()}
        return loaded.signatures[signature](**inputs)["landmarks"].numpy()

    squares = geometry.square_around(asked["align_bytes"]["boxes"], metadata.crop_margin)
    found = {
        "predict_uint8": landmarks("predict_uint8"),
        "align_bytes": geometry.image_to_crop(landmarks("align_bytes"), squares),
    }
    expected = landmarks("serving_default")
    differences = {name: float(np.abs(each - expected).max()) for name, each in found.items()}
    for name, difference in differences.items():
        if not difference < TOLERANCES[name]:  # NaN fails, too
            raise InputError(
                f"serving: {name} differs from serving_default by {difference:.1e} of the crop, "
                f"expected less than {TOLERANCES[name]:.0e}; the version was not kept."
            )
    return differences
