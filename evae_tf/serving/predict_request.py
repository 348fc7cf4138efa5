"""Requests of TensorFlow Serving's Predict API, for clients and for warming up a model."""

from collections.abc import Mapping

import numpy.typing as npt
import tensorflow as tf
from tensorflow_serving.apis import model_pb2, predict_pb2

MODEL_NAME = "evae_landmarks"


def predict_request(
    signature: str, inputs: Mapping[str, npt.ArrayLike], model_name: str = MODEL_NAME
) -> predict_pb2.PredictRequest:
    """A `PredictRequest` for a signature: dict of input name to array -> message."""
    return predict_pb2.PredictRequest(
        model_spec=model_pb2.ModelSpec(name=model_name, signature_name=signature),
        inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
    )
