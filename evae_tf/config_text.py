"""A configuration from text: assignments such as those of `--set`, and JSON files."""

import dataclasses
import json
import typing
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from evae_tf import fields
from evae_tf.config import Config, to_dict
from evae_tf.errors import InputError, UsageError


def override(config: Config, assignments: Iterable[str]) -> Config:
    """A copy of `config` with some fields set from text.

    Args:
      config: a `Config`.
      assignments: list of "field=value" or "augmentation.field=value". Tuples are comma-separated,
        booleans are `true` or `false`, an optional field may be `none`.

    Raises:
      UsageError: a field is unknown (the message lists the known ones) or a value has another type.
    """
    kinds = dict(_fields(Config))
    values: dict[str, Any] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals or name not in kinds:
            raise UsageError(
                f"--set {assignment}: expected field=value with one of the fields {sorted(kinds)}."
            )
        if name in ("preset", "dataset"):
            raise UsageError(f"--set {assignment}: use the flag --{name}.")
        values[name] = fields.parse(name, text, kinds[name])
    return _replaced(config, values)


def replace(config: Config, values: Mapping[str, Any]) -> Config:
    """A copy of `config` with some fields set.

    Args:
      config: a `Config`.
      values: dict of field, or "augmentation.field", to value.

    Raises:
      UsageError: a field is unknown (the message lists the known ones) or a value is wrong.
    """
    known = sorted(name for name, _ in _fields(Config))
    unknown = sorted(set(values) - set(known))
    if unknown:
        raise UsageError(f"unknown fields {unknown}, expected some of {known}.")
    return _replaced(config, dict(values))


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
        return replace(Config(), _flat(record))
    except UsageError as error:
        raise InputError(f"{path}: {error}") from error


def dump(config: Config) -> str:
    """The configuration as JSON text that `read` reads."""
    return json.dumps(to_dict(config), indent=2) + "\n"


def _flat(record: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict):
            values |= _flat(value, f"{prefix}{name}.")
        else:
            values[f"{prefix}{name}"] = tuple(value) if isinstance(value, list) else value
    return values


def _fields(record: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Names and types of all fields; fields of a nested record are named `record.field`."""
    for name, kind in typing.get_type_hints(record).items():
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from _fields(kind, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", kind


def _replaced(record: Any, values: dict[str, Any]) -> Any:
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        outer, dot, field = name.partition(".")
        if dot:
            inner.setdefault(outer, {})[field] = value
        else:
            own[name] = value
    own |= {name: _replaced(getattr(record, name), part) for name, part in inner.items()}
    return dataclasses.replace(record, **own)
