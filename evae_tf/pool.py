"""Objects that one thread at a time may use, shared by many threads."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Pool(Generic[T]):
    """Lends objects to threads: as many are made as were ever in use at the same time.

    Args:
      create: makes one of them. The first is made at once, so that what is wrong shows here.
    """

    def __init__(self, create: Callable[[], T]) -> None:
        self._create = create
        self._idle = [create()]

    @contextlib.contextmanager
    def lend(self) -> Iterator[T]:
        """A context that hands out an object which nobody else has meanwhile."""
        try:
            lent = self._idle.pop()  # as `append`, one step that no other thread interrupts
        except IndexError:
            lent = self._create()
        try:
            yield lent
        finally:
            self._idle.append(lent)
