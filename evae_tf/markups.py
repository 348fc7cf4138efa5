"""Landmark schemes: the record, its checks, and the built-in schemes by name."""

# The content of a JSON file has no static type.
# pyright: reportUnknownArgumentType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false

import dataclasses
import difflib
import json
import math
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from evae_tf import arguments
from evae_tf.errors import InputError, UsageError, brief
from evae_tf.head_pose import determines_pose
from evae_tf.schemes import SCHEMES

Place: TypeAlias = tuple[float, float, float]

_BOX_NORMALIZERS = ("box_size", "box_diagonal")


@dataclasses.dataclass(frozen=True, repr=False)
class Markup:
    """One landmark scheme.

    Attributes:
      name: the name used by `--markup` and in files.
      points: the K point names, in file order.
      flip_pairs: (i, j) index pairs that are swapped in a mirrored image.
      normalizers: name of a distance -> two groups of point indices; the distance is measured
        between the means of the two groups.
      outline: (i, j) index pairs joined by a line in drawings.
      default_normalizer: a key of `normalizers`, `box_size` or `box_diagonal`.
      rigid_points: index -> (x, y, z) on a mean face, for points that hardly move with the
        expression: x to the viewer's right, y down, z towards the viewer, in units of the distance
        of the eye centres. Empty if they are too few for a head pose, see `pose_estimation`.
    """

    name: str
    points: tuple[str, ...]
    flip_pairs: tuple[tuple[int, ...], ...]
    normalizers: dict[str, tuple[tuple[int, ...], ...]]
    outline: tuple[tuple[int, ...], ...]
    default_normalizer: str
    rigid_points: dict[int, Place]

    @property
    def num_points(self) -> int:
        """Number of points, K."""
        return len(self.points)

    @property
    def flip_permutation(self) -> list[int]:
        """Index list p such that `mirrored_landmarks[p]` is in the order of the scheme."""
        permutation = list(range(self.num_points))
        for i, j in self.flip_pairs:
            permutation[i], permutation[j] = j, i
        return permutation

    @property
    def normalizer_names(self) -> tuple[str, ...]:
        """The available normalisers, see `evaluation.metrics.normalizing_distance`."""
        return (*self.normalizers, *_BOX_NORMALIZERS)

    def index(self, point: str) -> int:
        """The index of the point called `point`.

        Raises:
          InputError: there is no such point; the message lists similar names, or all.
        """
        if point in self.points:
            return self.points.index(point)
        within = [name for name in self.points if point and point in name]
        known = within or difflib.get_close_matches(point, self.points) or self.points
        raise InputError(f"{self.name} has no point {point!r}; expected {', '.join(known)}.")

    def __repr__(self) -> str:
        return f"<Markup {self.name}: {self.num_points} points>"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict, the inverse of `from_dict`."""
        places = {self.points[index]: place for index, place in self.rigid_points.items()}
        return json.loads(json.dumps({**dataclasses.asdict(self), "rigid_points": places}))

    @classmethod
    def from_dict(cls, record: Any, source: str = "markup") -> "Markup":
        """A checked `Markup` from a dict in the format of a markup file.

        Required keys are `name`, `points`, `flip_pairs`, `normalizers` and `outline`. A normaliser
        is a pair of point indices, or a pair of index lists whose means are used.
        `default_normalizer` is optional; the default is the first normaliser, or `box_size`.
        `rigid_points` is optional: an object of point name -> [x, y, z]. The default is that of the
        built-in markup with this name and these points, or none.

        Raises:
          InputError: a key is missing or unknown, a name repeats, an index is out of range, or
            `rigid_points` do not determine a head pose, see `head_pose.determines_pose`.
        """
        record = _checked_keys(record, source)
        points = _checked_points(record["points"], source)
        try:
            normalizers = {
                name: _normalizer(name, groups, len(points))
                for name, groups in _object(record, "normalizers").items()
            }
            flip_pairs, outline = (
                tuple(_indices(_pair(pair), len(points)) for pair in _list(record[key], key))
                for key in ("flip_pairs", "outline")
            )
            rigid_points = _rigid_points(_object(record, "rigid_points"), points)
        except ValueError as error:
            raise InputError(f"{source}: {error}.") from error
        flipped = [index for pair in flip_pairs for index in pair]
        if len(flipped) != len(set(flipped)):
            raise InputError(
                f"{source}: flip_pairs contain a point more than once, expected at most once."
            )
        default = record.get("default_normalizer") or next(iter(normalizers), "box_size")
        if default not in (*normalizers, *_BOX_NORMALIZERS):
            raise InputError(
                f"{source}: default_normalizer {brief(default)} is not one of the normalizers."
            )
        name = str(record["name"])
        # Older model files have no `rigid_points`.
        if "rigid_points" not in record and name in MARKUPS and MARKUPS[name].points == points:
            rigid_points = MARKUPS[name].rigid_points
        return cls(name, points, flip_pairs, normalizers, outline, default, rigid_points)

    @classmethod
    def load(cls, name: str | Path) -> "Markup":
        """The markup called `name`, or the one in the JSON file `name`.

        Raises:
          InputError: it is neither a known markup nor a readable markup file.
        """
        path = arguments.path("markup", name)
        if name in MARKUPS:
            return MARKUPS[str(name)]
        if path.suffix != ".json":
            raise UsageError(
                f"unknown markup {str(name)!r}: expected one of {sorted(MARKUPS)} or a .json file."
            )
        try:
            record = json.loads(path.read_bytes())  # in text, a byte-order mark is an error
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not a JSON file ({error}).") from error
        return cls.from_dict(record, source=str(path))


def _checked_keys(record: Any, source: str) -> dict[str, Any]:
    known = {field.name for field in dataclasses.fields(Markup)}
    if not isinstance(record, dict):
        raise InputError(f"{source}: expected a JSON object with the keys {sorted(known)}.")
    keys: set[str] = set(record)
    unknown = keys - known
    missing = known - {"default_normalizer", "rigid_points"} - keys
    if unknown or missing:
        raise InputError(
            f"{source}: missing keys {sorted(missing)}, unknown keys {brief(sorted(unknown))}; "
            f"expected the keys {sorted(known)}."
        )
    return record


def _checked_points(points: Any, source: str) -> tuple[str, ...]:
    if not isinstance(points, list | tuple) or not points:
        raise InputError(f"{source}: points are {brief(points)}, expected a list of point names.")
    for point in points:
        if not isinstance(point, str):
            raise InputError(f"{source}: points contain {brief(point)}, expected point names.")
    repeated = sorted({name for name in points if points.count(name) > 1})
    if repeated:
        raise InputError(
            f"{source}: points contain {brief(repeated)} more than once, expected unique names."
        )
    return tuple(points)


def _object(record: dict[str, Any], key: str) -> dict[str, Any]:
    value = record.get(key, {})
    if not isinstance(value, dict):
        raise ValueError(f"{key} is {brief(value)}, expected an object")
    return value


def _list(value: Any, what: str) -> Any:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} is {brief(value)}, expected a list")
    return value


def _pair(value: Any) -> Any:
    if len(_list(value, "a pair")) != 2:
        raise ValueError(f"found {brief(value)}, expected a pair")
    return value


def _normalizer(name: str, groups: Any, num_points: int) -> tuple[tuple[int, ...], ...]:
    if name in _BOX_NORMALIZERS:
        raise ValueError(f"the normalizer {name} is built in, expected another name")
    first, second = (_indices(group, num_points) for group in _pair(groups))
    if first == second:
        raise ValueError(f"the normalizer {name} is always 0, expected two different groups")
    return first, second


def _indices(group: Any, num_points: int) -> tuple[int, ...]:
    group = (group,) if isinstance(group, int) else tuple(_list(group, "a group of points"))
    if not group:
        raise ValueError("a group of point indices is empty, expected at least one")
    for index in group:
        if type(index) is not int or not 0 <= index < num_points:
            raise ValueError(f"point index {brief(index)} is not in 0..{num_points - 1}")
    return group


def _rigid_points(places: dict[str, Any], points: tuple[str, ...]) -> dict[int, Place]:
    found: dict[int, Place] = {}
    for name, place in places.items():
        if name not in points:
            raise ValueError(f"rigid_points contains {brief(name)}, which is not one of the points")
        try:
            x, y, z = map(float, place)
        except (TypeError, ValueError, OverflowError):
            x = y = z = math.nan
        if not math.isfinite(x + y + z):
            raise ValueError(f"rigid_points: {name} is {brief(place)}, expected three numbers")
        found[points.index(name)] = (x, y, z)
    if found and not determines_pose(np.array(list(found.values()))):
        raise ValueError(
            f"rigid_points has {len(found)} points, which do not determine a head pose; expected "
            "six or more that are clearly not coplanar"
        )
    return found


MARKUPS = {record["name"]: Markup.from_dict(record, record["name"]) for record in SCHEMES}
