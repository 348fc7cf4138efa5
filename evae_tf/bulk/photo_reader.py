"""Decodes photos in a thread while the previous ones are aligned."""

import io
from collections.abc import Iterator, Sequence
from concurrent import futures
from typing import TypeAlias

from evae_tf.array_types import ByteArray
from evae_tf.bulk.addresses import SetupError, is_local, local_path, place, read_bytes, shown
from evae_tf.data.images import read_image
from evae_tf.errors import InputError

GROUP = 4  # photos that are aligned together, while as many more are decoded

Source: TypeAlias = tuple[str, bytes | None]  # address, and contents if known
Decoded: TypeAlias = tuple[str, ByteArray | str]  # address, and pixels or the error


class PhotoReader:
    """Reads and decodes photos ahead in one thread."""

    def __init__(self) -> None:
        self._pool = futures.ThreadPoolExecutor(1)
        self._readable = set[str]()

    def groups(self, sources: Sequence[Source]) -> Iterator[list[Decoded]]:
        """Yields `GROUP` photos at a time, in order.

        Raises:
          SetupError: a package or credential is missing, and no photo of this place was read
            before. Otherwise a denied photo is an error of its own.
        """
        ahead: list[futures.Future[Decoded]] = []
        for start in range(0, len(sources) + GROUP, GROUP):
            jobs = [
                self._pool.submit(self._decoded, *source)
                for source in sources[start : start + GROUP]
            ]
            if ahead:
                yield [job.result() for job in ahead]
            ahead = jobs

    def _decoded(self, address: str, content: bytes | None) -> Decoded:
        try:
            return address, self._pixels(address, content)
        except SetupError as error:
            if place(address) not in self._readable:
                raise
            return address, _without_name(error, address)
        except InputError as error:
            return address, _without_name(error, address)

    def _pixels(self, address: str, content: bytes | None) -> ByteArray:
        if content is None and is_local(address):
            return read_image(local_path(address))
        if content is None:
            content = read_bytes(address)
            self._readable.add(place(address))
        return read_image(io.BytesIO(content))


def _without_name(error: InputError, address: str) -> str:
    """The message without the name of the photo, so that equal reasons can be counted."""
    sentence = str(error)
    for name in (shown(address), local_path(address), "an image in memory"):
        sentence = sentence.removeprefix(f"{name}: ")
    return sentence
