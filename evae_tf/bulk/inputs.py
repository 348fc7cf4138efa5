"""What `--input` names: photos of a folder or glob, or tables of addresses."""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import TypeAlias

from fsspec.utils import glob_translate
from pyarrow import fs

from evae_tf.align.sources import PHOTOS, find_sources
from evae_tf.bulk import tables
from evae_tf.bulk.addresses import is_local, local_path, resolve, stated
from evae_tf.errors import InputError

Photos: TypeAlias = list[str]  # addresses

_GLOB = re.compile(r"[*?\[]")


def find(pattern: str) -> Photos | tables.Tables:
    """The photos that are named, or the tables that name them.

    Tables are told by their endings, `tables.ENDINGS`, of a file or a glob. Addresses of photos are
    absolute: workers have other current folders.

    Raises:
      InputError: there is none, or a table cannot be used.
    """
    if pattern.lower().endswith(tables.ENDINGS):
        return tables.opened(sorted(_matches(pattern)) if _GLOB.search(pattern) else [pattern])
    if is_local(pattern):
        return [local_path(str(path)) for path in find_sources(local_path(pattern)).photos]
    names = _matches(pattern) if _GLOB.search(pattern) else _files(pattern)
    photos = sorted(name for name in names if PurePosixPath(name).suffix.lower() in PHOTOS)
    if not photos:
        raise InputError(f"{pattern}: there is no photo, folder or glob of them, or table.")
    return photos


def _matches(pattern: str) -> Iterator[str]:
    """Yields the files that a glob names."""
    base = _GLOB.split(pattern, maxsplit=1)[0].rpartition("/")[0] or "."
    tail = pattern.removeprefix(base).lstrip("/")
    expression = re.compile(glob_translate(tail))
    for name in _files(base, recursive="/" in tail or "**" in tail):
        if expression.fullmatch(name.removeprefix(base).lstrip("/")):
            yield name


def _files(address: str, recursive: bool = False) -> Iterator[str]:
    """Yields the files in a folder, or the file itself."""
    with stated(address):
        filesystem, path = resolve(address)
        found = filesystem.get_file_info(path)
        if found.type == fs.FileType.File:
            yield address
            return
        selector = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
        root = address.partition("?")[0].rstrip("/")
        options = address.removeprefix(address.partition("?")[0])
        for info in filesystem.get_file_info(selector):
            if info.type == fs.FileType.File and not info.base_name.startswith((".", "_")):
                yield f"{root}{info.path.removeprefix(path.rstrip('/'))}{options}"
