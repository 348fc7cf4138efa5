"""Writing files and folders so that a reader sees the old one or the new one, never half."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from evae_tf.errors import InputError


def _beside(path: Path) -> Path:
    """A hidden name beside `path`, with its ending: a rename then stays on one disk."""
    return path.with_name(f".{uuid.uuid4().hex[:8]}.{path.name}")


def make_folder(path: str | os.PathLike[str]) -> Path:
    """Creates the folder `path` with its parents and returns it as a `Path`.

    Raises:
      InputError: the folder cannot be created or written to.
    """
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = _beside(path / "probe")
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"{path}: cannot write to this folder ({error.strerror}).") from error
    return path


@contextlib.contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path; on success it replaces `path`, on any failure it is removed.

    Raises:
      InputError: the disk refused the file (full, read-only, no permission).
    """
    path = Path(path)
    temporary = _beside(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """As `replacing_file`, for a folder, which is created empty for the caller to fill.

    A folder cannot be renamed over a full one, so the old one is moved aside first: a crash
    between the two renames leaves both complete, the old one under a hidden name.
    """
    path = Path(path)
    temporary, old = _beside(path), _beside(path)
    try:
        temporary.mkdir()
        yield temporary
        if path.exists():
            os.replace(path, old)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    """Writes `text` to the file `path` atomically, as UTF-8."""
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
