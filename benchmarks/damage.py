"""Damages annotation files as broken transfers, editors, spreadsheets and scripts do."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import scipy.io
import scipy.sparse

_Rng = np.random.Generator

_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?")
_WORD = re.compile(rb'"?[A-Za-z_][\w.]*"?')
_INSTEAD = (
    *("nan", "inf", "-inf", "1e30", "-1e30", "1e400", "", "-1", "0", "wide", "NaN NaN", "1,5"),
    *(
        "1_000",
        "0x1F",
        "9" * 400,
        "None",
        "-",
        "\u0663",
        "a" * 300,
        "..",
        "1;2",
        '"',
        "[]",
        "{}",
        "null",
    ),
)
_ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-7", "cp037")
_SPLITTERS = (b",", b";", b"\t", b" ", b"|", b"\\", b"/", b"\r\n", b"\r", b"\0", b'"', b"\xe4")


def cut(content: bytes, rng: _Rng) -> bytes:
    """Keeps only the beginning, as after a broken transfer."""
    return content[: rng.integers(0, len(content) + 1)]


def flip(content: bytes, rng: _Rng) -> bytes:
    """Replaces random bytes: one, or up to a tenth."""
    changed = np.frombuffer(content, np.uint8).copy()
    count = rng.integers(1, rng.choice([2, 8, max(3, len(content) // 10)]))
    places = rng.integers(0, max(len(content), 1), count)
    if len(content):
        low, high = ((0, 256), (32, 127))[rng.integers(2)]
        changed[places] = rng.integers(low, high, count)
    return changed.tobytes()


def blank(content: bytes, rng: _Rng) -> bytes:
    """Replaces a range by zeros, as on a full disk."""
    start, end = np.sort(rng.integers(0, len(content) + 1, 2))
    return content[:start] + bytes(int(end - start)) + content[end:]


def repeat(content: bytes, rng: _Rng) -> bytes:
    """Repeats a range."""
    start, end = np.sort(rng.integers(0, len(content) + 1, 2))
    return content[:end] + content[start:]


def _lines(change: Callable[[list[bytes], int, _Rng], None]) -> Callable[[bytes, _Rng], bytes]:
    def changed(content: bytes, rng: _Rng) -> bytes:
        lines = content.splitlines(keepends=True) or [b""]
        change(lines, int(rng.integers(len(lines))), rng)
        return b"".join(lines)

    return changed


def _drop(lines: list[bytes], place: int, _: _Rng) -> None:
    del lines[place]


def _double(lines: list[bytes], place: int, rng: _Rng) -> None:
    lines.insert(int(rng.integers(len(lines) + 1)), lines[place])


def _swap(lines: list[bytes], place: int, rng: _Rng) -> None:
    other = int(rng.integers(len(lines)))
    lines[place], lines[other] = lines[other], lines[place]


def number(content: bytes, rng: _Rng) -> bytes:
    """Replaces one number, or all numbers in a range, by odd ones or by text."""
    return _replaced(content, rng, _NUMBER)


def word(content: bytes, rng: _Rng) -> bytes:
    """As `number`, for words."""
    return _replaced(content, rng, _WORD)


def _replaced(content: bytes, rng: _Rng, pattern: re.Pattern[bytes]) -> bytes:
    places = [match.span() for match in pattern.finditer(content)]
    if not places:
        return content
    first = int(rng.integers(len(places)))
    chosen = places[first : first + int(rng.choice([1, 1, 1, 2, 20]))]
    for start, end in reversed(chosen):
        content = content[:start] + str(rng.choice(_INSTEAD)).encode() + content[end:]
    return content


def separators(content: bytes, rng: _Rng) -> bytes:
    """Replaces all separators of one kind by another."""
    old, new = (_SPLITTERS[rng.integers(len(_SPLITTERS))] for _ in range(2))
    return content.replace(old, new)


def encoding(content: bytes, rng: _Rng) -> bytes:
    """Changes the text encoding."""
    text = content.decode("utf-8", "replace")
    return text.encode(str(rng.choice(_ENCODINGS)), "replace")


_OF_BYTES = (cut, flip, flip, blank, repeat)
_OF_TEXT = (
    *(cut, flip, blank, repeat, separators, encoding, word, number, number, number),
    *(_lines(_drop), _lines(_double), _lines(_swap)),
)


def damage_text(path: Path, rng: _Rng) -> None:
    """Damages a text file one to three times."""
    _rewrite(path, rng, _OF_TEXT)


def damage_mat(path: Path, rng: _Rng) -> None:
    """Damages the bytes of a .mat file one to three times, or changes a value in it."""
    if rng.random() < 0.5:
        _rewrite(path, rng, _OF_BYTES)
    elif h5py.is_hdf5(path):
        _replace_hdf5(path, rng)
    else:
        _replace_mat(path, rng)


def _rewrite(path: Path, rng: _Rng, ways: tuple[Callable[[bytes, _Rng], bytes], ...]) -> None:
    content = path.read_bytes()
    for _ in range(rng.integers(1, 4)):
        content = ways[rng.integers(len(ways))](content, rng)
    path.write_bytes(content)


def _replace_mat(path: Path, rng: _Rng) -> None:
    content = scipy.io.loadmat(path)
    content = {name: value for name, value in content.items() if not name.startswith("__")}
    name = str(rng.choice(sorted(content)))
    content[name] = _other_value(content[name], rng)
    scipy.io.savemat(path, content, do_compression=bool(rng.random() < 0.5))


def _replace_hdf5(path: Path, rng: _Rng) -> None:
    with h5py.File(path, "r+") as file:
        name = str(rng.choice(sorted(file)))
        old = file[name]
        is_table = isinstance(old, h5py.Dataset) and old.dtype.kind == "f"
        value = old[()] if is_table else np.ones((2, 3))
        del file[name]
        new = _other_value(value, rng)
        if isinstance(new, dict) or rng.random() < 0.1:
            file.create_group(name)
        elif scipy.sparse.issparse(new) or new.dtype == object:
            file[name] = h5py.Empty("f8")
        elif new.dtype.kind == "U":
            file[name] = new.astype("S")
        else:
            file[name] = new


def _other_value(value: np.ndarray, rng: _Rng) -> Any:
    """A changed value of a variable: odd numbers, another shape or another type."""
    is_cells = value.dtype == object
    numbers = np.ones((3, 4)) if is_cells else value.astype(float)
    odd = [np.nan, np.inf, 1e30, -1e30, 1e300, -1, 0, 1e6, "word", np.zeros((0, 0))]
    filled = value.copy() if is_cells else numbers.copy()
    for place in rng.integers(filled.size, size=rng.integers(1, 4)):
        filled.flat[place] = odd[rng.integers(len(odd) if is_cells else 8)]
    nested = np.empty((len(value), 1), object)
    for row, cells in enumerate(value):
        nested[row, 0] = cells
    others: list[Any] = [
        *(filled, filled, filled, value[:-1], value[..., :-1], value.T, value.ravel(), nested),
        *(np.zeros((0, 0)), np.array(7.0), np.array("word"), {"field": numbers}, numbers > 1),
        *(scipy.sparse.csc_matrix(numbers), numbers[None, None], numbers.astype(np.int8)),
        *(numbers * 1j, np.array([["a", "b"], ["c", "d"]]), nested[:1, 0]),
    ]
    return others[rng.integers(len(others))]
