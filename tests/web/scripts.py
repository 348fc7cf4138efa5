"""Runs the scripts of this folder in Node."""

import json
import shutil
import subprocess
from pathlib import Path

SCRIPTS = Path(__file__).parent
WEB = SCRIPTS.parents[1] / "web"
NODE = shutil.which("node")


def node(script, *arguments, **options):
    """What a script prints, read as JSON."""
    done = subprocess.run(
        [NODE, SCRIPTS / script, *arguments], capture_output=True, text=True, **options
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
