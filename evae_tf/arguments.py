"""Checks of function arguments at run time, with one-sentence errors."""

import math
import os
from collections.abc import Iterable
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from evae_tf.errors import InputError, UsageError


def path(name: str, value: Any) -> Path:
    """The argument `name` as a `Path`.

    Raises:
      UsageError: it is not a path, or empty.
    """
    if not isinstance(value, str | os.PathLike) or not os.fspath(value):
        raise UsageError(f"{name}={_shown(value)}: expected a path.")
    return Path(value)


def text_path(name: str, value: Any) -> Path:
    """Like `path`, for what TensorFlow reads or writes: it takes names in UTF-8 only.

    Raises:
      UsageError: it is not a path, or empty.
      InputError: the name is not UTF-8, as it can be on disks of Linux.
    """
    found = path(name, value)
    try:
        str(found).encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"{found}: the name is not UTF-8, as TensorFlow needs it; use another name."
        ) from error
    return found


def whole_number(name: str, value: Any, low: int = 1, high: float = math.inf) -> int:
    """The argument `name` as an integer.

    Raises:
      UsageError: it is not an integer, or not within `low` and `high`.
    """
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    if not whole or not low <= int(value) <= high:
        limit = f"{low} or more" if high == math.inf else f"{low} to {high}"
        raise UsageError(f"{name}={_shown(value)}: expected an integer, {limit}.")
    return int(value)


def number(name: str, value: Any, low: float, high: float) -> float:
    """The argument `name` as a float.

    Raises:
      UsageError: it is not a number, or not within `low` and `high`.
    """
    if not isinstance(value, Real) or not low <= float(value) <= high:
        raise UsageError(f"{name}={_shown(value)}: expected a number from {low} to {high}.")
    return float(value)


def items(name: str, value: Any, kind: Any, what: str) -> list[Any]:
    """The argument `name` as a list.

    Args:
      name: name of the argument.
      value: any iterable.
      kind: type of its items.
      what: name of the items in messages, such as "names".

    Raises:
      UsageError: it is not iterable, or an item has another type.
    """
    if isinstance(value, str | bytes | os.PathLike) or not isinstance(value, Iterable):
        raise UsageError(f"{name}={_shown(value)}: expected a list of {what}.")
    found = [*value]
    for item in found:
        if not isinstance(item, kind):
            raise UsageError(f"{name} contains {_shown(item)}: expected a list of {what}.")
    return found


def names(name: str, value: Any) -> list[str]:
    """The argument `name`, one name or several, as a list; see `items`."""
    return [value] if isinstance(value, str) else items(name, value, str, "names")


def _shown(value: Any) -> str:
    """A value as text for messages: its `repr`, or its type if that is long."""
    text = repr(value)
    return text if len(text) <= 60 and "\n" not in text else f"<{type(value).__name__}>"
