"""A model server on loopback, for tests: the official protos over `tf.saved_model`.

  python -m tests.serving.loopback_server --version=serving/models/evae_landmarks/1

It replaces TensorFlow Serving, which is not available as a Python package, and can simulate the
faults of real servers. As a command it takes the ports of the real one.
"""

import base64
import contextlib
import http.server
import json
import threading
import time
from concurrent import futures

import grpc
import numpy as np
import tensorflow as tf
from absl import app, flags
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

# Errors of TensorFlow and Python that the real server reports as an invalid argument.
_REFUSALS = (tf.errors.OpError, KeyError, TypeError, ValueError)


class Model:
    """A version folder, and the behaviour of its server.

    Attributes:
      pause_s: delay of every answer in seconds.
      failures: number of requests still to refuse, as a starting server does.
      asked: number of requests received.
    """

    def __init__(self, folder):
        self._loaded = tf.saved_model.load(str(folder))  # keeps the variables alive
        self.pause_s, self.failures, self.asked = 0.0, 0, 0
        self._lock = threading.Lock()

    def answer(self, signature, inputs):
        """Arrays in, arrays out; like the real server, it raises TensorFlow's errors."""
        time.sleep(self.pause_s)
        outputs = self._loaded.signatures[signature](
            **{name: tf.constant(value) for name, value in inputs.items()}
        )
        return {name: value.numpy() for name, value in outputs.items()}

    def is_refusing(self):
        """Counts a request and returns whether to refuse it."""
        with self._lock:
            self.asked += 1
            self.failures -= 1
            return self.failures >= 0


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def __init__(self, model):
        self._model = model

    def Predict(self, request, context):
        if self._model.is_refusing():
            context.abort(grpc.StatusCode.UNAVAILABLE, "starting")
        inputs = {name: tf.make_ndarray(value) for name, value in request.inputs.items()}
        try:
            outputs = self._model.answer(request.model_spec.signature_name, inputs)
        except _REFUSALS as error:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error)[:200])
        return predict_pb2.PredictResponse(
            outputs={name: tf.make_tensor_proto(value) for name, value in outputs.items()}
        )


class GrpcServer:
    """Context manager; `address` is its HOST:PORT. Port 0: any that is free."""

    def __init__(self, model, port=0):
        self._server = grpc.server(futures.ThreadPoolExecutor(4))
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
            _Servicer(model), self._server
        )
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Stops at once, during requests."""
        self._server.stop(grace=0).wait()


class RestServer:
    """As above, over HTTP, in the format of the REST API's `inputs` and `outputs`."""

    def __init__(self, model, port=0):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if model.is_refusing():
                    return self._send(503, {"error": "starting"})
                try:
                    body = json.loads(content)
                    encoded = [file["b64"] for file in body["inputs"]["image_bytes"]]
                    files = [base64.b64decode(file, validate=True) for file in encoded]
                    boxes = np.array(body["inputs"]["boxes"], np.float32)
                    inputs = {"image_bytes": np.array(files, object), "boxes": boxes}
                    outputs = model.answer(body["signature_name"], inputs)
                except _REFUSALS as error:
                    return self._send(400, {"error": str(error)[:200]})
                outputs = {name: value.tolist() for name, value in outputs.items()}
                return self._send(200, {"outputs": outputs})

            def _send(self, status, answer):
                content = json.dumps(answer).encode()  # bare NaN, as the real server sends it
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.address = "{}:{}".format(*self._server.server_address)

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.kill()

    def kill(self):
        """Accepts no further request."""
        self._server.shutdown()
        self._server.server_close()


def main(_):
    """Serves until Ctrl-C."""
    model = Model(flags.FLAGS.version)
    with GrpcServer(model, port=8500) as grpc_server, RestServer(model, port=8501) as rest_server:
        print(f"gRPC: {grpc_server.address}   REST: {rest_server.address}   Ctrl-C stops.")
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()


if __name__ == "__main__":
    flags.DEFINE_string("version", None, "Folder of a version.", required=True)
    app.run(main)
