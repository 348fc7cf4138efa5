"""Reader of MTFL: five points in training.txt and testing.txt, counted from 1.

Source: Zhang et al., Facial Landmark Detection by Deep Multi-task Learning, ECCV 2014.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evae_tf.array_types import FloatArray
from evae_tf.data.face import Face, make_face
from evae_tf.data.text_files import as_numbers, errors_name, read_lines
from evae_tf.errors import InputError
from evae_tf.geometry import from_one_based, landmark_box, square_around
from evae_tf.markups import Markup

_LISTS = {"train": "training.txt", "test": "testing.txt"}

# The detector boxes of the 10,000 training faces are squares. Their side is 1.79 times the longer
# side of the tight box of the five points (standard deviation 0.18), and they are centred on it to
# within 1.4 % of its side. A missing box is replaced by this average one.
_BOX_MARGIN = 0.79

# The last four numbers of a line, and the meaning of their values, counted from 1.
_ATTRIBUTES = {
    "gender": ("male", "female"),
    "smile": ("yes", "no"),
    "glasses": ("yes", "no"),
    "pose": ("left profile", "left", "frontal", "right", "right profile"),
}


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each line of the subset's list, named by its image path.

    The box comes from boxes_training.txt or boxes_testing.txt (counted from 0). If that file or its
    line is missing, the box is computed from the five points.

    Raises:
      InputError: the list is missing, or a line of either file is damaged or repeats a face.
    """
    path = data_dir / _LISTS[subset]
    boxes_path = data_dir / f"boxes_{_LISTS[subset]}"
    boxes = _rows(boxes_path, 4) if boxes_path.exists() else {}
    for name, numbers in _rows(path, 14).items():
        landmarks = from_one_based(numbers[:10]).reshape(2, 5).T
        with errors_name(path):
            face = make_face(
                data_dir / name,
                landmarks,
                markup=markup,
                subset=subset,
                name=name,
                box=boxes[name][[0, 2, 1, 3]] if name in boxes else _made_box(landmarks),
                attributes=_attributes(numbers[10:]),
                source=str(path),
            )
        yield face


def _attributes(numbers: FloatArray) -> dict[str, str]:
    """The four attributes as text; unknown values stay numbers."""
    words: dict[str, str] = {}
    for (name, values), number in zip(_ATTRIBUTES.items(), numbers.tolist(), strict=True):
        known = number in range(1, len(values) + 1)
        words[name] = values[int(number) - 1] if known else f"{number:g}"
    return words


def _made_box(landmarks: FloatArray) -> list[float]:
    with np.errstate(invalid="ignore"):  # `make_face` refuses infinite landmarks later
        x, y, side = square_around(landmark_box(landmarks), _BOX_MARGIN)
        return [x - side / 2, y - side / 2, x + side / 2, y + side / 2]


def _rows(path: Path, count: int) -> dict[str, FloatArray]:
    """Reads lines of an image path and `count` numbers: a dict path -> float64 [count].

    The official files have paths with backslashes and start most lines with a space. A path may
    contain spaces.
    """
    rows = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        with errors_name(f"{path}, line {number}"):
            name, *values = line.replace("\\", "/").strip().rsplit(maxsplit=count)
            too_many = len(Path(name).suffix.split()) - 1  # they would end the path
            if too_many > 0 or len(values) != count:
                found = len(values) + max(too_many, 0)
                raise InputError(f"{found} numbers after the image path, expected {count}")
            if name in rows:
                raise InputError(f"{name} is listed twice, expected once")
            rows[name] = np.array(as_numbers(values))
    return rows
