"""The landmark schemes as data: which points there are, what they are called, how they mirror.

"Left" and "right" are the viewer's, as the points appear in the image.
"""

import dataclasses
import json
from pathlib import Path

from evae_tf.errors import InputError

_BOX_NORMALIZERS = ("box_size", "box_diagonal")


@dataclasses.dataclass(frozen=True)
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
    """

    name: str
    points: tuple
    flip_pairs: tuple
    normalizers: dict
    outline: tuple
    default_normalizer: str

    @property
    def num_points(self):
        return len(self.points)

    @property
    def flip_permutation(self):
        """Index list p such that `mirrored_landmarks[p]` is in the scheme's own order."""
        permutation = list(range(self.num_points))
        for i, j in self.flip_pairs:
            permutation[i], permutation[j] = j, i
        return permutation

    @property
    def normalizer_names(self):
        return (*self.normalizers, *_BOX_NORMALIZERS)

    def to_dict(self):
        """A JSON-ready description; `from_dict` reads it back."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    @classmethod
    def from_dict(cls, record, source="markup"):
        """A checked `Markup` from a dict laid out as a markup file.

        Keys `name`, `points`, `flip_pairs`, `normalizers` and `outline`; `default_normalizer` may
        be absent (then the first normaliser, or `box_size` where there is none). A normaliser is a
        pair of point indices, or a pair of index lists whose means are taken.

        Raises:
          InputError: a key is missing or unknown, a name repeats, or an index is out of range.
        """
        known = {field.name for field in dataclasses.fields(cls)}
        if not isinstance(record, dict):
            raise InputError(f"{source}: expected a JSON object with the keys {sorted(known)}.")
        unknown = set(record) - known
        missing = known - {"default_normalizer"} - set(record)
        if unknown or missing:
            raise InputError(
                f"{source}: missing keys {sorted(missing)}, unknown keys {sorted(unknown)}; "
                f"known are {sorted(known)}."
            )
        points = record["points"]
        is_list = isinstance(points, list | tuple) and len(points) > 0
        if not is_list or not all(isinstance(point, str) for point in points):
            raise InputError(f"{source}: points are {points!r}, expected a list of point names.")
        repeated = sorted({name for name in points if points.count(name) > 1})
        if repeated:
            raise InputError(
                f"{source}: point names must be given once each, repeated: {repeated}."
            )
        try:
            normalizers = {
                name: tuple(_indices(group, len(points)) for group in _pair(groups))
                for name, groups in record["normalizers"].items()
            }
            flip_pairs = tuple(_indices(_pair(pair), len(points)) for pair in record["flip_pairs"])
            outline = tuple(_indices(_pair(edge), len(points)) for edge in record["outline"])
        except (TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{source}: {error}.") from error
        flipped = [index for pair in flip_pairs for index in pair]
        if len(flipped) != len(set(flipped)):
            raise InputError(f"{source}: a point stands in more than one of the flip_pairs.")
        default = record.get("default_normalizer") or next(iter(normalizers), "box_size")
        if default not in (*normalizers, *_BOX_NORMALIZERS):
            raise InputError(
                f"{source}: default_normalizer {default!r} is not among the normalizers."
            )
        return cls(str(record["name"]), tuple(points), flip_pairs, normalizers, outline, default)

    @classmethod
    def load(cls, name):
        """The markup called `name`, or the one in the JSON file `name`.

        Raises:
          InputError: neither a known markup nor a readable markup file.
        """
        if name in MARKUPS:
            return MARKUPS[name]
        path = Path(name)
        if path.suffix != ".json":
            raise InputError(
                f"unknown markup {name!r}: known are {sorted(MARKUPS)}, or a .json file."
            )
        try:
            record = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise InputError(f"{path}: cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise InputError(f"{path}: not a JSON file ({error}).") from error
        return cls.from_dict(record, source=str(path))


def _pair(value):
    if len(value) != 2:
        raise ValueError(f"expected a pair, found {value!r}")
    return value


def _indices(group, num_points):
    group = (group,) if isinstance(group, int) else tuple(group)
    if not group:
        raise ValueError("a group of point indices is empty, expected at least one")
    for index in group:
        if not isinstance(index, int) or not 0 <= index < num_points:
            raise ValueError(f"point index {index!r} is not in 0..{num_points - 1}")
    return group


def _chain(first, last, closed=False):
    edges = [(i, i + 1) for i in range(first, last)]
    return edges + [(last, first)] if closed else edges


def _numbered(part, count):
    return [f"{part}_{i}" for i in range(count)]


_MTFL_5 = {
    "name": "mtfl_5",
    "points": ["left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right"],
    "flip_pairs": [(0, 1), (3, 4)],
    "normalizers": {"inter_pupil": (0, 1)},
    "outline": [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)],
}

_AFLW_19 = {
    "name": "aflw_19",
    "points": [
        *("left_brow_outer", "left_brow_centre", "left_brow_inner"),
        *("right_brow_inner", "right_brow_centre", "right_brow_outer"),
        *("left_eye_outer", "left_eye_centre", "left_eye_inner"),
        *("right_eye_inner", "right_eye_centre", "right_eye_outer"),
        *("nose_left", "nose_tip", "nose_right"),
        *("mouth_left", "mouth_centre", "mouth_right", "chin"),
    ],
    "flip_pairs": [(0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)],
    "normalizers": {"inter_ocular": (6, 11), "inter_pupil": (7, 10)},
    "outline": [
        *(_chain(0, 2) + _chain(3, 5) + _chain(6, 8) + _chain(9, 11)),
        *(_chain(12, 14) + _chain(15, 17)),
    ],
    "default_normalizer": "box_size",
}

_COFW_29 = {
    "name": "cofw_29",
    "points": [
        *("left_brow_outer", "right_brow_outer", "left_brow_inner", "right_brow_inner"),
        *("left_brow_top", "left_brow_bottom", "right_brow_top", "right_brow_bottom"),
        *("left_eye_outer", "right_eye_outer", "left_eye_inner", "right_eye_inner"),
        *("left_eye_top", "left_eye_bottom", "right_eye_top", "right_eye_bottom"),
        *("left_pupil", "right_pupil", "nose_left", "nose_right", "nose_tip", "nose_bottom"),
        *("mouth_left", "mouth_right", "upper_lip_top", "upper_lip_bottom"),
        *("lower_lip_top", "lower_lip_bottom", "chin"),
    ],
    "flip_pairs": [
        *((0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15)),
        *((16, 17), (18, 19), (22, 23)),
    ],
    "normalizers": {"inter_pupil": (16, 17), "inter_ocular": (8, 9)},
    "outline": [
        *((0, 4), (4, 2), (2, 5), (5, 0), (1, 6), (6, 3), (3, 7), (7, 1)),
        *((8, 12), (12, 10), (10, 13), (13, 8), (9, 14), (14, 11), (11, 15), (15, 9)),
        *((18, 21), (21, 19), (18, 20), (20, 19)),
        *((22, 24), (24, 23), (22, 25), (25, 23), (22, 26), (26, 23), (22, 27), (27, 23)),
    ],
}

_IBUG_68 = {
    "name": "ibug_68",
    "points": [
        *_numbered("jaw", 17),
        *_numbered("left_brow", 5),
        *_numbered("right_brow", 5),
        *_numbered("nose_bridge", 4),
        *_numbered("nose_base", 5),
        *_numbered("left_eye", 6),
        *_numbered("right_eye", 6),
        *_numbered("outer_lip", 12),
        *_numbered("inner_lip", 8),
    ],
    "flip_pairs": [
        *((i, 16 - i) for i in range(8)),
        *((17 + i, 26 - i) for i in range(5)),
        *((31, 35), (32, 34), (36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
        *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)),
    ],
    "normalizers": {
        "inter_ocular": (36, 45),
        "inter_pupil": (tuple(range(36, 42)), tuple(range(42, 48))),
    },
    "outline": [
        *(_chain(0, 16) + _chain(17, 21) + _chain(22, 26) + _chain(27, 30) + _chain(31, 35)),
        *(_chain(36, 41, closed=True) + _chain(42, 47, closed=True)),
        *(_chain(48, 59, closed=True) + _chain(60, 67, closed=True)),
    ],
}

_WFLW_98 = {
    "name": "wflw_98",
    "points": [
        *_numbered("jaw", 33),
        *_numbered("left_brow", 9),
        *_numbered("right_brow", 9),
        *_numbered("nose_bridge", 4),
        *_numbered("nose_base", 5),
        *_numbered("left_eye", 8),
        *_numbered("right_eye", 8),
        *_numbered("outer_lip", 12),
        *_numbered("inner_lip", 8),
        *("left_pupil", "right_pupil"),
    ],
    "flip_pairs": [
        *((i, 32 - i) for i in range(16)),
        *((33, 46), (34, 45), (35, 44), (36, 43), (37, 42), (38, 50), (39, 49), (40, 48), (41, 47)),
        *((55, 59), (56, 58), (60, 72), (61, 71), (62, 70), (63, 69), (64, 68)),
        *((65, 75), (66, 74), (67, 73), (76, 82), (77, 81), (78, 80), (83, 87), (84, 86)),
        *((88, 92), (89, 91), (93, 95), (96, 97)),
    ],
    "normalizers": {"inter_ocular": (60, 72), "inter_pupil": (96, 97)},
    "outline": [
        *(_chain(0, 32) + _chain(33, 41, closed=True) + _chain(42, 50, closed=True)),
        *(_chain(51, 54) + _chain(55, 59)),
        *(_chain(60, 67, closed=True) + _chain(68, 75, closed=True)),
        *(_chain(76, 87, closed=True) + _chain(88, 95, closed=True)),
    ],
}

MARKUPS = {
    record["name"]: Markup.from_dict(record, source=record["name"])
    for record in (_MTFL_5, _AFLW_19, _COFW_29, _IBUG_68, _WFLW_98)
}
