"""Files by address, on any file system that pyarrow or fsspec can read."""

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

import fsspec
from pyarrow import fs

from evae_tf.errors import InputError, first_line

MAX_BYTES = 2**29  # of a photo: the whole file is held in memory

# pyarrow has its own file systems for these, in C++. fsspec has the others.
_PYARROW = ("s3", "gs", "gcs", "hdfs", "viewfs", "abfs", "abfss")
_BLOCK = 2**20
# Words of file systems for a missing or insufficient credential.
_DENIALS = ("ACCESS_DENIED", "PERMISSION_DENIED", "UNAUTHENTICATED", "NoCredentials", "NoAuth")


class SetupError(InputError):
    """The machine lacks something; all further photos would fail for the same reason."""


def is_local(address: str) -> bool:
    """Whether the address is a path, on this machine or on a shared disk."""
    return "://" not in address or address.startswith("file://")


def local_path(address: str) -> str:
    """The absolute path of a local address."""
    if address.startswith("file://"):
        return unquote(address.removeprefix("file://"))
    return os.path.abspath(address)


def split_options(address: str) -> tuple[str, str]:
    """The address of a file, and its options or query from the question mark on."""
    path, mark, options = (address, "", "") if is_local(address) else address.partition("?")
    return path, mark + options


def shown(address: str) -> str:
    """The address for messages: without user and password."""
    return re.sub(r"://[^/@]*@", "://", address)


def place(address: str) -> str:
    """The part of the address that a credential is for: file system and bucket, or server."""
    return "/".join(shown(address).split("/", 3)[:3])


def resolve(address: str) -> tuple[fs.FileSystem, str]:
    """The file system of an address, and the path in it.

    Options of pyarrow's file systems follow a question mark, such as `?region=eu-west-1`.

    Raises:
      InputError: the file system is unknown or cannot be reached.
      SetupError: a package or the credential is missing.
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
    """A file system, cached: opening one may take several requests."""
    return fs.FileSystem.from_uri(uri)


def read_bytes(address: str) -> bytes:
    """The contents of a file.

    Raises:
      InputError: the file is missing, larger than `MAX_BYTES` or unreadable.
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
                    f"{shown(address)}: the file is larger than {MAX_BYTES / 1e6:.0f} MB, the "
                    "limit for a photo."
                )
    return b"".join(blocks)


@contextlib.contextmanager
def stated(address: str) -> Iterator[None]:
    """Turns the errors of file systems into stated ones; those of fsspec can be of any type."""
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
                f"{shown(address)}: access denied; the credential of {place(address)} is missing "
                f"or insufficient ({first_line(error)[:200]})."
            ) from error
        reason = (getattr(error, "strerror", None) or first_line(error))[:200].rstrip(".")
        raise InputError(
            f"{shown(address)}: cannot be used ({reason or type(error).__name__})."
        ) from error
