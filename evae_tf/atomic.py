"""Writing files and folders so that a reader sees the old one or the new one, never half."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from evae_tf.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: folders are not locked there
    fcntl = None

TEMPORARY = ".evae-"  # what the names of unfinished files and folders start with


def _beside(path: Path) -> Path:
    """A hidden name beside `path`, with its ending: a rename then stays on one disk.

    It is short: the name of a file may be as long as names can be.
    """
    return path.with_name(f"{TEMPORARY}{uuid.uuid4().hex[:8]}{path.suffix}")


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
def exclusive_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields the folder `path`, created if needed, into which no other run writes meanwhile.

    What a run that was killed left unfinished in it is removed first. The lock ends with the
    process, however that ends. Disks that have no locks are used without.

    Raises:
      InputError: the folder cannot be created or written to, or another run writes to it.
    """
    path = make_folder(path)
    with contextlib.ExitStack() as stack:
        if fcntl is not None:
            folder = os.open(path, os.O_RDONLY)
            stack.callback(os.close, folder)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise InputError(
                    f"{path}: another run is writing to this folder; wait for it, or take another "
                    "folder."
                ) from error
            except OSError:  # some network disks lock no folders
                pass
        remove_unfinished(path)
        yield path


def remove_unfinished(folder: Path) -> None:
    """Removes what killed runs left half written in a folder that nobody else writes to."""
    for child in folder.glob(f"{TEMPORARY}*"):
        if child.is_dir():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)


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
    r"""Writes `text` to the file `path` atomically, as UTF-8.

    Bytes of file names that are no text are written as `\udc..`.
    """
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
