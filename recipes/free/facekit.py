"""Makes the head's file from the public release of ICT-FaceKit.

  python -m recipes.free.facekit --release=ICT-FaceKit/FaceXModel --output=ict_facekit_light.npz

The release is a folder of OBJ files with the same vertices in the same order: the mean face, 100
identities and the expressions, each as a whole head. Only their displacements are kept, in 8 bits;
rounding moves a vertex by at most 1/254 of the largest displacement of its file.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

from evae_tf import atomic, progress
from evae_tf.array_types import FloatArray, IndexArray
from evae_tf.cli.path_flags import define_path
from evae_tf.errors import InputError

FLAGS = flags.FLAGS

_NEUTRAL, _IDENTITY, _INDICES = "generic_neutral_mesh", "identity", "vertex_indices.json"
_POINTS = "idx_to_landmark_verts"
_EYELASHES = 1368  # the last vertices, which the modes leave out


def main(_: list[str]) -> None:
    """Prints what the file holds."""
    atomic.make_folder(Path(FLAGS.output).parent)
    arrays = convert(Path(FLAGS.release))
    with atomic.replacing_file(Path(FLAGS.output)) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(file, **arrays)
    print(
        f"{len(arrays['neutral'])} vertices, {len(arrays['identity'])} identities: {FLAGS.output}"
    )


def convert(release: Path, eyelashes: int = _EYELASHES) -> dict[str, Any]:
    """The arrays of `head.load`.

    Args:
      release: the folder FaceXModel.
      eyelashes: how many of the last vertices the modes leave out.

    Raises:
      InputError: a file is missing, or its vertices are not those of the mean face.
    """
    try:
        points = json.loads((release / _INDICES).read_text(encoding="utf-8"))[_POINTS]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{release / _INDICES}: no list {_POINTS} ({error}).") from error
    neutral, uv, faces, faces_uv = read_obj(release / f"{_NEUTRAL}.obj")
    names = sorted(path.stem for path in release.glob("*.obj") if path.stem != _NEUTRAL)
    modes: dict[bool, list[FloatArray]] = {True: [], False: []}
    for name in progress.bar(names, desc="shapes"):
        vertices = read_obj(release / f"{name}.obj")[0]
        if vertices.shape != neutral.shape:
            raise InputError(
                f"{release / name}.obj: {len(vertices)} vertices, the mean face has {len(neutral)}."
            )
        modes[name.startswith(_IDENTITY)].append((vertices - neutral)[: len(neutral) - eyelashes])
    identity, identity_scale = _rounded(modes[True])
    expressions, expressions_scale = _rounded(modes[False])
    return {
        "neutral": neutral.astype(np.float32),
        "faces": faces.astype(np.int32),
        "uv": uv.astype(np.float32),
        "faces_uv": faces_uv.astype(np.int32),
        "identity": identity,
        "identity_scale": identity_scale,
        "expressions": expressions,
        "expressions_scale": expressions_scale,
        "expression_names": np.array([name for name in names if not name.startswith(_IDENTITY)]),
        "multipie68": np.array(points),
    }


def read_obj(path: Path) -> tuple[FloatArray, FloatArray, IndexArray, IndexArray]:
    """A mesh of triangles and quadrilaterals.

    Returns:
      vertices [V, 3], texture coordinates [U, 2], and for each face its four vertices and four
      texture coordinates, int [F, 4], -1 in the last column of a triangle.

    Raises:
      InputError: the file cannot be read as such a mesh.
    """
    rows: dict[str, list[list[str]]] = {"v": [], "vt": [], "f": []}
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            kind, *words = line.split() or [""]
            if kind in rows:
                rows[kind].append(words)
        corners = [
            [[int(number) - 1 for number in word.split("/")[:2]] for word in face]
            for face in rows["f"]
        ]
        padded = np.array([(*face, [-1, -1])[:4] for face in corners])
        vertices, uv = np.array(rows["v"], np.float64), np.array(rows["vt"], np.float64)[:, :2]
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{path}: cannot be read as a mesh ({error}).") from error
    return vertices, uv, padded[..., 0], padded[..., 1]


def _rounded(modes: list[FloatArray]) -> tuple[Any, Any]:
    """Displacements in 8 bits, int8 [N, V, 3], and their units, float32 [N]."""
    stacked = np.stack(modes)
    scale = np.maximum(np.abs(stacked).max(axis=(1, 2)), 1e-12) / 127
    return np.round(stacked / scale[:, None, None]).astype(np.int8), scale.astype(np.float32)


if __name__ == "__main__":
    define_path("release", None, "The folder FaceXModel of the release.", required=True)
    define_path("output", "ict_facekit_light.npz", "The head's file (.npz).")
    app.run(main)
