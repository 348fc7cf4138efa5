"""Landmarks from a model server: a photo in, its faces with landmarks out, as JSON.

  python serving/client.py --server=localhost:8500 --input=photo.jpg
  python serving/client.py --server=localhost:8501 --protocol=rest --input=photo.jpg

Faces are found here, by OpenCV's cascades (or given by --box); the server decodes the photo, finds
the landmarks, and is asked a second time around what it found, which is nearer to the face.
`GrpcClient` and `RestClient` are there for programs.
"""

import base64
import json
import sys
from pathlib import Path

import grpc
import numpy as np
import requests
import tensorflow as tf
from absl import app, flags
from requests.adapters import HTTPAdapter, Retry
from tensorflow_serving.apis import model_pb2, predict_pb2, prediction_service_pb2_grpc

from evae_tf import geometry
from evae_tf.align import detection
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

FLAGS = flags.FLAGS
flags.DEFINE_string("server", "localhost:8500", "HOST:PORT; 8500 is usual for gRPC, 8501 for REST.")
flags.DEFINE_enum("protocol", "grpc", ["grpc", "rest"], "How to talk to it.")
flags.DEFINE_string("model_name", "evae_landmarks", "What the server calls the model.")
flags.DEFINE_string("input", None, "A photo, JPEG or PNG.", required=True)
flags.DEFINE_list("box", None, "x_min,y_min,x_max,y_max of a face in pixels, if known.")
flags.DEFINE_float("timeout", 10.0, "Seconds to wait for an answer.")

_ATTEMPTS, _FIRST_PAUSE_S = 4, 0.1
_RETRIED_STATUS = (429, 502, 503, 504)


class GrpcClient:
    """Asks a model server over gRPC; see `RestClient` for the other protocol.

    Args:
      server: "HOST:PORT".
      model_name: what the server calls the model.
      timeout: seconds to wait for an answer, retries included. A server that cannot be reached
        is tried four times; what was answered, if only with an error, is not asked again.
    """

    def __init__(self, server, model_name="evae_landmarks", timeout=10.0):
        retries = {
            "maxAttempts": _ATTEMPTS,
            "initialBackoff": f"{_FIRST_PAUSE_S}s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        config = {"methodConfig": [{"name": [{}], "retryPolicy": retries}]}
        self._channel = grpc.insecure_channel(
            server,
            options=[
                ("grpc.service_config", json.dumps(config)),
                ("grpc.max_receive_message_length", -1),  # maps of many faces are large
            ],
        )
        self._stub = prediction_service_pb2_grpc.PredictionServiceStub(self._channel)
        self._server, self._model_name, self._timeout = server, model_name, timeout

    def predict(self, signature, **inputs):
        """The answer of any signature: arrays in, dict of arrays out.

        Raises:
          InputError: no answer, or an error for one.
        """
        request = predict_pb2.PredictRequest(
            model_spec=model_pb2.ModelSpec(name=self._model_name, signature_name=signature),
            inputs={name: tf.make_tensor_proto(value) for name, value in inputs.items()},
        )
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            raise InputError(
                f"{self._server}: {error.code().name.lower().replace('_', ' ')} "
                f"({error.details()})."
            ) from error
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}

    def align(self, files, boxes):
        """Landmarks of one face in each of some image files.

        Args:
          files: list of N bytes, JPEG or PNG.
          boxes: float [N, 4], (x_min, y_min, x_max, y_max), image pixels.

        Returns:
          dict: `valid` bool [N], to be read first: the rows where it is false hold NaN;
          `landmarks` [N, K, 2], image pixels; `covariance` and `visibility` where the model gives
          them.

        Raises:
          InputError: see `predict`.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        return self.predict("align_bytes", image_bytes=np.array(files, object), boxes=boxes)

    def close(self):
        """Closes the connection."""
        self._channel.close()


class RestClient:
    """As `GrpcClient`, over HTTP; here each of the tries has `timeout` seconds."""

    def __init__(self, server, model_name="evae_landmarks", timeout=10.0):
        self._url = f"http://{server}/v1/models/{model_name}:predict"
        self._server, self._timeout = server, timeout
        retries = Retry(
            total=_ATTEMPTS - 1,
            backoff_factor=_FIRST_PAUSE_S,
            status_forcelist=_RETRIED_STATUS,
            allowed_methods=["POST"],  # asking twice for landmarks does no harm
            read=False,  # a server that is slow is not asked for more
            raise_on_status=False,
        )
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=retries))

    def align(self, files, boxes):
        """See `GrpcClient.align`."""
        encoded = [{"b64": base64.b64encode(file).decode()} for file in files]
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4).tolist()
        inputs = {"image_bytes": encoded, "boxes": boxes}
        try:
            response = self._session.post(
                self._url,
                json={"signature_name": "align_bytes", "inputs": inputs},
                timeout=self._timeout,
            )
            # A row that is not valid holds NaN, which is no JSON; Python reads it all the same.
            answer = response.json()
        except requests.Timeout as error:
            raise InputError(f"{self._server}: no answer in {self._timeout} s.") from error
        except requests.ConnectionError as error:
            raise InputError(f"{self._server}: cannot be reached, or went away.") from error
        except ValueError as error:
            raise InputError(
                f"{self._server}: answered with no JSON: not a model server?"
            ) from error
        if "outputs" not in answer:
            reason = answer.get("error", f"status {response.status_code}")
            raise InputError(f"{self._server}: answered with an error ({reason}).")
        return {name: np.array(value) for name, value in answer["outputs"].items()}

    def close(self):
        """Closes the connection."""
        self._session.close()


CLIENTS = {"grpc": GrpcClient, "rest": RestClient}


def align_photo(client, path, boxes=None):
    """The faces of a photo, as dicts ready for JSON.

    Args:
      client: a `GrpcClient` or `RestClient`.
      path: of a JPEG or PNG file.
      boxes: float [N, 4], image pixels; None finds the faces.

    Raises:
      InputError: the photo cannot be read, here or by the server, or the server does not answer.
    """
    image = read_image(path)
    if boxes is None:
        # Without the last round: a guess, the middle of the photo, that only a face score tells
        # from a face.
        *rounds, _ = detection.create("haar")(image)
        boxes = next((found for found in rounds if len(found)), [])
    if not len(boxes):
        return []
    files = [Path(path).read_bytes()] * len(boxes)
    looked = client.align(files, boxes)
    if not looked["valid"].all():
        raise InputError(f"{path}: the server cannot read it, or a box lies outside of it.")
    boxes = geometry.landmark_box(looked["landmarks"])
    found = client.align(files, boxes)
    keys = [name for name in found if name != "valid"]
    return [
        {"box": boxes[i].tolist(), **{name: found[name][i].tolist() for name in keys}}
        for i in range(len(boxes))
    ]


def main(_):
    """Prints the faces as JSON; 0 when the server answered, 1 with a sentence when not."""
    client = CLIENTS[FLAGS.protocol](FLAGS.server, FLAGS.model_name, FLAGS.timeout)
    try:
        boxes = None if FLAGS.box is None else np.array(FLAGS.box, np.float32).reshape(-1, 4)
        faces = align_photo(client, FLAGS.input, boxes)
    except (InputError, ValueError) as error:
        sys.exit(f"error: {error}")
    finally:
        client.close()
    print(json.dumps({"image": FLAGS.input, "faces": faces}, indent=2))


if __name__ == "__main__":
    app.run(main)
