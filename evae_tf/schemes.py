"""The built-in landmark schemes as data, with the keys of a markup file.

"Left" and "right" are the viewer's, as the points appear in the image. For the keys see
`markups.Markup.from_dict`.
"""

from typing import Any


def _chain(first: int, last: int, closed: bool = False) -> list[tuple[int, int]]:
    edges = [(i, i + 1) for i in range(first, last)]
    return edges + [(last, first)] if closed else edges


def _numbered(part: str, count: int) -> list[str]:
    return [f"{part}_{i}" for i in range(count)]


# Points of `ibug_68` that hardly move with the expression: their positions on the neutral head of
# ICT-FaceKit (University of Southern California, MIT licence), an average of scans of people who
# look straight ahead. Its brows are higher than in annotations; the heights here are those of
# `data.synthetic.shape`.
_RIGID_68 = {
    "left_brow_0": (-0.89, -0.2, -0.2),
    "left_brow_2": (-0.58, -0.35, 0.09),
    "left_brow_4": (-0.18, -0.26, 0.23),
    "right_brow_0": (0.18, -0.26, 0.23),
    "right_brow_2": (0.58, -0.35, 0.09),
    "right_brow_4": (0.89, -0.2, -0.2),
    "nose_bridge_0": (0.0, -0.05, 0.23),
    "nose_bridge_1": (0.0, 0.12, 0.35),
    "nose_bridge_2": (0.0, 0.28, 0.47),
    "nose_bridge_3": (0.0, 0.47, 0.59),
    "nose_base_0": (-0.19, 0.7, 0.25),
    "nose_base_1": (-0.09, 0.7, 0.34),
    "nose_base_2": (0.0, 0.71, 0.36),
    "nose_base_3": (0.09, 0.7, 0.34),
    "nose_base_4": (0.19, 0.7, 0.25),
    "left_eye_0": (-0.68, 0.0, -0.1),
    "left_eye_3": (-0.28, 0.03, 0.0),
    "right_eye_0": (0.28, 0.03, 0.0),
    "right_eye_3": (0.68, 0.0, -0.1),
    "outer_lip_0": (-0.39, 1.07, 0.15),
    "outer_lip_6": (0.39, 1.07, 0.15),
}
# The other schemes have some of these points under other names, see `data.synthetic.landmarks`.
_RIGID_98 = {
    **{name: place for name, place in _RIGID_68.items() if "eye" not in name},
    "left_eye_0": _RIGID_68["left_eye_0"],
    "left_eye_4": _RIGID_68["left_eye_3"],
    "right_eye_0": _RIGID_68["right_eye_0"],
    "right_eye_4": _RIGID_68["right_eye_3"],
}
_RIGID_19 = {
    "left_brow_outer": _RIGID_68["left_brow_0"],
    "left_brow_centre": _RIGID_68["left_brow_2"],
    "left_brow_inner": _RIGID_68["left_brow_4"],
    "right_brow_inner": _RIGID_68["right_brow_0"],
    "right_brow_centre": _RIGID_68["right_brow_2"],
    "right_brow_outer": _RIGID_68["right_brow_4"],
    "left_eye_outer": _RIGID_68["left_eye_0"],
    "left_eye_inner": _RIGID_68["left_eye_3"],
    "right_eye_inner": _RIGID_68["right_eye_0"],
    "right_eye_outer": _RIGID_68["right_eye_3"],
    "nose_left": _RIGID_68["nose_base_0"],
    "nose_tip": _RIGID_68["nose_bridge_3"],
    "nose_right": _RIGID_68["nose_base_4"],
    "mouth_left": _RIGID_68["outer_lip_0"],
    "mouth_right": _RIGID_68["outer_lip_6"],
}
_RIGID_29 = {
    **{name.replace("brow_centre", "brow_top"): place for name, place in _RIGID_19.items()},
    "nose_bottom": _RIGID_68["nose_base_2"],
}

_MTFL_5 = {
    "name": "mtfl_5",
    "points": ["left_eye", "right_eye", "nose_tip", "mouth_left", "mouth_right"],
    "flip_pairs": [(0, 1), (3, 4)],
    "normalizers": {"inter_pupil": (0, 1)},
    "outline": [(0, 1), (0, 2), (1, 2), (2, 3), (2, 4), (3, 4)],
    "rigid_points": {},  # five points are nearly coplanar
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
    "rigid_points": _RIGID_19,
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
    "rigid_points": _RIGID_29,
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
    "rigid_points": _RIGID_68,
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
    "rigid_points": _RIGID_98,
}

SCHEMES: tuple[dict[str, Any], ...] = (_MTFL_5, _AFLW_19, _COFW_29, _IBUG_68, _WFLW_98)
