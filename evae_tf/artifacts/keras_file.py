"""Opens the `.keras` file of a trained model without running code from the file."""

# Keras comes without types.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeStubs=false

import importlib
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

from evae_tf import extras
from evae_tf.artifacts import pretrained
from evae_tf.errors import InputError, first_line

# What reading a damaged archive or its JSON raises.
_DAMAGE = (
    *(KeyError, ValueError, TypeError, RecursionError, RuntimeError, OSError),
    *(zipfile.BadZipFile, zlib.error),
)


def load_pretrained(name: str) -> Any:
    """A shipped model, such as "mobile_68", as a Keras model.

    Args:
      name: one of `pretrained.pretrained_names()`.

    Raises:
      InputError: no shipped model has this name; the message lists the known ones.
    """
    return load_model(pretrained.find(name, ".keras"))


def load_model(path_or_name: str | Path) -> Any:
    """The Keras model in a `.keras` file.

    Args:
      path_or_name: the file, or the name of a shipped model.

    Raises:
      InputError: the file is missing, damaged, of another kind, or not safe to load; or
        Keras is not installed.
    """
    path = find_keras_file(path_or_name)
    _check_keras_config(path)
    extras.require("keras")
    import keras

    importlib.import_module("evae_tf.models")  # registers every class of a model
    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged file can fail anywhere in Keras
        reason = first_line(error)
        raise InputError(f"{path}: the model is damaged or not safe to load ({reason}).") from error


def find_keras_file(path_or_name: str | Path) -> Path:
    """The file that `load_model` would load.

    Args:
      path_or_name: as for `load_model`.

    Raises:
      InputError: the file is missing or of another kind.
    """
    path = pretrained.locate(path_or_name, ".keras")
    if not path.exists():
        raise InputError(f"{path}: no such file; expected a model.keras written by train.py.")
    if not path.is_file() or not _holds_config(path):
        raise InputError(f"{path}: not a .keras file; expected a model.keras written by train.py.")
    return path


def _holds_config(path: Path) -> bool:
    """Whether a file is a zip file like those of Keras; a .tflite file may end with another one."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "config.json" in archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return False


def _check_keras_config(path: Path) -> None:
    """Checks the classes that a `.keras` file names before Keras builds any of them."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
        name, registered = config["class_name"], str(config["registered_name"])
    except _DAMAGE as error:
        raise InputError(f"{path}: not a Keras model, or damaged ({error}).") from error
    if not registered.startswith("evae_tf>"):
        raise InputError(f"{path}: contains a {name}, expected a landmark model of evae_tf.")
    config.pop("compile_config", None)  # such as a loss; `compile=False` ignores it
    foreign = sorted(_foreign_classes(config))
    if foreign:
        raise InputError(f"{path}: not safe to load; it would build the foreign classes {foreign}.")


def _foreign_classes(node: Any) -> set[str]:
    """Classes in a Keras config that belong neither to this package nor to Keras' own layers."""
    if isinstance(node, list):
        return set().union(*map(_foreign_classes, node))
    if not isinstance(node, dict):
        return set()
    found = set().union(*map(_foreign_classes, node.values()))
    if "class_name" in node:
        known = str(node.get("registered_name")).startswith("evae_tf>") or (
            str(node.get("module")).partition(".")[0] == "keras" and node["class_name"] != "Lambda"
        )
        found |= set() if known else {str(node["class_name"])}
    return found
