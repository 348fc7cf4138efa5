"""Damaged JPEG and PNG files, and checks of a server's answers to them."""

import io
import struct
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import matplotlib.cbook
import numpy as np
import tensorflow as tf
from PIL import Image

BOX = (183.0, 158.0, 347.0, 335.0)  # of the face in the photo
BATCH = 16  # rows per request, the intact photo included


def portrait() -> Image.Image:
    """The photo to damage."""
    with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
        return Image.open(file).convert("RGB")


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    """The bytes of an image file."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def whole_files() -> list[bytes]:
    """Intact files of every supported kind."""
    image, exif = portrait(), Image.Exif()
    exif[0x0112] = 6
    small = image.resize((128, 150))
    sixteen_bits = Image.fromarray(np.asarray(small.convert("L")).astype(np.uint16) * 257)
    jpegs = [
        encoded(image, "JPEG"),
        encoded(image, "JPEG", progressive=True),
        encoded(image, "JPEG", exif=exif),
        encoded(small.convert("L"), "JPEG"),
        encoded(small.convert("CMYK"), "JPEG"),
    ]
    pngs = [small, small.convert("L"), small.convert("RGBA"), small.quantize(64), sixteen_bits]
    return jpegs + [encoded(each, "PNG") for each in pngs]


def fuzzed(seed: int) -> Iterator[bytes]:
    """Yields damaged files, endlessly."""
    rng, files = np.random.default_rng(seed), whole_files()
    damages: list[Callable[..., bytes]] = [cut, flipped, rearranged, with_other_size]
    while True:
        data = files[rng.integers(len(files))]
        for _ in range(rng.integers(1, 3)):
            data = damages[rng.integers(len(damages))](data, rng)
        yield data


def cut(data: bytes, rng: np.random.Generator) -> bytes:
    """A truncated file."""
    return data[: rng.integers(len(data) + 1)]


def flipped(data: bytes, rng: np.random.Generator) -> bytes:
    """Flips some bits, half of the time in the first bytes, where the headers are."""
    values = bytearray(data)
    end = min(len(values), 700) if rng.integers(2) else len(values)
    for place in rng.integers(end, size=rng.integers(1, 40)) if end else ():
        values[place] ^= 1 << rng.integers(8)
    return bytes(values)


def rearranged(data: bytes, rng: np.random.Generator) -> bytes:
    """Removes a part, repeats it or replaces it by noise."""
    first, last = sorted(rng.integers(len(data) + 1, size=2))
    last = min(last, first + rng.integers(1, 2000))
    part = (b"", 2 * data[first:last], rng.bytes(last - first))[rng.integers(3)]
    return data[:first] + part + data[last:]


def with_other_size(data: bytes, rng: np.random.Generator) -> bytes:
    """Changes the size in the header and corrects its checksum, if any."""
    most = (300, 3000, 65_535)[rng.integers(3)]
    width, height = (int(each) for each in rng.integers(most, size=2))
    if data.startswith(b"\x89PNG") and len(data) > 33:
        header = data[12:16] + struct.pack(">II", width, height) + data[24:29]
        return data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:]
    place = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2")) + 5
    return data[:place] + struct.pack(">HH", height, width) + data[place + 4 :]


def send_damaged(
    align: Callable[..., dict[str, tf.Tensor]], count: int, seed: int
) -> dict[str, Any]:
    """Sends `count` damaged files and checks each answer.

    Args:
      align: the signature `align_bytes`.
      count: number of files; the last batch may add a few.
      seed: random seed of the damage.

    Returns:
      dict: `files`, number of files sent; `valid`, number of valid ones; `slowest`, seconds of the
      slowest batch.

    Raises:
      AssertionError: an answer is wrong.
    """
    photo, damaged = encoded(portrait(), "JPEG"), fuzzed(seed)
    boxes = tf.constant([BOX] * BATCH)
    expected = align(image_bytes=tf.constant([photo]), boxes=boxes[:1])["landmarks"][0]
    found: dict[str, Any] = {"files": 0, "valid": 0, "slowest": 0.0}
    while found["files"] < count:
        place = found["files"] % BATCH
        files = [next(damaged) for _ in range(BATCH - 1)]
        started = time.perf_counter()
        answer = align(
            image_bytes=tf.constant([*files[:place], photo, *files[place:]]), boxes=boxes
        )
        found["slowest"] = max(found["slowest"], time.perf_counter() - started)
        valid, landmarks = answer["valid"].numpy(), answer["landmarks"].numpy()
        assert valid[place], "the intact photo is not valid"
        np.testing.assert_allclose(landmarks[place], expected, atol=0.01)
        np.testing.assert_array_equal(np.isfinite(landmarks).all(axis=(1, 2)), valid)
        np.testing.assert_array_equal(np.isnan(landmarks).all(axis=(1, 2)), ~valid)
        found["files"] += BATCH - 1
        found["valid"] += int(valid.sum()) - 1
    return found
