"""Reads `.pts` files in the format of 300-W."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.data.text_files import errors_name, read_lines
from evae_tf.errors import brief

_HEADER = re.compile(r"(?:(version|n_points)\s*:\s*(.*)|([{}]))")


def read_pts(path: Path) -> FloatArray:
    """The coordinates of a .pts file, unchanged: float64 [K, 2], (x, y).

    Header and braces are optional, because some mirrors strip them; if present, they have to be
    correct.

    Raises:
      InputError: the file is unreadable or empty, a line is not a pair of numbers, a header line
        repeats, `n_points` is not the number of points, or only one of the braces is present.
    """
    lines = read_lines(path)
    with errors_name(path):
        return _points(line.strip() for line in lines if line.strip())


def not_annotated(points: FloatArray) -> BoolArray:
    """Which points of `read_pts` are not annotated, bool [K]: MERL-RAV and others write -1 -1."""
    return np.asarray((points == -1).all(axis=1))


def _points(lines: Iterable[str]) -> FloatArray:
    header: dict[str, str] = {}
    points: list[list[float]] = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match:
            key = match[1] or match[3]
            if key in header:
                raise ValueError(f"found a second line {brief(line)}, expected one")
            header[key] = match[2]
        elif "}" in header:
            raise ValueError(f"found {brief(line)} after the }}, expected nothing")
        else:
            points.append(_pair(line))
    if ("{" in header) != ("}" in header):
        raise ValueError("found one brace, expected { before the points and } after them")
    if header.get("n_points", str(len(points))) != str(len(points)):
        raise ValueError(
            f"n_points is {brief(header['n_points'])}, but the file has {len(points)} points"
        )
    return np.array(points, np.float64).reshape(-1, 2)


def _pair(line: str) -> list[float]:
    try:
        x, y = map(float, line.split())
    except ValueError:
        raise ValueError(f"expected lines of x and y, found {brief(line)}") from None
    return [x, y]
