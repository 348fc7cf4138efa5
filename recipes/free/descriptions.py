"""Compares independent descriptions of jaw and brows, on which `definition` rests.

  python -m recipes.free.descriptions --data=CLEAN --teacher=mediapipe_face_landmarks_v2.tflite

Three descriptions: the vertices `multipie68` of the head of ICT-FaceKit; the points of MediaPipe's
mesh that PeizhiYan/Mediapipe_2_Dlib_Landmarks (GitHub) gives for the 68; and the hand-placed points
of the Face Research Lab. The last two are means over the training photos with hand-placed points.
The rows `free_68` are what `definition` makes of the hand-placed points.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import app, flags
from tabulate import tabulate

from evae_tf import progress
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from evae_tf.markups import MARKUPS
from recipes.free import clean_photos, definition, label
from recipes.free import head as heads
from recipes.free.definition import CHIN, JAW
from recipes.free.mesh_teacher import MeshTeacher

FLAGS = flags.FLAGS

BROWS = slice(17, 27)
# Points of the mesh for the landmarks 0 to 26; the mean of two where two are given.
_MESH_JAW = (
    *((127,), (234,), (93,), (132, 58), (58, 172), (136,), (150,), (176,), (152,)),
    *((400,), (379,), (365,), (397, 288), (361,), (323,), (454,), (356,)),
)
_MESH_BROWS = ((70,), (63,), (105,), (66,), (107,), (336,), (296,), (334,), (293,), (300,))
_FLIP = MARKUPS["ibug_68"].flip_permutation
_EYES = [36, 45]


def main(_: list[str]) -> None:
    """Prints a table for the jaw and one for the brows."""
    data = Path(FLAGS.data)
    frontal = definition.points_of_head(data / heads.FILE)
    photos = [each for each in clean_photos.read(data) if each.pointed and not each.held_out]
    hand = [photo.hand_points() for photo in photos]
    teacher = MeshTeacher(FLAGS.teacher)
    meshes = [
        teacher.meshes(read_image(photo.image)).views.mean(axis=0)
        for photo in progress.bar(photos, desc="meshes of photos")
    ]
    described = {
        "head": [frontal],
        "mesh": [of_mesh(mesh, points) for mesh, points in zip(meshes, hand, strict=True)],
        "hand-placed": hand,
        "`free_68`": [label.hand_landmarks(photo, frontal) for photo in photos],
    }
    print("\nJaw: height of its ends, % of that from the eyes to the chin, down; then its points")
    print("between end and chin, % of the length of a side\n")
    print(_table(described, jaw, ["height", *range(1, CHIN)]))
    print("\nBrows: height above the eye line, % of the distance of the outer eye corners\n")
    print(_table(described, brows, range(BROWS.start, BROWS.start + 5)))


def of_mesh(mesh: FloatArray, landmarks: FloatArray) -> FloatArray:
    """Landmarks with jaw and brows from a mesh: float [478, 2 or 3] and [68, 2] -> [68, 2]."""
    places = [mesh[[*points], :2].mean(axis=0) for points in (*_MESH_JAW, *_MESH_BROWS)]
    return np.concatenate([places, landmarks[BROWS.stop :]])


def jaw(landmarks: FloatArray) -> FloatArray:
    """Height of the left end of a jaw and shares of its left side at points 1 to 7: float [8]."""
    (end,) = definition.heights(landmarks[:1], landmarks)
    return np.append(end, definition.length_fractions(landmarks[JAW][: CHIN + 1])[1:-1])


def brows(landmarks: FloatArray) -> FloatArray:
    """Heights of the left brow above the eye line, of the eyes' distance: float [5]."""
    along = landmarks[_EYES[1]] - landmarks[_EYES[0]]
    up = np.array([along[1], -along[0]]) / (along**2).sum()
    return (landmarks[BROWS][:5] - landmarks[_EYES].mean(axis=0)) @ up


def _table(
    described: dict[str, list[FloatArray]],
    measure: Callable[[FloatArray], FloatArray],
    columns: "list[str | int] | range",
) -> str:
    rows = []
    for name, faces in described.items():
        sides = [measure(face) for face in faces]
        sides += [measure(face[_FLIP] * [-1, 1]) for face in faces]
        rows.append([name, *100 * np.mean(sides, axis=0)])
    return tabulate(rows, ["description", *map(str, columns)], "github", floatfmt=".1f")


if __name__ == "__main__":
    define_path("data", None, "The folder clean/.", required=True)
    define_path("teacher", None, "MediaPipe's landmark network (.tflite).", required=True)
    app.run(main)
