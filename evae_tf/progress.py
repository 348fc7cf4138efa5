"""Progress bars, and lines printed above them."""

import sys
from typing import Any

from tqdm import tqdm


def bar(iterable: Any = None, *, hidden: bool = False, **options: Any) -> tqdm:
    """A tqdm progress bar; hidden if standard error is not a terminal, or closed as in services.

    Args:
      iterable: iterable to wrap, or None.
      hidden: whether to hide it always.
      **options: other options of tqdm.
    """
    # None hides it if standard error is not a terminal.
    return tqdm(iterable, disable=True if hidden or sys.stderr is None else None, **options)


def write(line: str) -> None:
    """Prints a line above the bars."""
    if sys.stdout is not None:  # None under pythonw.exe
        tqdm.write(line)
