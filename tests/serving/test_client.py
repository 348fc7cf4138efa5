"""The client with a model server on loopback, working and faulty."""

import http.server
import io
import json
import subprocess
import sys
import threading
import time
from concurrent import futures
from pathlib import Path

import matplotlib.cbook
import numpy as np
import pytest
import yaml
from google.protobuf import text_format
from PIL import Image
from tensorflow_serving.config import model_server_config_pb2

from evae_tf import Aligner, geometry, markups
from evae_tf.align import detection
from evae_tf.data import synthetic
from evae_tf.errors import InputError
from evae_tf.exporting.export import export_model
from evae_tf.presets import PRESETS
from evae_tf.serving import client as client
from evae_tf.serving.predict_request import MODEL_NAME
from tests.serving.loopback_server import GrpcServer, Model, RestServer

ROOT = Path(__file__).resolve().parents[2]
SERVERS = {"grpc": GrpcServer, "rest": RestServer}
BOX = (183.0, 158.0, 347.0, 335.0)  # of the face in the portrait
PROTOCOLS = pytest.mark.parametrize("protocol", ["grpc", "rest"])


@pytest.fixture(scope="module")
def version(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    faces = synthetic.read("val", markups.MARKUPS["ibug_68"], count=2)
    export_model("mobile_68", folder, ["serving"], faces=faces)
    return folder / "1"


@pytest.fixture(scope="module")
def only_model(version):
    return Model(version)


@pytest.fixture
def model(only_model):
    only_model.pause_s, only_model.failures, only_model.asked = 0.0, 0, 0
    return only_model


@pytest.fixture(scope="module")
def photo(tmp_path_factory):
    path = tmp_path_factory.mktemp("photos") / "portrait.jpg"
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        path.write_bytes(file.read())
    return path


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


def test_every_signature_can_be_asked(model, version):
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
    with SERVERS[protocol](model) as server, pytest.raises(InputError, match="(?i)invalid|boxes"):
        connect(protocol, server.address).align([photo.read_bytes()], [BOX, BOX])
    assert model.asked == 1


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


def command(*flags):
    return subprocess.run(
        [sys.executable, str(ROOT / "serving" / "client.py"), *flags],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )


def test_the_command_prints_the_face_of_a_photo(model, photo):
    with GrpcServer(model) as server:
        done = command(f"--server={server.address}", f"--input={photo}", "--timeout=60")
    assert done.returncode == 0, done.stderr
    (face,) = json.loads(done.stdout)["faces"]
    assert set(face) == {"box", "landmarks", "covariance", "visibility", "presence"}
    (expected,) = Aligner.load("mobile_68")(photo)
    eyes = np.linalg.norm(expected.landmarks[36] - expected.landmarks[45])
    distance = np.linalg.norm(np.array(face["landmarks"]) - expected.landmarks, axis=1)
    assert distance.mean() < 0.04 * eyes
    assert np.all(geometry.landmark_box(np.array(face["landmarks"])) > 0)


def test_the_command_runs_from_a_clone(tmp_path):
    """It imports the package beside it: here a small one that reports its use."""
    for name, content in {
        "serving/client.py": (ROOT / "serving" / "client.py").read_text(),
        "evae_tf/__init__.py": "",
        "evae_tf/errors.py": "class UsageError(Exception): pass",
        "evae_tf/cli/__init__.py": "",
        "evae_tf/cli/path_flags.py": "def define_path(*_, **__): pass",
        "evae_tf/cli/run.py": "def run(*_): print('that of the clone')",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(content)
    path = str(tmp_path / "serving" / "client.py")
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd="/")
    assert done.stdout == "that of the clone\n", done.stderr


def test_the_command_says_in_one_sentence_what_is_wrong(model, tmp_path):
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"words")
    portrait = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    for status, *flags in (
        (1, f"--input={path}"),
        (2, "--box=1,2,3", f"--input={portrait}"),
        (2, "--face_box=0,0,wide", f"--input={portrait}"),
    ):
        done = command("--server=127.0.0.1:9", *flags)
        assert done.returncode == status
        (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert flags[0].partition("=")[2] in sentence
        assert "Traceback" not in done.stderr


def test_a_tilde_is_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    done = command("--input=~/none.jpg")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"error: {tmp_path / 'none.jpg'}: ")


def test_a_photo_without_a_face_needs_no_server(tmp_path):
    Image.fromarray(np.full((200, 300, 3), 128, np.uint8)).save(tmp_path / "wall.png")
    assert client.align_photo(None, tmp_path / "wall.png") == []


def test_the_detector_is_loaded_once_for_all_photos(tmp_path, monkeypatch):
    created, create = [], detection.create

    def counting(name):
        created.append(name)
        return create(name)

    monkeypatch.setattr(detection, "create", counting)
    client._detector.cache_clear()
    Image.fromarray(np.full((90, 120, 3), 128, np.uint8)).save(tmp_path / "wall.png")
    for _ in range(3):
        client.align_photo(None, tmp_path / "wall.png")
    assert created == ["auto"]


def test_what_the_server_reads_fits_together():
    """Names, paths and flags of the files that start the model server."""
    folder = ROOT / "serving"
    parsed = text_format.Parse(
        (folder / "models.config").read_text(), model_server_config_pb2.ModelServerConfig()
    )
    (served,) = parsed.model_config_list.config
    assert served.name == MODEL_NAME
    assert f'"{served.name}", "Name of the model' in (folder / "client.py").read_text()
    compose = yaml.safe_load((folder / "compose.yaml").read_text())["services"]["landmarks"]
    mounts = dict(volume.split(":")[:2] for volume in compose["volumes"])
    assert served.base_path.startswith(f"{mounts['./models']}/")
    deployment, service = yaml.safe_load_all((folder / "kubernetes.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["args"] == compose["command"]
    for flag in compose["command"]:
        if "_file=" in flag:
            path = Path(flag.partition("=")[2])
            assert mounts[f"./{path.name}"] == str(path)
            assert (folder / path.name).is_file()
    probe = container["readinessProbe"]["httpGet"]["path"]
    assert probe == f"/v1/models/{served.name}/metadata"
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert {port["targetPort"]: port["port"] for port in service["spec"]["ports"]} == named


def test_a_file_goes_to_the_server_as_it_is(photo):
    """With its rotation; boxes are in the upright photo, in the second pass around landmarks."""
    image = Image.open(photo)
    exif = Image.Exif()
    exif[0x0112] = 8
    content = io.BytesIO()
    image.rotate(-90, expand=True).save(content, "JPEG", quality=95, exif=exif)
    seen = []

    class Recorder:
        def align(self, files, boxes):
            seen.append((files, boxes))
            return {"valid": np.array([True]), "landmarks": np.float32([[[1, 2], [3, 4]]])}

    path = photo.with_name("lying.jpg")
    path.write_bytes(content.getvalue())
    client.align_photo(Recorder(), path)
    first, second = seen
    assert first[0] == [content.getvalue()]
    centre = np.float32(first[1][0]).reshape(2, 2).mean(axis=0)
    assert np.abs(centre - np.float32(BOX).reshape(2, 2).mean(axis=0)).max() < 25
    np.testing.assert_array_equal(second[1], [[1, 2, 3, 4]])
    client.align_photo(Recorder(), path, face_box=(0.5, 0.0, 2.0))
    np.testing.assert_array_equal(seen[3][1], [[1, 1, 5, 5]])
