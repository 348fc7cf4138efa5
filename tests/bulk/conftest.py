"""Photos, and commands as a user calls them; without Ray nothing here is collected."""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

collect_ignore_glob = [] if importlib.util.find_spec("ray") else ["test_*.py"]

# All clusters of the tests ask for this token, whatever lies in the home folder.
os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN="a token for tests")

COMMANDS = Path(sys.executable).parent


def command(name, *words, **variables):
    """The finished call of an installed command."""
    return subprocess.run(
        [COMMANDS / name, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env={**os.environ, **variables},
    )


def bulk(*words, **variables):
    return command("evae-bulk", *words, **variables)


def begun(*words):
    """A call of evae-bulk that goes on meanwhile."""
    return subprocess.Popen(
        [COMMANDS / "evae-bulk", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_parts(folder, count, process, seconds=90):
    """Waits until so many files are finished, while the call goes on."""
    end = time.monotonic() + seconds
    while len(list(folder.glob("part-*"))) < count:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "no files in time"
        time.sleep(0.02)


def read_rows(folder):
    """The rows of an output folder, as any Parquet reader sees them."""
    import pyarrow.dataset

    return pyarrow.dataset.dataset(str(folder), format="parquet").to_table().to_pylist()


def images_of(folder):
    """The photos in an output folder, one entry for each time that a photo is in it."""
    return sorted(row["image"] for row in read_rows(folder) if row["face"] in (None, 0))


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """300 photos that differ: 50 drawn faces, each at six places and sizes; some hold none."""
    from PIL import Image

    from evae_tf.align.inputs import rgb_image
    from evae_tf.data import synthetic
    from evae_tf.markups import MARKUPS

    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(5)
    for person in range(50):
        face, _ = synthetic.draw_face(MARKUPS["ibug_68"], (7, person), occluded=False)
        head = Image.fromarray(rgb_image(face.image))
        for place in range(6):
            canvas = Image.new("RGB", (260, 220), tuple(rng.integers(40, 220, 3).tolist()))
            side = int(rng.integers(110, 170))
            corner = (int(rng.integers(0, 260 - side)), int(rng.integers(0, 220 - side)))
            if (person, place) not in ((3, 0), (30, 5)):
                canvas.paste(head.resize((side, side)), corner)
            canvas.save(folder / f"{person:02}_{place}.png")
    return folder


@pytest.fixture(scope="session")
def names(photos):
    """The addresses of all photos, sorted."""
    return sorted(str(path) for path in photos.iterdir())
