"""Reads text files, with errors that name the file."""

import codecs
import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from evae_tf.errors import InputError, brief

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@contextlib.contextmanager
def errors_name(source: str | Path) -> Iterator[None]:
    """Converts a `ValueError` of the block to an `InputError` that starts with `source`.

    That includes a failed `float(...)` and the `InputError` of `make_face`.
    """
    try:
        yield
    except ValueError as error:
        raise InputError(f"{source}: {str(error).rstrip('.')}.") from error


def as_numbers(words: Iterable[str]) -> list[float]:
    """Converts words to numbers.

    Raises:
      InputError: a word is not a number; the message does not name the file.
    """
    found: list[float] = []
    for word in words:
        try:
            found.append(float(word))
        except ValueError:
            raise InputError(f"found {brief(word)}, expected a number") from None
    return found


def read_lines(path: str | Path) -> list[str]:
    """The lines of a text file, without line ends and byte-order mark.

    The text is UTF-8, or UTF-16 with a byte-order mark, as written by Excel's "Unicode text" and
    PowerShell's `>`. Lines end with LF, CR LF or CR.

    Raises:
      InputError: the file is missing, unreadable, empty, or not text.
    """
    try:
        content = Path(path).read_bytes()
        text = content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected a text file in UTF-8, found other bytes.") from error
    if "\0" in text:
        raise InputError(
            f"{path}: expected a text file in UTF-8, or in UTF-16 with a byte-order mark, found "
            "zero bytes."
        )
    # Not `splitlines`, which also splits at characters that names and cells may contain.
    lines = [line.rstrip("\n") for line in io.StringIO(text, newline=None)]
    if not any(line.strip() for line in lines):
        raise InputError(f"{path}: the file is empty.")
    return lines
