"""The Python and shell blocks of the pages, run as they stand.

The ordinary test run leaves this folder out, as it takes minutes. The tutorial has a test of its
own. The pages on Ray and on JAX are followed where these are installed: `make test-bulk` and
`make test-jax`. RESULTS.md is a log of measurements on data sets.
"""

import contextlib
import shutil
import subprocess

import pytest

from tests.docs.pages import ROOT, TEXTS, blocks
from tests.serving.loopback_server import GrpcServer, Model, RestServer
from tests.snippets import reader
from tests.snippets.reader import follow, run_shell

ELSEWHERE = {"docs/tutorial.md", "docs/bulk.md", "docs/devices.md", "docs/serving.md", "RESULTS.md"}
PAGES = [
    name
    for name in TEXTS
    if name not in ELSEWHERE
    and any(block.language in ("python", "shell") and not block.reason for block in blocks(name))
]
# Models that a page takes from an earlier training of its reader: the shipped ones.
TRAINED = {
    "docs/evaluate.md": {"runs/300w/model.keras": "mobile_68.keras"},
    "docs/mobile.md": {"runs/mine/model.keras": "mobile_68.keras"},
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_can_be_followed(name, clone):
    for path, model in TRAINED.get(name, {}).items():
        (clone / path).parent.mkdir(parents=True)
        shutil.copy(ROOT / "assets" / model, clone / path)
    follow(name, clone)


def test_the_page_on_serving_can_be_followed(clone):
    """On the usual ports, the tests' server takes the place of the one in Docker."""
    with contextlib.ExitStack() as servers:

        def start(code):
            if "docker" not in code:  # the page's own stand-in: it runs already
                return
            model = Model(clone / "serving" / "models" / "evae_landmarks" / "1")
            servers.enter_context(GrpcServer(model, 8500))
            servers.enter_context(RestServer(model, 8501))

        follow("docs/serving.md", clone, instead=start)


@pytest.mark.parametrize(
    "code",
    [
        "python align.py --input=photo.jpg --output=out --pictures=points",  # no such flag
        "python align.py --input=other.jpg --output=out",  # no such file
        "python align.py --input=photo.jpg --output=out && rm -r out/*",  # nothing is written
        "cat out/photo.json",
        "false\ntrue",
        "false | true",
    ],
)
def test_what_fails_is_noticed(code, clone):
    with pytest.raises(AssertionError):
        run_shell(code, clone)


def test_what_hangs_is_ended(clone, monkeypatch):
    monkeypatch.setattr(reader, "_SECONDS", 1)
    with pytest.raises(subprocess.TimeoutExpired):
        run_shell("sleep 1000 | cat", clone)


def test_trainings_are_cut_to_one_epoch(clone):
    run_shell("python train.py --preset=mobile --set=epochs=30 --print_config > c.json", clone)
    run_shell("grep '\"epochs\": 1,' c.json", clone)
