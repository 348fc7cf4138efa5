"""Files of points, `.pts`, as 300-W and the sets after it write them."""

import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.data.text_files import errors_name, read_lines
from evae_tf.errors import brief

_HEADER = re.compile(r"(?:(version|n_points)\s*:\s*(.*)|([{}]))")


def read_pts(path: Path) -> FloatArray:
    """The coordinates of a .pts file, as they stand: float64 [K, 2], (x, y).

    Some mirrors strip the header and the braces, so neither is asked for; what is there has to be
    true.

    Raises:
      InputError: the file is unreadable or empty, a line is not a pair of numbers, a line of the
        header repeats, `n_points` is not the number of points, or a brace lacks the other.
    """
    lines = read_lines(path)
    with errors_name(path):
        return _points(line.strip() for line in lines if line.strip())


def not_annotated(points: FloatArray) -> BoolArray:
    """Which points of `read_pts` have no place, bool [K]: MERL-RAV and others write -1 -1."""
    return np.asarray((points == -1).all(axis=1))


def _points(lines: Iterable[str]) -> FloatArray:
    header: dict[str, str] = {}
    points: list[list[float]] = []
    for line in lines:
        match = _HEADER.fullmatch(line)
        if match:
            key = match[1] or match[3]
            if key in header:
                raise ValueError(f"a second line {brief(line)}, expected one")
            header[key] = match[2]
        elif "}" in header:
            raise ValueError(f"found {brief(line)} behind the }}, expected nothing")
        else:
            points.append(_pair(line))
    if ("{" in header) != ("}" in header):
        raise ValueError("found one brace, expected { before the points and } behind them")
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
