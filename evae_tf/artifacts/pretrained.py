"""Finds the shipped models: in `assets/` of a clone, or in the installed package."""

from os import PathLike
from pathlib import Path
from typing import Any

from evae_tf.errors import InputError

_PACKAGE = Path(__file__).parents[1]
_FOLDERS = (_PACKAGE / "assets", _PACKAGE.parent / "assets")


def pretrained_names() -> list[str]:
    """Names of the shipped models, sorted."""
    return sorted({path.stem for folder in _FOLDERS for path in folder.glob("*.keras")})


def find(name: str, *suffixes: str) -> Path:
    """The file of a shipped model.

    Args:
      name: one of `pretrained_names()`.
      suffixes: file suffixes, the preferred one first, such as ".tflite", ".keras".

    Returns:
      Path.

    Raises:
      InputError: no shipped model has this name and one of the suffixes.
    """
    for suffix in suffixes:
        for folder in _FOLDERS:
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    kinds = " or ".join(suffixes)
    raise InputError(
        f"{name}: no such file, and no shipped model ({kinds}) of this name; "
        f"known: {pretrained_names()}."
    )


def locate(name_or_path: str | PathLike[str], *suffixes: str) -> Path:
    """The path itself if it exists, else the file of a shipped model; see `find`.

    Raises:
      InputError: see `find`; or the argument is neither a path nor a name.
    """
    given: Any = name_or_path
    if given == "" or not isinstance(given, str | PathLike):
        found = "an empty string" if given == "" else f"a {type(given).__name__}"
        raise InputError(
            f"found {found}, expected the path of a model's file or the "
            "name of a shipped model; a training's file is training.folder / 'model.keras'."
        )
    path = Path(name_or_path)
    return path if path.exists() or path.suffix else find(str(path), *suffixes)
