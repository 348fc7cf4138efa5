"""The record of a landmark scheme, checked as it is read, and the package's own schemes by name."""

# What a JSON file holds has no type before it was looked at.
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
      name: as `--markup` and the files spell it.
      points: the K point names, in file order.
      flip_pairs: (i, j) index pairs that change places in a mirrored image.
      normalizers: for each named distance, two groups of point indices; the distance is
        taken between the means of the two groups.
      outline: (i, j) index pairs joined by a line when a face is drawn.
      default_normalizer: a key of `normalizers`, `box_size` or `box_diagonal`.
      rigid_points: index -> (x, y, z) of the points that hardly move with the face's expression, on
        a mean face: x to the viewer's right, y down, z towards the viewer, in distances of the
        eyes' centres. None at all where they are too few for a head pose, see `pose_estimation`.
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
        """K."""
        return len(self.points)

    @property
    def flip_permutation(self) -> list[int]:
        """Index list p such that `mirrored_landmarks[p]` is in the scheme's own order."""
        permutation = list(range(self.num_points))
        for i, j in self.flip_pairs:
            permutation[i], permutation[j] = j, i
        return permutation

    @property
    def normalizer_names(self) -> tuple[str, ...]:
        """What errors can be divided by, see `evaluation.metrics.normalizing_distance`."""
        return (*self.normalizers, *_BOX_NORMALIZERS)

    def index(self, point: str) -> int:
        """The index of the point that is called `point`.

        Raises:
          InputError: there is none; the message lists names like it, or all.
        """
        if point in self.points:
            return self.points.index(point)
        within = [name for name in self.points if point and point in name]
        known = within or difflib.get_close_matches(point, self.points) or self.points
        raise InputError(f"{self.name} has no point {point!r}; there is {', '.join(known)}.")

    def __repr__(self) -> str:
        return f"<Markup {self.name}: {self.num_points} points>"

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready description; `from_dict` reads it back."""
        places = {self.points[index]: place for index, place in self.rigid_points.items()}
        return json.loads(json.dumps({**dataclasses.asdict(self), "rigid_points": places}))

    @classmethod
    def from_dict(cls, record: Any, source: str = "markup") -> "Markup":
        """A checked `Markup` from a dict laid out as a markup file.

        Keys `name`, `points`, `flip_pairs`, `normalizers` and `outline`. `default_normalizer` may
        be absent (then the first normaliser, or `box_size` where there is none), and so may
        `rigid_points` (then those of the package's own markup that has this name and these points,
        or none). A normaliser is a pair of point indices, or a pair of index lists whose means are
        taken. `rigid_points` is an object: point name -> [x, y, z].

        Raises:
          InputError: a key is missing or unknown, a name repeats, an index is out of range, or
            `rigid_points` do not determine a head pose, see `head_pose.determines_pose`.
        """
        record = _checked_keys(record, source)
        points = _checked_points(record["points"], source)
        try:
            normalizers = {
                name: tuple(_indices(group, len(points)) for group in _pair(groups))
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
            raise InputError(f"{source}: a point stands in more than one of the flip_pairs.")
        default = record.get("default_normalizer") or next(iter(normalizers), "box_size")
        if default not in (*normalizers, *_BOX_NORMALIZERS):
            raise InputError(
                f"{source}: default_normalizer {brief(default)} is not among the normalizers."
            )
        name = str(record["name"])
        # Files of models from before `rigid_points`.
        if "rigid_points" not in record and name in MARKUPS and MARKUPS[name].points == points:
            rigid_points = MARKUPS[name].rigid_points
        return cls(name, points, flip_pairs, normalizers, outline, default, rigid_points)

    @classmethod
    def load(cls, name: str | Path) -> "Markup":
        """The markup called `name`, or the one in the JSON file `name`.

        Raises:
          InputError: neither a known markup nor a readable markup file.
        """
        path = arguments.path("markup", name)
        if name in MARKUPS:
            return MARKUPS[str(name)]
        if path.suffix != ".json":
            raise UsageError(
                f"unknown markup {str(name)!r}: known are {sorted(MARKUPS)}, or a .json file."
            )
        try:
            record = json.loads(path.read_bytes())  # as text, a byte-order mark is an error
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
            f"known are {sorted(known)}."
        )
    return record


def _checked_points(points: Any, source: str) -> tuple[str, ...]:
    if not isinstance(points, list | tuple) or not points:
        raise InputError(f"{source}: points are {brief(points)}, expected a list of point names.")
    for point in points:
        if not isinstance(point, str):
            raise InputError(f"{source}: {brief(point)} is among the points, expected their names.")
    repeated = sorted({name for name in points if points.count(name) > 1})
    if repeated:
        raise InputError(
            f"{source}: found {brief(repeated)} more than once, expected each point once."
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


def _indices(group: Any, num_points: int) -> tuple[int, ...]:
    group = (group,) if isinstance(group, int) else tuple(_list(group, "a group of points"))
    if not group:
        raise ValueError("a group of point indices is empty, expected at least one")
    for index in group:
        if not isinstance(index, int) or not 0 <= index < num_points:
            raise ValueError(f"point index {brief(index)} is not in 0..{num_points - 1}")
    return group


def _rigid_points(places: dict[str, Any], points: tuple[str, ...]) -> dict[int, Place]:
    found: dict[int, Place] = {}
    for name, place in places.items():
        if name not in points:
            raise ValueError(f"rigid_points names {brief(name)}, which is not among the points")
        try:
            x, y, z = map(float, place)
        except (TypeError, ValueError, OverflowError):
            x = y = z = math.nan
        if not math.isfinite(x + y + z):
            raise ValueError(f"rigid_points has {name} at {brief(place)}, expected three numbers")
        found[points.index(name)] = (x, y, z)
    if found and not determines_pose(np.array(list(found.values()))):
        raise ValueError(
            f"rigid_points are {len(found)} places from which no head pose follows; expected six "
            "or more, clearly not in one plane"
        )
    return found


MARKUPS = {record["name"]: Markup.from_dict(record, record["name"]) for record in SCHEMES}
