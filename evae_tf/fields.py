"""Fields of records: type and range checks, and parsing from text."""

import types
import typing
from typing import Any, Literal, NamedTuple

from evae_tf.errors import UsageError


class Range(NamedTuple):
    """The closed range of a field, or of each entry of a tuple."""

    low: float
    high: float


def check(record: object, prefix: str = "") -> None:
    """Checks each field of a record against its type and its `Range`.

    Args:
      record: a dataclass instance.
      prefix: text before the field name in messages.

    Raises:
      UsageError: a value has another type, or is out of range.
    """
    for name, annotated in typing.get_type_hints(type(record), include_extras=True).items():
        value: Any = getattr(record, name)
        ranges = getattr(annotated, "__metadata__", ())
        kind = annotated.__origin__ if ranges else annotated
        if not _is(value, kind):
            raise UsageError(f"{prefix}{name}={value!r}: expected {words(kind)}.")
        numbers: list[Any] = [*value] if isinstance(value, tuple) else [value]
        for low, high in ranges:
            if not all(number is None or low <= number <= high for number in numbers):
                raise UsageError(f"{prefix}{name}={value}: must be between {low} and {high}.")


def _is(value: Any, kind: Any) -> bool:
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return value in options
    if origin is types.UnionType:
        return any(_is(value, option) for option in options)
    if origin is tuple:
        entries = typing.cast("tuple[Any, ...]", value)
        return type(value) is tuple and all(_is(entry, options[0]) for entry in entries)
    if isinstance(value, bool) and kind is not bool:  # in Python, a bool is an int
        return False
    return isinstance(value, int | float if kind is float else kind)


def words(kind: Any) -> str:
    """A type in words, for messages."""
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    if origin is Literal:
        return " or ".join(map(str, options))
    if origin is types.UnionType:
        return " or ".join(map(words, options))
    if origin is tuple:
        return f"a tuple of {words(options[0]).partition(' ')[2]}s, one per stage"
    names = {int: "an integer", float: "a number", bool: "true or false", str: "text"}
    return names.get(kind, "none" if kind is types.NoneType else kind.__name__)


def parse(name: str, text: str, kind: Any) -> Any:
    """Parses the value of a field from text; see `config_text.override`.

    Raises:
      UsageError: the text is not a value of the type `kind`.
    """
    origin, options = typing.get_origin(kind), typing.get_args(kind)
    try:
        if origin is types.UnionType:
            return None if text == "none" else options[0](text)
        if origin is tuple:
            return tuple(options[0](part) for part in text.split(","))
        if origin is Literal or kind is bool:
            known = {str(option): option for option in options} or {"true": True, "false": False}
            return known[text]
        return kind(text)
    except (KeyError, ValueError) as error:
        raise UsageError(f"--set {name}={text}: expected {words(kind)}.") from error
