"""`--input`: a folder or glob of photos, or tables of addresses."""

import collections
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from absl import logging
from fsspec.utils import glob_translate
from pyarrow import fs

from evae_tf.align.sources import PHOTOS, Sources, find_sources
from evae_tf.bulk import tables
from evae_tf.bulk.addresses import is_local, local_path, resolve, shown, split_options, stated
from evae_tf.errors import InputError

Photos: TypeAlias = list[str]  # addresses

_GLOB = re.compile(r"[*?\[]")


def find(pattern: str) -> Photos | tables.Tables:
    """The photos of a folder or glob, or the tables of a file or glob.

    Tables have one of the endings `tables.ENDINGS`. Addresses of photos are absolute, because
    workers have other current folders. Other files beside photos are counted in a log line.

    Raises:
      InputError: there is no photo or table, or a table cannot be used.
    """
    name, _ = split_options(pattern)
    is_file = is_local(pattern) and Path(local_path(pattern)).exists()
    is_glob = bool(_GLOB.search(name)) and not is_file
    if name.lower().endswith(tables.ENDINGS):
        return tables.opened(sorted(_matches(pattern)) if is_glob else [pattern])
    if is_local(pattern):
        found = find_sources(local_path(pattern))
        photos = [local_path(str(path)) for path in found.photos]
        left_out = found.left_out + collections.Counter(map(_ending, found.videos))
    else:
        files = sorted(_matches(pattern) if is_glob else _files(pattern))
        photos = [file for file in files if _ending(file) in PHOTOS]
        left_out = collections.Counter(_ending(file) for file in files) - collections.Counter(
            _ending(file) for file in photos
        )
    others = Sources(left_out=left_out).describe_left_out()
    if not photos:
        raise InputError(
            f"{shown(pattern)}: found {others or 'nothing'}, expected photos, or a table of them."
        )
    for photo in photos:
        if not _is_text(photo):
            raise InputError(f"{photo!r}: the name is not UTF-8; rename the photo.")
    if others:
        logging.info("ignored, not photos: %s", others)
    return photos


def _is_text(address: str) -> bool:
    """Whether an address can be written into a table."""
    try:
        address.encode()
    except UnicodeEncodeError:
        return False
    return True


def _ending(address: str) -> str:
    return PurePosixPath(split_options(address)[0]).suffix.lower() or "without ending"


def _matches(pattern: str) -> Iterator[str]:
    """Yields the files that match a glob."""
    name, options = split_options(pattern)
    folder, slash, _ = _GLOB.split(name, maxsplit=1)[0].rpartition("/")
    base = folder or slash or "."
    tail = name.removeprefix(base).lstrip("/")
    expression = re.compile(glob_translate(tail))
    for file in _files(base + options, recursive="/" in tail or "**" in tail):
        if expression.fullmatch(split_options(file)[0].removeprefix(base).lstrip("/")):
            yield file


def _files(address: str, recursive: bool = False) -> Iterator[str]:
    """Yields the files in a folder, or the file itself."""
    with stated(address):
        filesystem, path = resolve(address)
        found = filesystem.get_file_info(path)
        if found.type == fs.FileType.File:
            yield address
            return
        name, options = split_options(address)
        selector = fs.FileSelector(path, allow_not_found=True, recursive=recursive)
        for info in filesystem.get_file_info(selector):
            if info.type == fs.FileType.File and not info.base_name.startswith((".", "_")):
                yield f"{name.rstrip('/')}{info.path.removeprefix(path.rstrip('/'))}{options}"
