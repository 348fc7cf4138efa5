"""Writes tests/golden/crops.json: test vectors for all implementations of the crop arithmetic.

`python -m recipes.golden_crops`

There are five implementations: in NumPy (`evae_tf.geometry`, `evae_tf.align.upright`), in the
graph of a server (`evae_tf.serving.image_graph`), in JavaScript (`web/`), in Kotlin and in Swift
(`docs/mobile/`). For each function the file has cases with the inputs (`given`) and the outputs of
NumPy (`expected`); the tests of each implementation compare with these.
"""

import json
from pathlib import Path

import numpy as np

from evae_tf import atomic, geometry
from evae_tf.align.upright import upright_squares
from evae_tf.evaluation import calibration
from evae_tf.markups import Markup

TARGET = Path(__file__).parents[1] / "tests" / "golden" / "crops.json"
WIDTH, HEIGHT = 61, 47  # of the image that squares are cropped from
_DECIMALS = 5
_MARGIN = 0.25
_FACE_BOXES = [geometry.TIGHT_BOX, (-0.0167, -0.0167, 1.7849), (0.1, -0.2, 0.8)]  # 2nd: mobile_5's

_BOXES = [
    ([10, 20, 50, 90], 0.25),
    ([-30.5, 12.25, 117, 35], 0.25),
    ([3, 4, 8, 9], 0),
    ([100.5, 60, 430.75, 430.25], 0.5),
]

# Eyes' corners (0, 2 and 3, 4), nose (5, 6) and mouth (7, 8) on a mean head; 1 is the chin.
_RIGID_POINTS = {
    0: [-0.692, 0.0, -0.234],
    2: [-0.299, 0.028, -0.011],
    3: [0.299, 0.028, -0.011],
    4: [0.692, 0.0, -0.234],
    5: [0.0, 0.558, 0.57],
    6: [0.0, 0.746, 0.388],
    7: [-0.435, 1.021, 0.13],
    8: [0.435, 1.021, 0.13],
}
_PROFILE = [
    *[[42.5, 40], [58, 118], [56.9, 41.4], [62.1, 41.4], [54.5, 44]],
    *[[88.1, 67.9], [79.1, 77.3], [62.6, 91], [70.2, 91]],
]
_TURNED_PROFILE = geometry.rotate(np.float64(_PROFILE), np.radians(100)).round(1).tolist()
_LEANING = [
    *[[72, 30], [31, 97], [91, 50], [97, 57], [108, 66]],
    *[[60, 71], [53, 77], [44, 68], [68, 93]],
]
_FURTHER = [  # of a half profile, all but the first
    *[[70, 119], [54.4, 41.4], [66.6, 41.4], [84.8, 44]],
    *[[34, 67.9], [42.3, 77.3], [45.2, 91], [62.9, 91]],
]

# Description: landmarks, groups of points that are the eyes, rigid points.
_FACES = {
    "leaning": ([[40, 50], [82, 71], [53, 80], [30, 84], [62, 101]], [[0], [1]], {}),
    "upside down": ([[210, 300], [150, 312], [176, 268], [200, 240], [161, 246]], [[0], [1]], {}),
    "eyes of three and two points": (
        [[12, 30], [20, 27], [19, 33], [52, 22], [60, 24], [38, 41], [25, 60], [58, 55], [35, 80]],
        [[0, 1, 2], [3, 4]],
        {},
    ),
    "eyes too close to say": ([[50, 40], [53, 42], [20, 66], [48, 90]], [[0], [1]], {}),
    "hardly further apart": ([[50, 40], [54, 42], [20, 66], [48, 90]], [[0], [1]], {}),
    "no eyes": ([[10, 10.5], [31, 50], [-12, 44]], None, {}),
    "a profile": (_PROFILE, [[0, 2], [3, 4]], _RIGID_POINTS),
    "a profile that lies": (_TURNED_PROFILE, [[0, 2], [3, 4]], _RIGID_POINTS),
    "no eyes, but rigid points": (_LEANING, None, _RIGID_POINTS),
    "eyes just far enough": ([[59, 40], *_FURTHER], [[0, 2], [3, 4]], _RIGID_POINTS),
    "eyes just too close": ([[59.6, 40], *_FURTHER], [[0, 2], [3, 4]], _RIGID_POINTS),
}

_TURNS = [0.0, 0.4, -0.9, 2.5, -2.1]

# Centre x, centre y, side, angle, and width of the crop in pixels.
_CUTS = [
    *[(29.5, 22.5, 12, 0, 12), (30.2, 22.9, 10.5, 0, 13), (31.7, 20.4, 3, 0, 9)],  # as is, enlarged
    *[(30.3, 20.1, 23, 0, 13), (28.6, 24.2, 29.98, 0, 15)],  # smaller, by less than 2
    *[(29.5, 21.5, 24, 0, 12), (31.2, 22.3, 37, 0, 13)],  # averaged over 2 x 2 pixels
    *[(28.4, 25.7, 41, 0, 13), (30, 23, 61, 0, 15), (30, 23, 66, 0, 11)],  # 3 x 3, 4 x 4, 6 x 6
    *[(30.2, 22.9, 10.5, 0.4, 13), (27.8, 24.6, 20, -2.1, 11), (33.1, 20.2, 15, 1.570796, 15)],
    *[(30.1, 23.3, 31, 0.8, 13), (29.2, 22.6, 44, -1.2, 11), (31, 21, 60, 3, 13)],  # turned
    *[(3.2, 5.7, 21, 0, 13), (58.9, 44.1, 17, 0, 15), (0.4, 40.2, 33, 0, 11)],  # over the border
    *[(4.3, 3.1, 19, 0.6, 13), (60.2, 20.8, 48, -0.5, 11), (-6.6, 23, 13, 0, 9)],
    *[(30, 23, 150, 0, 13), (33.5, 19.5, 130, 1.1, 9)],  # around the whole image
    *[(-300, 20, 60, 0, 9), (30, 95, 40, 0.7, 9), (-900, -900, 300, 0, 9)],  # outside
]


def image():
    """An image with gradients and edges: uint8 [47, 61, 3]; each channel has other waves."""
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    phases = [6 * x + 3 * y, x * y // 7 + 5 * x + 90, 9 * y - 4 * x + 400]
    return np.stack([np.abs(phase % 510 - 255) for phase in phases], axis=-1).astype(np.uint8)


def golden():
    """The vectors: dict of function name to its cases, and the `image` to crop from."""
    return {
        "image": {"width": WIDTH, "height": HEIGHT, "rgb": image().ravel().tolist()},
        "square_around": [
            _case(geometry.square_around(box, margin), box=box, margin=margin)
            for box, margin in _BOXES
        ],
        "box_of_landmarks": [
            _case(geometry.box_of_landmarks(points, where), landmarks=points, face_box=where)
            for points, *_ in _FACES.values()
            for where in _FACE_BOXES
        ],
        "upright_square": [
            _upright(*face, where) for face in _FACES.values() for where in _FACE_BOXES
        ],
        "crop_to_image": [_mapped(angle) for angle in _TURNS],
        "covariance_to_image": [_spread(angle) for angle in _TURNS],
        "ellipse": [_ellipse(angle) for angle in (0.0, 0.4, -0.6)],
        "cut_square": [_cut(*cut) for cut in _CUTS],
    }


def _case(expected, **given):
    return {"given": given, "expected": np.round(np.float64(expected), _DECIMALS).tolist()}


def _upright(landmarks, eyes, rigid_points, face_box):
    markup = Markup.from_dict(
        {
            "name": "golden",
            "points": [str(index) for index in range(len(landmarks))],
            "flip_pairs": [],
            "normalizers": {"inter_pupil": eyes} if eyes else {},
            "outline": [],
            "rigid_points": {str(index): place for index, place in rigid_points.items()},
        }
    )
    (square,), (angle,) = upright_squares(np.float32([landmarks]), markup, _MARGIN, face_box)
    given = {"landmarks": landmarks, "eyes": eyes, "rigid_points": rigid_points}
    return _case([*square, angle], **given, margin=_MARGIN, face_box=face_box)


def _mapped(angle):
    fractions, square = [[0.5, 0.5], [0.0, 1.0], [0.12, 0.7], [1.3, -0.2]], [120.5, 80.25, 96.0]
    expected = geometry.crop_to_image(fractions, square, angle)
    return _case(expected, fractions=fractions, square=square, angle=angle)


def _spread(angle):
    covariance, square = [4e-4, 1.5e-4, 2e-4], [120.5, 80.25, 96.0]
    (turned,) = geometry.covariance_to_image([_matrix(covariance)], square, angle)
    expected = turned[[0, 0, 1], [0, 1, 1]]
    return _case(expected, covariance=covariance, square=square, angle=angle)


def _ellipse(angle):
    """Half axes in image pixels and angle of the 90 % ellipse of a Gaussian."""
    covariance, square = [4e-4, -1.5e-4, 2e-4], [120.5, 80.25, 96.0]
    (turned,) = geometry.covariance_to_image([_matrix(covariance)], square, angle)
    variances, axes = np.linalg.eigh(turned)
    short, long = calibration.ellipse_radius(0.9) * np.sqrt(variances)
    x, y = axes[:, 1]
    expected = [long, short, np.arctan(y / x)]  # of a line, so between -pi/2 and pi/2
    return _case(expected, covariance=covariance, square=square, angle=angle)


def _matrix(covariance):
    xx, xy, yy = covariance
    return [[xx, xy], [xy, yy]]


def _cut(x, y, side, angle, size):
    square = [float(x), float(y), float(side)]
    pixels = geometry.cut_square(image(), square, size, angle).ravel().tolist()
    given = {"square": square, "angle": float(angle), "size": size}
    return {"given": given, "expected": pixels}


def as_text(vectors):
    """The vectors as JSON with a line for each case."""
    parts = []
    for name, cases in vectors.items():
        lines = [json.dumps(case) for case in (cases if isinstance(cases, list) else [cases])]
        content = "[\n" + ",\n".join(lines) + "\n]" if isinstance(cases, list) else lines[0]
        parts.append(f"{json.dumps(name)}: {content}")
    return "{\n" + ",\n".join(parts) + "\n}\n"


def main():
    """Writes the file."""
    with atomic.replacing_file(TARGET) as temporary:
        temporary.write_text(as_text(golden()), encoding="utf-8")


if __name__ == "__main__":
    main()
