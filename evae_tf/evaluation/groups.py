"""Groups of faces by difficulty, such as head pose, visibility, size or an attribute."""

import dataclasses
import itertools
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from evae_tf.array_types import BoolArray, FloatArray
from evae_tf.data.face import Face
from evae_tf.errors import InputError
from evae_tf.evaluation.metrics import known_mean
from evae_tf.evaluation.truth import Truth
from evae_tf.geometry import annotated, box_size
from evae_tf.pose_estimation import head_pose

_MOST_VALUES = 12  # values of an attribute that become groups; more numbers make four quarters
_UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class Group:
    """Some of the faces of an evaluation.

    Attributes:
      by: name of the grouping criterion.
      name: name of the group.
      rows: bool [N], the faces of the group; at least one.
    """

    by: str
    name: str
    rows: BoolArray


def grouped(names: Iterable[str], faces: Sequence[Face], truth: Truth) -> list[Group]:
    """Groups faces by each of `names`, in order.

    A name is looked up among the attributes of the faces first. Each value of an attribute is a
    group; an attribute of many numbers makes four groups of equal size. Otherwise, `yaw` is the
    absolute yaw angle of the head pose computed from the true landmarks, `visibility` the share of
    annotated points that are covered, and `size` sqrt(width * height) of the box.

    Args:
      names: `yaw`, `visibility`, `size` or attributes of the faces.
      faces: list of N `Face`.
      truth: their `Truth`.

    Raises:
      InputError: a name is unknown.
    """
    return [group for name in names for group in _by(name, faces, truth)]


def _by(name: str, faces: Sequence[Face], truth: Truth) -> list[Group]:
    if any(name in face.attributes for face in faces):
        values = [face.attributes.get(name, "").strip() or _UNKNOWN for face in faces]
        numbers = _numbers(values)
        if name == "yaw" and numbers is not None:
            return _in_bins(name, np.abs(numbers), _BINS[name])
        if numbers is not None and len(np.unique(numbers)) > _MOST_VALUES:
            return _in_quarters(name, numbers)
        return _of_values(name, np.array(values))
    if name not in _MEASURES:
        known = sorted({*_MEASURES, *(key for face in faces for key in face.attributes)})
        raise InputError(f"no faces to group by {name!r}; known: {', '.join(known)}.")
    return _in_bins(name, _MEASURES[name](truth), _BINS[name])


def _numbers(values: Iterable[str]) -> FloatArray | None:
    """Float [N], NaN where unknown; None if one of them is not a number."""
    try:
        return np.array([np.nan if value == _UNKNOWN else float(value) for value in values])
    except ValueError:
        return None


def _of_values(name: str, values: np.ndarray) -> list[Group]:
    if len(np.unique(values)) > 10 * _MOST_VALUES:
        raise InputError(f"{name} has {len(np.unique(values))} values, too many to group by.")
    return [Group(name, value, values == value) for value in np.unique(values).tolist()]


def _in_quarters(name: str, numbers: FloatArray) -> list[Group]:
    edges = np.unique(np.nanquantile(numbers, [0, 0.25, 0.5, 0.75, 1]))
    shown = _distinct(edges)
    labels = [f"{low} to {high}" for low, high in itertools.pairwise(shown)]
    edges[-1] = np.nextafter(edges[-1], np.inf)  # the largest number belongs to the last quarter
    return _in_bins(name, numbers, zip(labels, edges[:-1], edges[1:], strict=True))


def _distinct(numbers: FloatArray) -> list[str]:
    """Different numbers as different texts, with as few digits as that takes, at least 6."""
    for digits in range(6, 18):
        texts = [
            np.format_float_positional(number, digits, fractional=False, trim="-")
            for number in numbers
        ]
        if len({*texts}) == len(texts):
            break
    return texts


def _in_bins(
    name: str, numbers: FloatArray, bins: Iterable[tuple[str, float, float]]
) -> list[Group]:
    groups = [(label, (low <= numbers) & (numbers < high)) for label, low, high in bins]
    groups.append((_UNKNOWN, np.isnan(numbers)))
    return [Group(name, label, rows) for label, rows in groups if rows.any()]


def _yaw(truth: Truth) -> FloatArray:
    poses = [head_pose(landmarks, truth.markup) for landmarks in truth.landmarks]
    return np.array([np.nan if pose is None else abs(pose.yaw) for pose in poses])


def _covered(truth: Truth) -> FloatArray:
    if truth.visible is None:
        raise InputError("the faces have no flags of visibility to group by.")
    return known_mean(np.where(annotated(truth.landmarks), ~truth.visible, np.nan), axis=1)


_MEASURES: dict[str, Callable[[Truth], FloatArray]] = {
    "yaw": _yaw,
    "visibility": _covered,
    "size": lambda truth: box_size(np.asarray(truth.boxes, np.float64)),
}
_BINS: dict[str, list[tuple[str, float, float]]] = {
    "yaw": [
        *((f"{low} to {low + 15} degrees", low, low + 15) for low in (0, 15, 30, 45, 60)),
        ("75 degrees and more", 75, np.inf),
    ],
    "visibility": [
        ("nothing covered", 0, 1e-9),
        ("up to 25 % covered", 1e-9, 0.25),
        ("25 % and more covered", 0.25, np.inf),
    ],
    "size": [
        ("below 32 pixels", 0, 32),
        *((f"{low} to {2 * low} pixels", low, 2 * low) for low in (32, 64, 128)),
        ("256 pixels and more", 256, np.inf),
    ],
}
