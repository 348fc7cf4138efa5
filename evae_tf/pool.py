"""A pool of objects that are not thread-safe."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends objects to threads; creates a new one if all are in use.

    Args:
      create: creates an object. The first one is created at once, so that errors show early.
    """

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._idle = [create()]

    @contextlib.contextmanager
    def lend(self) -> Iterator[T]:
        """Yields an object for exclusive use."""
        try:
            lent = self._idle.pop()  # atomic, like `append`
        except IndexError:
            lent = self._create()
        try:
            yield lent
        finally:
            self._idle.append(lent)
