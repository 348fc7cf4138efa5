"""A configuration as a JSON file."""

import json
from pathlib import Path
from typing import Any

from evae_tf import config as configs
from evae_tf.config import Config
from evae_tf.errors import InputError, UsageError


def read(path: str | Path) -> Config:
    """Reads a configuration; fields that the file lacks have their defaults.

    Args:
      path: a JSON file as `dump` writes it, or the config.json of a training folder.

    Raises:
      InputError: the file cannot be read, is not a JSON object, or has an unknown field or a wrong
        value.
    """
    try:
        record = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise InputError(f"{path}: not a JSON file ({error}).") from error
    if isinstance(record, dict) and isinstance(record.get("config"), dict):
        record = record["config"]  # the rest of a training folder's file describes its data
    if not isinstance(record, dict):
        raise InputError(f"{path}: contains a {type(record).__name__}, expected a JSON object.")
    try:
        return configs.replace(Config(), _flat(record))
    except UsageError as error:
        raise InputError(f"{path}: {error}") from error


def dump(config: Config) -> str:
    """The configuration as JSON text that `read` reads."""
    return json.dumps(configs.to_dict(config), indent=2) + "\n"


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            values |= _flat(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = tuple(value) if isinstance(value, list) else value
    return values
