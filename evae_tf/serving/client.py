"""Clients of a model server that serves the output of `export.py --formats=serving`.

The server decodes photos and predicts landmarks. The client detects the faces (detector `auto`).
"""

import abc
import base64
import functools
import json
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import requests
import tensorflow as tf
from requests.adapters import HTTPAdapter
from tensorflow_serving.apis import prediction_service_pb2_grpc
from urllib3.util import Retry

from evae_tf import geometry
from evae_tf.align import detection
from evae_tf.align.detections import checked
from evae_tf.align.inputs import box_array
from evae_tf.array_types import ByteArray, FloatArray
from evae_tf.data.images import read_image
from evae_tf.errors import InputError
from evae_tf.serving.predict_request import MODEL_NAME, predict_request

_ATTEMPTS, _FIRST_PAUSE_S = 4, 0.1
_RETRIED_STATUS = (429, 502, 503, 504)
_NO_SERVER = "; check that a model server runs there and takes {} on this port"
_SURE = 0.7  # lowest score of a detection that counts as a face
_MAX_ROWS = 32  # rows per request; the server refuses more than its largest batch


class Client(abc.ABC):
    """Base class of the clients of both protocols."""

    def align(self, files: Sequence[bytes], boxes: npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """Landmarks of one face in each image file.

        Args:
          files: list of N bytes, JPEG or PNG; more than 32 are sent in several requests.
          boxes: float [N, 4], (x_min, y_min, x_max, y_max), pixels of the image after its EXIF
            rotation.

        Returns:
          dict: `valid` bool [N], to be read first: invalid rows contain NaN; `landmarks`
          [N, K, 2], image pixels; and, if the model has them, `covariance` [N, K, 2, 2], image
          pixels squared, `visibility` [N, K] and `presence` [N], probabilities.

        Raises:
          InputError: the server does not answer or answers with an error, or the numbers of files
            and boxes differ.
        """
        boxes = np.asarray(boxes, np.float32).reshape(-1, 4)
        if len(boxes) != len(files):
            raise InputError(f"{len(boxes)} boxes for {len(files)} files, expected one each.")
        starts = range(0, max(len(files), 1), _MAX_ROWS)  # an empty request returns the shapes
        rows = [slice(start, start + _MAX_ROWS) for start in starts]
        parts = [self._align(files[some], boxes[some]) for some in rows]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    @abc.abstractmethod
    def _align(self, files: Sequence[bytes], boxes: FloatArray) -> dict[str, npt.NDArray[Any]]:
        """As `align`, in one request."""

    @abc.abstractmethod
    def close(self) -> None:
        """Closes the connection."""


class GrpcClient(Client):
    """Client of a model server over gRPC; see `RestClient` for HTTP.

    Args:
      server: "HOST:PORT".
      model_name: name of the model on the server.
      timeout: seconds to wait for an answer, retries included. A request is tried up to four
        times if the server is unreachable or unavailable; other errors are not retried.
    """

    def __init__(self, server: str, model_name: str = MODEL_NAME, timeout: float = 10.0) -> None:
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

    def predict(self, signature: str, **inputs: npt.ArrayLike) -> dict[str, npt.NDArray[Any]]:
        """Calls any signature: arrays in, dict of arrays out.

        Raises:
          InputError: the server does not answer or answers with an error.
        """
        request = predict_request(signature, inputs, self._model_name)
        try:
            response = self._stub.Predict(request, timeout=self._timeout)
        except grpc.RpcError as error:
            code = error.code().name.lower().replace("_", " ")
            advice = _NO_SERVER.format("gRPC") if code == "unavailable" else ""
            raise InputError(
                f"{self._server}: {code} ({_reason(error.details())}){advice}."
            ) from error
        return {name: tf.make_ndarray(value) for name, value in response.outputs.items()}

    def _align(self, files: Sequence[bytes], boxes: FloatArray) -> dict[str, npt.NDArray[Any]]:
        return self.predict("align_bytes", image_bytes=np.array(files, object), boxes=boxes)

    def close(self) -> None:
        self._channel.close()


class RestClient(Client):
    """As `GrpcClient`, over HTTP; `timeout` applies to each try."""

    def __init__(self, server: str, model_name: str = MODEL_NAME, timeout: float = 10.0) -> None:
        self._url = f"http://{server}/v1/models/{model_name}:predict"
        self._server, self._timeout = server, timeout
        retries = Retry(
            total=_ATTEMPTS - 1,
            backoff_factor=_FIRST_PAUSE_S,
            status_forcelist=_RETRIED_STATUS,
            allowed_methods=["POST"],  # a repeated request has no side effects
            read=False,  # no retries against a slow server
            raise_on_status=False,
        )
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(max_retries=retries))

    def _align(self, files: Sequence[bytes], boxes: FloatArray) -> dict[str, npt.NDArray[Any]]:
        if not len(files):
            raise InputError(f"{self._server}: JSON cannot return the shapes of no rows; use gRPC.")
        encoded = [{"b64": base64.b64encode(file).decode()} for file in files]
        # JSON has no NaN; a box of zeros is invalid, too.
        boxes = np.where(np.isfinite(boxes).all(axis=1, keepdims=True), boxes, 0)
        inputs = {"image_bytes": encoded, "boxes": boxes.tolist()}
        try:
            response = self._session.post(
                self._url,
                json={"signature_name": "align_bytes", "inputs": inputs},
                timeout=self._timeout,
            )
            # Invalid rows contain NaN, which is not JSON but which Python's parser accepts.
            answer = response.json()
        except requests.Timeout as error:
            raise InputError(f"{self._server}: no answer in {self._timeout} s.") from error
        except requests.JSONDecodeError as error:
            raise InputError(f"{self._server}: answer is not JSON; a model server?") from error
        except (requests.RequestException, ValueError) as error:
            raise InputError(
                f"{self._server}: unreachable, or connection lost ({_reason(str(error))})"
                f"{_NO_SERVER.format('REST')}."
            ) from error
        outputs = answer.get("outputs") if isinstance(answer, dict) else None
        if not isinstance(outputs, dict):
            told = answer.get("error") if isinstance(answer, dict) else None
            reason = _reason(told or f"status {response.status_code}")
            raise InputError(f"{self._server}: answered with an error ({reason}).")
        return {name: np.array(value) for name, value in outputs.items()}

    def close(self) -> None:
        self._session.close()


def _reason(message: object) -> str:
    """The informative line of an error; TensorFlow surrounds it with node locations."""
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "[[{{node" not in line), "no reason given")


CLIENTS: dict[str, type[GrpcClient | RestClient]] = {"grpc": GrpcClient, "rest": RestClient}


def align_photo(
    client: Client,
    path: str | PathLike[str],
    boxes: npt.ArrayLike | None = None,
    face_box: tuple[float, float, float] = geometry.TIGHT_BOX,
) -> list[dict[str, Any]]:
    """The faces of a photo, as dicts ready for JSON.

    The server runs two passes, the second with boxes around the landmarks of the first: the model
    was trained on boxes around landmarks, not on those of a detector. The photo is sent once for
    each face and pass.

    Args:
      client: a `GrpcClient` or `RestClient`.
      path: path of a JPEG or PNG file.
      boxes: float [N, 4], image pixels; None detects the faces.
      face_box: `face_box` of the served model's description (`assets.extra/evae_tf.json`), if its
        boxes are not tight; see `geometry.relative_box`.

    Raises:
      InputError: the photo cannot be read, here or by the server, a box is invalid, or the
        server does not answer.
    """
    path = Path(path)
    image = read_image(path)
    asked = _find_boxes(image) if boxes is None else box_array(boxes, "boxes")
    if not len(asked):
        return []
    files = [path.read_bytes()] * len(asked)
    first = _align_all(client, path, files, asked)
    asked = geometry.box_of_landmarks(first["landmarks"], face_box)
    found = _align_all(client, path, files, asked)
    keys = sorted(found.keys() - {"valid"})  # a gRPC answer has no order
    return [
        {"box": asked[i].tolist(), **{name: found[name][i].tolist() for name in keys}}
        for i in range(len(files))
    ]


@functools.cache
def _detector() -> detection.Detector:
    """One detector for all photos: loading takes longer than searching a small photo."""
    return detection.create("auto")


def _find_boxes(image: ByteArray) -> FloatArray:
    """Confident detections only: there are no landmarks yet to judge the others."""
    found = checked(_detector()(image), "the detector")
    return found.boxes if found.scores is None else found.boxes[found.scores >= _SURE]


def _align_all(
    client: Client, path: Path, files: Sequence[bytes], boxes: npt.ArrayLike
) -> dict[str, npt.NDArray[Any]]:
    """`Client.align`, where each face must be valid."""
    found = client.align(files, boxes)
    if not found["valid"].all():
        raise InputError(f"{path}: the server cannot read it, or a face lies outside it.")
    return found
