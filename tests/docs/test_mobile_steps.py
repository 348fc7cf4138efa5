"""The steps of docs/mobile.md, executed on LiteRT alone, against `Aligner`; and what its code says.

The arithmetic of the crops is tested where it is: see `test_kotlin.py`.
"""

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

from evae_tf import Aligner, geometry
from evae_tf.align.aligned_face import AlignedFace
from evae_tf.align.upright import upright_squares
from evae_tf.markups import Markup
from recipes import draw_group

ROOT = Path(__file__).parents[2]
MODELS = {name: ROOT / "assets" / f"{name}.tflite" for name in ("mobile_68", "mobile_5")}
DOCUMENT = (ROOT / "docs" / "mobile.md").read_text(encoding="utf-8")
SIGNATURE, INPUT = "serving_default", "images"

# The portrait is 512 x 600; these are near the tight box of its landmarks, and a detector's.
BOXES = [(183.0, 158.0, 347.0, 335.0), (160.0, 120.0, 380.0, 360.0)]


def source(name):
    return (ROOT / "docs" / "mobile" / name).read_text(encoding="utf-8")


class FaceLandmarker:
    """The document's class of the same name, from nothing but the file and its JSON."""

    def __init__(self, model):
        sidecar = json.loads(model.with_suffix(".json").read_text(encoding="utf-8"))
        self.size = sidecar["input_size"]
        self.margin = sidecar["crop_margin"]
        self.face_box = sidecar["face_box"]
        self.markup = Markup.from_dict(sidecar["markup"])
        self.runner = Interpreter(str(model), num_threads=2).get_signature_runner(SIGNATURE)

    def detect(self, image, box):
        first = self.predict(image, geometry.square_around(box, self.margin), 0.0)
        return self.follow(image, first)

    def score(self, image, square, angle):
        """Step 6."""
        landmarks, first = self.predict(image, square, angle), self.presence
        self.follow(image, landmarks)
        turned = (self.angle - angle + np.pi) % (2 * np.pi) - np.pi
        return (first + self.presence) / 2 if abs(turned) <= np.pi / 6 else self.presence

    def follow(self, image, landmarks):
        (square,), (angle,) = upright_squares(
            landmarks[None], self.markup, self.margin, self.face_box
        )
        return self.predict(image, square, angle)

    def predict(self, image, square, angle):
        pixels = geometry.cut_square(image, square, self.size, angle)
        result = self.runner(**{INPUT: (pixels / np.float32(255))[None]})
        self.presence, self.angle = float(result["presence"][0]), float(angle)
        return geometry.crop_to_image(result["landmarks"][0], square, angle)


class FaceDetector:
    """Step 1, from nothing but the file."""

    def __init__(self, model):
        self.runner = Interpreter(str(model), num_threads=2).get_signature_runner(SIGNATURE)

    def detect(self, image):
        """Squares [N, 3] and angles [N]."""
        height, width = image.shape[:2]
        longer, centre = max(height, width), np.array([width, height]) / 2 - 0.5
        pixels = geometry.cut_square(image, [*centre, longer], 640)
        result = self.runner(images=(pixels / np.float32(255))[None])
        centres, places = result["centres"][0, ..., 0], result["geometry"][0]
        found = []
        for row, column in np.argwhere(centres >= 0.5):
            near = centres[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            if centres[row, column] < near.max():
                continue
            told = places[row, column]
            place = np.array([4 * column + 1.5, 4 * row + 1.5]) + 32 * told[:2]
            side = 32 * np.exp(told[2])
            left, right, _, mouth_left, mouth_right = place + side * told[3:].reshape(5, 2)
            across = right - left + mouth_right - mouth_left
            down = (mouth_left + mouth_right - left - right) / 2
            angle = np.arctan2(across[1] - down[0], across[0] + down[1])
            place = centre + ((place + 0.5) / 640 - 0.5) * longer
            found.append((centres[row, column], [*place, side * longer / 640], angle))
        kept = []
        for _, square, angle in sorted(found, key=lambda find: -find[0]):
            others = np.array([other for other, _ in kept]).reshape(-1, 3)
            if not (geometry.squares_overlap(square, others) > 0.35).any():
                kept.append((np.array(square), angle))
        return kept


def test_detector_and_landmarks_together_are_the_aligner_s():
    """On a drawn group: the faces that `Aligner` finds with this detector, and their landmarks."""
    group, landmarker = draw_group.draw(), FaceLandmarker(MODELS["mobile_68"])
    found = FaceDetector(ROOT / "assets/detector.tflite").detect(group)
    faces = Aligner.load("mobile_68", detector="tflite")(group)
    assert len(found) == len(faces) == 7
    for square, angle in found:
        crop = square * [1, 1, 1 + landmarker.margin]
        landmarks = landmarker.follow(group, landmarker.predict(group, crop, float(angle)))
        off = [np.linalg.norm(landmarks - face.landmarks, axis=1).mean() for face in faces]
        assert min(off) < 0.02 * square[2]
        score = landmarker.score(group, crop, float(angle))
        assert score == pytest.approx(faces[int(np.argmin(off))].score, abs=0.01)


def test_the_presence_tells_a_face_from_a_wall():
    """And, in a video, that the face has left."""
    landmarker = FaceLandmarker(MODELS["mobile_68"])
    wall = np.full((600, 512, 3), (140, 120, 90), np.uint8)
    assert landmarker.score(wall, geometry.square_around(BOXES[0], landmarker.margin), 0.0) < 0.1
    assert Aligner.load("mobile_68", detector="tflite").min_score == 0.4
    for code in FINDS:
        assert re.findall(r"(?:MIN_SCORE|minScore) = ([\d.]+)", code) == ["0.4"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("box", BOXES)
def test_the_two_passes_are_the_first_two_crops_of_the_aligner(name, box, portrait):
    """In a detector's box. `Aligner` takes the weighted mean over both, or the second alone.

    It also mirrors the first crop, which the code for phones does not.
    """
    landmarker = FaceLandmarker(MODELS[name])
    landmarks = landmarker.detect(portrait, box)
    first = landmarker.predict(portrait, geometry.square_around(box, landmarker.margin), 0.0)
    (face,) = Aligner.load(name, detector=lambda image: np.array([box]))(portrait)
    size = geometry.box_size(face.box)
    apart = [
        np.linalg.norm(points - face.landmarks, axis=1).mean()
        for points in (landmarks, (landmarks + first) / 2)
    ]
    assert min(apart) < 0.01 * size
    # One pass cannot pass for two.
    assert np.linalg.norm(landmarks - first, axis=1).mean() > 0.2


# What the document and its code say, held against the files they are about.

KOTLIN, SWIFT = source("FaceLandmarker.kt"), source("FaceLandmarker.swift")


def test_the_code_names_the_signature_of_the_file():
    signatures = Interpreter(str(MODELS["mobile_68"])).get_signature_list()
    outputs = ["covariance", "landmarks", "presence", "visibility"]
    assert signatures == {SIGNATURE: {"inputs": [INPUT], "outputs": outputs}}
    assert re.findall(r'SIGNATURE = "(\w+)"', KOTLIN) == [SIGNATURE]
    assert re.findall(r'\bINPUT = "(\w+)"', KOTLIN) == [INPUT]
    assert re.findall(r'signature = "(\w+)"', SWIFT) == [SIGNATURE]
    assert re.findall(r'\binput = "(\w+)"', SWIFT) == [INPUT]


def test_the_code_names_the_outputs_of_a_model():
    known = {"landmarks", "covariance", "visibility"}
    assert known < {field.name for field in dataclasses.fields(AlignedFace)}
    known.add("presence")
    assert set(re.findall(r'"(\w+)" to \w+', KOTLIN)) == known
    assert set(re.findall(r'"(\w+)" in outputs', KOTLIN)) == known - {"landmarks"}
    assert set(re.findall(r'values\("(\w+)"\)', SWIFT)) == known
    table = set(re.findall(r"^\| `(\w+)` \| \[1[,\]]", DOCUMENT, flags=re.MULTILINE))
    assert table == known | {INPUT}


def test_the_code_reads_keys_of_the_sidecar():
    sidecar = json.loads(MODELS["mobile_68"].with_suffix(".json").read_text(encoding="utf-8"))
    needed = {"input_size", "crop_margin", "face_box", "outputs", "markup", "normalizers"}
    eyes = {"inter_pupil", "inter_ocular"}
    kotlin = set(re.findall(r'\b(?:get|opt)[A-Z]\w+\("(\w+)"\)', KOTLIN))
    struct = re.search(r"struct Sidecar.*?\n}", SWIFT, flags=re.DOTALL).group()
    swift = set(re.findall(r"let (\w+):", struct))
    in_markup = {"points", "rigid_points"}
    assert kotlin == needed | eyes | in_markup
    assert swift == needed | in_markup
    assert set(re.findall(r'normalizers\["(\w+)"\]', SWIFT)) == eyes
    markup = Markup.from_dict(sidecar["markup"]).to_dict()  # with what older files lack
    assert needed | in_markup <= set(sidecar) | set(markup)
    assert eyes <= set(sidecar["markup"]["normalizers"])


GEOMETRY = source("Geometry.kt"), source("Geometry.swift")
FINDS = source("Finds.kt"), source("Finds.swift")


def test_swift_has_the_functions_of_kotlin():
    """Swift is not run here: readers see that it says the same, and these tests a part of it."""
    kotlin, swift = (
        set(re.findall(rf"^(?:inline )?{keyword} (\w+)\(", code, flags=re.MULTILINE))
        for keyword, code in zip(("fun", "func"), GEOMETRY, strict=True)
    )
    assert kotlin - {"turned"} == swift  # iOS turns frames itself
    assert swift > {"crop", "uprightSquare", "boxOfLandmarks", "mapBack", "ellipse"}


@pytest.mark.parametrize(
    "formula",
    [
        "* (1 + margin)",
        "- 0.5) * square.side",
        "4.605 * (middle + spread)",
        "hypot(x, y) >= 0.3 * size",
        "(height - mean) * landmarks[point].x",
        "(height - mean) * landmarks[point].y",
        "return atan2(-x, y)",
        "(tight.left + tight.right) / 2 + faceBox.x * max(width, height)",
        "(tight.top + tight.bottom) / 2 + faceBox.y * max(width, height)",
        "faceBox.scale * width / 2",
        "faceBox.scale * height / 2",
        "squareAround(boxOfLandmarks(landmarks.map { rotate(",
        "cos(angle) * point.x - sin(angle) * point.y",
        "sin(angle) * point.x + cos(angle) * point.y",
        "(32 - right) * image.pixel(left, top, c) + right * image.pixel(left + 1, top, c)",
    ],
)
def test_each_formula_stands_in_both_languages(formula):
    for code in GEOMETRY:
        assert formula in code


@pytest.mark.parametrize(
    "formula",
    [
        "+ 1.5 + 32 * told[0]",
        "+ 1.5 + 32 * told[1]",
        "32 * exp(told[2])",
        "right.x - left.x + mouthRight.x - mouthLeft.x",
        "(mouthLeft.y + mouthRight.y - left.y - right.y) / 2",
        "return atan2(acrossY - downX, acrossX + downY)",
        "reach(abs(one.x - other.x)) * reach(abs(one.y - other.y))",
        "shared / (one.side * one.side + other.side * other.side - shared)",
        "whole.x + place(square.x)",
    ],
)
def test_each_formula_of_the_detector_stands_in_both_languages(formula):
    for code in FINDS:
        assert formula in code


def test_swift_has_the_detector_s_functions_of_kotlin():
    kotlin, swift = (
        set(re.findall(rf"^{keyword} (\w+)\(", code, flags=re.MULTILINE))
        for keyword, code in zip(("fun", "func"), FINDS, strict=True)
    )
    assert kotlin == swift > {"finds", "lean", "overlap", "squareInImage", "isFace", "scoreOf"}


def test_the_document_names_files_that_are_there():
    paths = re.findall(r"`((?:assets|tests|docs)/[\w./]+)`", DOCUMENT)
    links = [f"docs/{link}" for link in re.findall(r"\]\((mobile/[\w.]+)\)", DOCUMENT)]
    assert len(links) == 8
    for path in paths + links:
        assert (ROOT / path).exists(), path
