"""Files by their address, on any file system that pyarrow or fsspec reads."""

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

import fsspec
from pyarrow import fs

from evae_tf.errors import InputError, first_line

MAX_BYTES = 2**29  # of a photo: it is held in memory as a whole

# Of these file systems pyarrow has its own, in C++. The rest is fsspec's.
_PYARROW = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_BLOCK = 2**20
# What file systems say of a credential that is missing or does not suffice.
_DENIALS = ("ACCESS_DENIED", "PERMISSION_DENIED", "UNAUTHENTICATED", "NoCredentials", "NoAuth")


class SetupError(InputError):
    """The machine lacks something, and further photos would fail for the same reason."""


def is_local(address: str) -> bool:
    """Whether it is a path on this machine, or on a disk that its machines share."""
    return "://" not in address or address.startswith("file://")


def local_path(address: str) -> str:
    """The absolute path that a local address stands for."""
    if address.startswith("file://"):
        return unquote(address.removeprefix("file://"))
    return os.path.abspath(address)


def split_options(address: str) -> tuple[str, str]:
    """The address of a file, and what follows it from a question mark on: options, or a query."""
    path, mark, options = (address, "", "") if is_local(address) else address.partition("?")
    return path, mark + options


def shown(address: str) -> str:
    """The address as messages have it: without the user and password that it may hold."""
    return re.sub(r"://[^/@]*@", "://", address)


def place(address: str) -> str:
    """What its credential is for: file system and bucket, or server."""
    return "/".join(shown(address).split("/", 3)[:3])


def resolve(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it.

    Options of pyarrow's file systems may follow a question mark, such as `?region=eu-west-1`.

    Raises:
      InputError: the file system is unknown or cannot be reached.
      SetupError: its package or the credential is missing.
    """
    if is_local(address):
        return fs.LocalFileSystem(), local_path(address)
    with stated(address):
        path, options = split_options(address)
        scheme, _, rest = path.partition("://")
        if scheme not in _PYARROW:
            filesystem, path = fsspec.core.url_to_fs(address)
            return fs.PyFileSystem(fs.FSSpecHandler(filesystem)), str(path)
        bucket, _, key = rest.partition("/")
        filesystem, base = _bucket(f"{scheme}://{bucket}{options}")
        return filesystem, f"{base.rstrip('/')}/{key}"


@functools.lru_cache(maxsize=64)
def _bucket(uri: str) -> tuple[fs.FileSystem, str]:
    """A file system, kept: to open one may take several requests."""
    return fs.FileSystem.from_uri(uri)


def read_bytes(address: str) -> bytes:
    """The contents of a file.

    Raises:
      InputError: it is missing, larger than `MAX_BYTES` or cannot be read.
      SetupError: see `resolve`.
    """
    filesystem, path = resolve(address)
    blocks, size = list[bytes](), 0
    with stated(address), filesystem.open_input_stream(path, compression=None) as file:
        while block := file.read(_BLOCK):
            blocks.append(block)
            size += len(block)
            if size > MAX_BYTES:
                raise InputError(
                    f"{shown(address)}: the file is larger than {MAX_BYTES / 1e6:.0f} MB, the most "
                    "that is read of a photo."
                )
    return b"".join(blocks)


@contextlib.contextmanager
def stated(address: str) -> Iterator[None]:
    """Makes stated errors of what file systems raise: of each its own, and of fsspec any."""
    try:
        yield
    except InputError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{shown(address)}: there is no such file.") from error
    except ImportError as error:
        raise SetupError(
            f"{shown(address)}: a package is missing ({first_line(error)})."
        ) from error
    except Exception as error:
        text = f"{type(error).__name__} {error}"
        if any(word in text for word in _DENIALS):
            raise SetupError(
                f"{shown(address)}: may not be read or written; the credential of {place(address)} "
                f"is missing or does not suffice ({first_line(error)[:200]})."
            ) from error
        reason = (getattr(error, "strerror", None) or first_line(error))[:200].rstrip(".")
        raise InputError(
            f"{shown(address)}: cannot be used ({reason or type(error).__name__})."
        ) from error
