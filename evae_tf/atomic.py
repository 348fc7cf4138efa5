"""Atomic writes: a reader sees the old or the new file or folder, never a partial one."""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from evae_tf.errors import InputError

try:
    import fcntl
except ImportError:  # Windows cannot lock folders
    fcntl = None

TEMPORARY = ".evae-"  # prefix of unfinished files and folders


def _beside(path: Path) -> Path:
    """A hidden path beside `path` with its suffix, so that a rename stays on one disk.

    The name is short, because that of `path` may have the maximum length.
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
        probe.unlink(missing_ok=True)  # another run may have tidied it away
    except OSError as error:
        raise InputError(f"{path}: cannot write to this folder ({error.strerror}).") from error
    return path


@contextlib.contextmanager
def exclusive_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields the folder `path`, created if needed and locked against other runs.

    Unfinished files of killed runs are removed first. The lock ends with the process, and leaves
    no file. Windows, and disks that do not support locks, are used without: the package `filelock`
    knows Windows, but cannot lock a folder, and leaves a lock file in it.

    Raises:
      InputError: the folder cannot be created or written to, or another run is writing to it.
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
                    f"{path}: another run is writing to this folder; wait for it, or use another "
                    "folder."
                ) from error
            except OSError:  # some network disks cannot lock folders
                pass
        remove_unfinished(path)
        yield path


def remove_unfinished(folder: Path) -> None:
    """Removes unfinished files of killed runs; no other run may be writing to the folder."""
    for child in folder.glob(f"{TEMPORARY}*"):
        if child.is_dir():
            shutil.rmtree(child, ignore_errors=True)
        else:
            child.unlink(missing_ok=True)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns errors of the disk (full, read-only, no permission) into `InputError`s on `path`."""
    try:
        yield
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror or error}).") from error


@contextlib.contextmanager
def replacing_file(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Yields a temporary path, which replaces `path` on success and is removed on failure.

    Raises:
      InputError: the disk refused the file (full, read-only, no permission).
    """
    path = Path(path)
    temporary = _beside(path)
    try:
        with writing(path):
            yield temporary
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Like `replacing_file`, for a folder, which is created empty.

    A folder cannot be renamed over a non-empty one, so the old one is moved aside first. A crash
    between the two renames leaves both complete under hidden names, until the next run removes
    them.
    """
    path = Path(path)
    temporary, old = _beside(path), _beside(path)
    try:
        with writing(path):
            temporary.mkdir()
            yield temporary
            if path.exists():
                os.replace(path, old)
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if old.exists() and not path.exists():
            os.replace(old, path)
        shutil.rmtree(old, ignore_errors=True)


def write_text(path: str | os.PathLike[str], text: str) -> None:
    r"""Writes `text` to the file `path` atomically, as UTF-8.

    Undecodable bytes of file names are written as `\udc..`.
    """
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")
