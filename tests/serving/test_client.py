"""The client with a model server on loopback, working and faulty."""

import http.server
import threading
import time
from concurrent import futures
from pathlib import Path

import numpy as np
import pytest

from evae_tf.errors import InputError
from evae_tf.presets import PRESETS
from evae_tf.serving import client as client
from tests.serving.loopback_server import GrpcServer, RestServer

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {"grpc": GrpcServer, "rest": RestServer}
BOX = (183.0, 158.0, 347.0, 335.0)  # of the face in the portrait
PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "rest"])


def connect(protocol, address, **options):
    return client.CLIENTS[protocol](address, **options)


@PROTOCOLS
def test_answers_are_those_of_the_model(protocol, model, photo):
    files, boxes = [photo.read_bytes(), b"words"], np.float32([BOX, BOX])
    expected = model.answer("align_bytes", {"image_bytes": np.array(files, object), "boxes": boxes})
    with SERVERS[protocol](model) as server:
        found = connect(protocol, server.address).align(files, boxes)
    assert found["valid"].tolist() == [True, False]
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=1e-6)


@PROTOCOLS
def test_an_impossible_box_is_not_valid_over_either_protocol(protocol, model, photo):
    boxes = np.float32([BOX, [np.nan, 1, 2, 3], [1, 2, np.inf, 4], [9, 2, 3, 4], BOX])
    with SERVERS[protocol](model) as server:
        found = connect(protocol, server.address).align([photo.read_bytes()] * 5, boxes)
    assert found["valid"].tolist() == [True, False, False, False, True]
    assert np.isnan(found["landmarks"][1:4]).all()


def test_no_photos_are_answered_with_no_rows(model):
    with GrpcServer(model) as server:
        found = connect("grpc", server.address).align([], [])
    assert (found["landmarks"].shape, found["valid"].shape) == ((0, 68, 2), (0,))
    with RestServer(model) as server, pytest.raises(InputError, match="no rows; use gRPC"):
        connect("rest", server.address).align([], [])


def test_every_signature_can_be_asked(model):
    with GrpcServer(model) as server:
        connection = connect("grpc", server.address)
        size = PRESETS["mobile"].input_size
        images = np.zeros((2, size, size, 3), np.uint8)
        assert connection.predict("predict_uint8", images=images)["landmarks"].shape == (2, 68, 2)
        images = images.astype(np.float32)
        assert set(connection.predict("serving_default", images=images)) >= {"response_maps"}


@PROTOCOLS
def test_a_server_that_is_starting_is_asked_again(protocol, model, photo):
    model.failures = 2
    with SERVERS[protocol](model) as server:
        found = connect(protocol, server.address).align([photo.read_bytes()], [BOX])
    assert found["valid"].all()
    assert model.asked == 3


@PROTOCOLS
def test_a_server_that_keeps_refusing_is_given_up(protocol, model, photo):
    model.failures = 1000
    with SERVERS[protocol](model) as server, pytest.raises(InputError, match="starting"):
        connect(protocol, server.address).align([photo.read_bytes()], [BOX])
    assert model.asked == 4


@PROTOCOLS
def test_a_slow_server_is_not_waited_for(protocol, model, photo):
    model.pause_s = 3.0
    started = time.monotonic()
    with SERVERS[protocol](model) as server:
        connection = connect(protocol, server.address, timeout=0.3)
        with pytest.raises(InputError, match="deadline exceeded|no answer in 0.3 s"):
            connection.align([photo.read_bytes()], [BOX])
        assert time.monotonic() - started < 2.0


@PROTOCOLS
def test_nobody_there(protocol):
    with pytest.raises(InputError, match="127.0.0.1:9"):
        connect(protocol, "127.0.0.1:9", timeout=5.0).align([b""], [BOX])


def test_a_server_that_dies_in_the_midst_of_an_answer(model, photo):
    model.pause_s = 2.0
    with GrpcServer(model) as server:

        def kill():
            while not model.asked:
                time.sleep(0.01)
            server.kill()

        threading.Thread(target=kill, daemon=True).start()
        with pytest.raises(InputError, match=server.address):
            connect("grpc", server.address, timeout=20.0).align([photo.read_bytes()], [BOX])
    assert model.asked == 1


@PROTOCOLS
def test_an_error_is_passed_on_and_not_asked_again(protocol, model, photo):
    """The request has a box too many, which `align` would not send."""
    files, boxes = [photo.read_bytes()], np.float32([BOX, BOX])
    with SERVERS[protocol](model) as server, pytest.raises(InputError, match="(?i)invalid|boxes"):
        connect(protocol, server.address)._align(files, boxes)
    assert model.asked == 1


@PROTOCOLS
def test_a_box_too_many_is_not_sent(protocol, model, photo):
    with SERVERS[protocol](model) as server, pytest.raises(InputError, match="2 boxes for 1 files"):
        connect(protocol, server.address).align([photo.read_bytes()], [BOX, BOX])
    assert model.asked == 0


@pytest.mark.parametrize(
    ("body", "length", "words"),
    [
        (b"<html>Welcome</html>", None, "not JSON"),
        (b"[]", None, "status 200"),
        (b"1", None, "status 200"),
        (b'{"outputs": [1]}', None, "status 200"),
        (b'{"out', 500, "connection lost"),  # truncated
    ],
)
def test_a_server_of_another_kind(body, length, words):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", str(length or len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = "{}:{}".format(*server.server_address)
        with pytest.raises(InputError, match=f"{address}.*{words}"):
            client.RestClient(address, timeout=5.0).align([b""], [BOX])
        server.shutdown()


def test_a_large_request_is_divided(model):
    """No request is larger than the batches of serving/batching_parameters.txt."""
    with GrpcServer(model) as server:
        found = connect("grpc", server.address, timeout=60.0).align([b""] * 70, [BOX] * 70)
        assert model.asked == 3
        assert found["valid"].shape == (70,)
    largest = (ROOT / "serving" / "batching_parameters.txt").read_text()
    assert "max_batch_size { value: 32 }" in largest


@PROTOCOLS
def test_the_largest_request_takes_a_fraction_of_the_time_out(protocol, model, photo):
    with SERVERS[protocol](model) as server:
        connection = connect(protocol, server.address)  # waits for up to ten seconds
        connection.align([photo.read_bytes()], [BOX])
        started = time.monotonic()
        found = connection.align([photo.read_bytes()] * 32, [BOX] * 32)
        assert time.monotonic() - started < 4.0
    assert found["valid"].all()


@PROTOCOLS
def test_many_at_once_get_their_own_answers(protocol, model, photo):
    boxes = np.float32(BOX) + np.arange(12, dtype=np.float32)[:, None]
    file = photo.read_bytes()
    expected = model.answer(
        "align_bytes", {"image_bytes": np.array([file] * 12, object), "boxes": boxes}
    )["landmarks"]
    with SERVERS[protocol](model) as server, futures.ThreadPoolExecutor(6) as pool:
        connection = connect(protocol, server.address, timeout=60.0)
        jobs = [pool.submit(connection.align, [file], [box]) for box in boxes]
        found = np.concatenate([job.result()["landmarks"] for job in jobs])
    np.testing.assert_allclose(found, expected, atol=0.05)
