"""Progress on a terminal: bars, and lines above them."""

import sys
from typing import Any

from tqdm import tqdm


def bar(iterable: Any = None, *, hidden: bool = False, **options: Any) -> tqdm:
    """A bar of tqdm; none where standard error is no terminal, or closed as in services.

    Args:
      iterable: what to go through, or None.
      hidden: whether there is none in any case.
      **options: further ones of tqdm.
    """
    # None: hidden where standard error is no terminal.
    return tqdm(iterable, disable=True if hidden or sys.stderr is None else None, **options)


def write(line: str) -> None:
    """Prints a line above the bars."""
    if sys.stdout is not None:  # as under pythonw.exe
        tqdm.write(line)
