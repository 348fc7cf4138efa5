"""What the processes of a training compare and exchange before it starts."""

import json
from collections.abc import Sequence
from typing import Any

import cv2
import keras
import numpy as np
import PIL

from evae_tf.data import crops
from evae_tf.data.crop_files import part
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.training import processes
from evae_tf.training.run_folder import differences
from evae_tf.version import VERSION


def check(settings: dict[str, Any]) -> None:
    """Checks that all processes have the same settings and package versions.

    Args:
      settings: JSON-ready nested dict.

    Raises:
      InputError: they differ; names a process and what differs.
    """
    texts = processes.gather(json.dumps({**_versions(), **settings}).encode())
    first, *others = (json.loads(text) for text in texts)
    for number, other in enumerate(others, 1):
        words = f"{{}} is {{!r}} in process 0, {{!r}} in process {number}"
        if found := differences(first, other, words):
            raise InputError(
                f"the processes differ: {'; '.join(found)}. Start all of them with the same "
                "settings and packages."
            )


def fingerprints(*lists: Sequence[Face]) -> list[str]:
    """The `crops.fingerprint` of lists of faces. Each process reads the images of its part only.

    Raises:
      InputError: an image file cannot be read.
    """
    return [crops.fingerprint(faces, _file_digests(faces)) for faces in lists]


def _file_digests(faces: Sequence[Face]) -> list[bytes]:
    rows = part(len(faces), processes.index(), processes.count())
    own = [digest.hex() for digest in crops.file_digests(faces[rows.start : rows.stop])]
    texts = processes.gather(json.dumps(own).encode())
    return [bytes.fromhex(digest) for text in texts for digest in json.loads(text)]


def _versions() -> dict[str, str]:
    packages = [keras, np, cv2, PIL]
    if keras.config.backend() == "jax":
        import jax  # pyright: ignore[reportMissingImports]  only `make test-jax` installs it

        packages.append(jax)
    return {
        "evae_tf": VERSION,
        **{package.__name__: package.__version__ for package in packages},
    }
