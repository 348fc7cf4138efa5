"""`serving/client.py` as a command, what it does to photos, and the files that start the server."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import yaml
from google.protobuf import text_format
from PIL import Image
from tensorflow_serving.config import model_server_config_pb2

from evae_tf import Aligner, geometry
from evae_tf.align import detection
from evae_tf.serving import client
from evae_tf.serving.predict_request import MODEL_NAME
from tests.portrait import PORTRAIT
from tests.serving.loopback_server import GrpcServer

ROOT = Path(__file__).resolve().parents[2]
BOX = (183.0, 158.0, 347.0, 335.0)  # of the face in the portrait


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


def test_the_command_says_in_one_sentence_what_is_wrong(tmp_path, monkeypatch):
    """The first one is of a photo in the home folder: the shell does not expand `~` after `=`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "broken.jpg"
    path.write_bytes(b"words")
    for status, named, *flags in (
        (1, f"{path}: ", "--input=~/broken.jpg"),
        (2, "1,2,3", "--box=1,2,3", f"--input={PORTRAIT}"),
        (2, "0,0,wide", "--face_box=0,0,wide", f"--input={PORTRAIT}"),
    ):
        done = command("--server=127.0.0.1:9", *flags)
        assert done.returncode == status
        (sentence,) = [line for line in done.stderr.splitlines() if line.startswith("error:")]
        assert named in sentence
        assert "Traceback" not in done.stderr


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
