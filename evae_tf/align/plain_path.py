"""Paths for libraries that take text only."""

import contextlib
import tempfile
from collections.abc import Generator
from pathlib import Path


@contextlib.contextmanager
def plain_path(path: Path) -> Generator[Path, None, None]:
    """Yields a path of the file or folder `path` that is valid UTF-8; it is valid in the context.

    File names on Linux are bytes, which Python holds as text with surrogates. OpenCV crashes on
    these.
    """
    try:
        str(path).encode()
    except UnicodeEncodeError:
        with tempfile.TemporaryDirectory() as folder:
            link = Path(folder, "link")
            link.symlink_to(path.absolute())
            yield link
    else:
        yield path
