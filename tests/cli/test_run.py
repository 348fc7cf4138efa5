"""How commands start and end: closed streams, limited encodings, signals."""

import contextlib
import os
import signal
import subprocess
import sys
import time

import pytest
from PIL import Image

from tests.commands import ROOT, SET, own, write_faces
from tests.portrait import PORTRAIT


def command(script, *arguments):
    return [sys.executable, ROOT / f"{script}.py", *map(str, arguments)]


def call(script, *arguments, **options):
    done = command(script, *arguments)
    return subprocess.run(done, timeout=300, **options)


def close(*numbers):
    """For `preexec_fn`: starts a process without these streams, like a service."""

    def closing():
        for number in numbers:
            os.close(number)

    return closing


@pytest.mark.parametrize("closed", [(2,), (1,), (0, 1, 2)])
def test_photos_are_aligned_without_streams(closed, tmp_path):
    """Library output to the descriptor of a closed stream must not end up in our files."""
    arguments = [f"--input={PORTRAIT}", f"--output={tmp_path}"]
    assert call("align", *arguments, preexec_fn=close(*closed)).returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "grace_hopper.json",
        "grace_hopper_landmarks.jpg",
        "done.jsonl",
    }
    with Image.open(tmp_path / "grace_hopper_landmarks.jpg") as picture:
        picture.load()


def test_only_a_verbose_run_prints_what_libraries_log(tmp_path):
    arguments = [f"--input={PORTRAIT}", f"--output={tmp_path}", "--overwrite"]
    for flags, expected in (([], False), (["--verbose"], True)):
        done = call("align", *arguments, *flags, capture_output=True)
        assert done.returncode == 0
        assert (b"XNNPACK" in done.stderr) == expected
        assert expected or not done.stderr


def test_every_command_works_without_streams(tmp_path):
    data, run = write_faces(tmp_path / "data"), tmp_path / "run"
    closed = {"preexec_fn": close(0, 1, 2)}
    model = f"--model={run / 'model.keras'}"
    assert call("train", *own(data), f"--workdir={run}", *SET, **closed).returncode == 0
    output = f"--output={tmp_path / 'export'}"
    assert call("export", *own(data), model, "--formats=tflite", output, **closed).returncode == 0
    assert (tmp_path / "export" / "export.json").exists()
    assert call("train", "--preset=best", **closed).returncode == 2


def test_training_in_python_without_streams(tmp_path):
    """Programs without a console have None as streams."""
    code = f"""if 1:
        import sys
        from evae_tf import PRESETS, read_training_faces, train
        from evae_tf.config_text import override

        sys.stdout = sys.stderr = None
        faces = read_training_faces("csv", sys.argv[1], "mtfl_5")
        train(override(PRESETS["default"], {[word.removeprefix("--set=") for word in SET]}), *faces,
              sys.argv[2])
    """
    data = write_faces(tmp_path / "data")
    done = subprocess.run([sys.executable, "-c", code, data, tmp_path / "run"], cwd=ROOT)
    assert done.returncode == 0
    assert (tmp_path / "run" / "model.keras").exists()


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
def test_characters_that_a_console_lacks_are_replaced(environment, tmp_path):
    folder = tmp_path / "写真"
    folder.mkdir()
    arguments = [f"--input={PORTRAIT}", f"--output={folder}", "--draw="]
    environment = {**os.environ, **environment}
    done = call("align", *arguments, env=environment, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"1 photo: 1 face " in done.stdout
    assert (folder / "grace_hopper.json").exists()
    done = call("align", f"--input={folder}/鳥.jpg", env=environment, capture_output=True)
    assert done.returncode == 1
    assert b"error: " in done.stderr
    assert b"there is no such photo" in done.stderr


def test_output_that_nobody_takes_is_no_traceback(tmp_path):
    """`| head -1`, and `>` to a full disk."""
    with subprocess.Popen(
        command("align", "--help"), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    arguments = [f"--input={PORTRAIT}", f"--output={tmp_path}", "--draw="]
    with open("/dev/full", "w") as full:
        done = call("align", *arguments, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert b"standard output or a file: No space left on device.\n" in done.stderr
    assert b"Traceback" not in done.stderr and b"Exception" not in done.stderr


@contextlib.contextmanager
def running(arguments, started, **options):
    """Starts a command and waits until `started()` is true."""
    with subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True, **options) as process:
        try:
            deadline = time.monotonic() + 120
            while not started():
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            yield process
        finally:
            process.kill()  # a failing test must not leave it running


def heed_hangups():
    """As a terminal starts commands, unlike nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def ignore_ctrl_c():
    """As the shell starts background jobs of a script."""
    heed_hangups()
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("prepare", [heed_hangups, ignore_ctrl_c])
def test_a_signal_ends_a_run_over_photos_as_ctrl_c_does(number, prepare, tmp_path):
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(300):
        (photos / f"{i}.jpg").symlink_to(PORTRAIT)
    arguments = command("align", f"--input={photos}", f"--output={output}")

    def started():
        return len(list(output.glob("*.jpg"))) > 3

    with running(arguments, started, preexec_fn=prepare) as process:
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "error: stopped; finished work is kept" in errors
    assert "Traceback" not in errors
    assert not list(output.glob(".*"))
    finished = list(output.glob("*.json"))
    assert 3 < len(finished) < 300
    for path in finished:
        assert path.read_text().endswith("}\n")


def test_a_signal_that_is_ignored_stays_so(tmp_path):
    """With nohup, SIGHUP is ignored: closing the terminal does not end the command."""
    photos, output = tmp_path / "photos", tmp_path / "out"
    photos.mkdir()
    for i in range(12):
        (photos / f"{i}.jpg").symlink_to(PORTRAIT)
    arguments = command("align", f"--input={photos}", f"--output={output}", "--draw=")

    def nohup():
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with running(arguments, output.exists, preexec_fn=nohup) as process:
        process.send_signal(signal.SIGHUP)
        process.communicate(timeout=60)
    assert process.returncode == 0
    assert len(list(output.glob("*.json"))) == 12
