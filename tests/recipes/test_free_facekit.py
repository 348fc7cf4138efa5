"""The head's file, made from a release of a few vertices."""

import json

import numpy as np
import pytest

from evae_tf.errors import InputError
from recipes.free import facekit

CUBE = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], float)


def write(path, vertices):
    lines = ["mtllib a.mtl", *(f"v {x:.6f} {y:.6f} {z:.6f}" for x, y, z in vertices)]
    lines += ["vt 0.25 0.5", "vt 0.75 0.5", "vt 0.5 1.0", "vn 0 0 1", "usemtl skin"]
    lines += ["f 1/1/1 2/2/1 4/3/1 3/1/1", "f 5/1/1 6/2/1 8/3/1"]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def release(tmp_path):
    write(tmp_path / "generic_neutral_mesh.obj", CUBE)
    write(tmp_path / "identity000.obj", CUBE * [2, 1, 1])
    write(tmp_path / "identity001.obj", CUBE * [1, 0.5, 1])
    write(tmp_path / "jawOpen.obj", CUBE + [0, 0, 0.3])
    indices = {"idx_to_landmark_verts": list(range(8)) * 8 + [0, 1, 2, 3]}
    (tmp_path / "vertex_indices.json").write_text(json.dumps(indices))
    return tmp_path


def test_displacements_are_those_of_the_release(release):
    made = facekit.convert(release, eyelashes=0)
    np.testing.assert_allclose(made["neutral"], CUBE)
    assert made["faces"].tolist() == [[0, 1, 3, 2], [4, 5, 7, -1]]
    assert made["faces_uv"].tolist() == [[0, 1, 2, 0], [0, 1, 2, -1]]
    assert made["expression_names"].tolist() == ["jawOpen"]
    moves = made["identity"] * made["identity_scale"][:, None, None]
    np.testing.assert_allclose(moves[0], CUBE * [1, 0, 0], atol=0.005)
    np.testing.assert_allclose(moves[1], CUBE * [0, -0.5, 0], atol=0.005)
    smile = made["expressions"] * made["expressions_scale"][:, None, None]
    np.testing.assert_allclose(smile[0], np.broadcast_to([0, 0, 0.3], (8, 3)), atol=0.005)
    assert len(made["multipie68"]) == 68


def test_the_last_vertices_are_left_out_of_the_modes(release):
    made = facekit.convert(release, eyelashes=2)
    assert made["neutral"].shape == (8, 3) and made["identity"].shape == (2, 6, 3)


def test_a_damaged_release_is_named(release):
    write(release / "jawOpen.obj", CUBE[:7])
    with pytest.raises(InputError, match="jawOpen.obj: 7 vertices, the mean face has 8"):
        facekit.convert(release)
    (release / "jawOpen.obj").write_text("v a b c\n")
    with pytest.raises(InputError, match="jawOpen.obj: cannot be read as a mesh"):
        facekit.convert(release)
    (release / "vertex_indices.json").unlink()
    with pytest.raises(InputError, match="no list idx_to_landmark_verts"):
        facekit.convert(release)


def test_the_real_file_leaves_out_as_many_vertices(shared_data):
    path = shared_data / "clean" / "ict_facekit" / "ict_facekit_light.npz"
    with np.load(path) as file:
        assert len(file["neutral"]) - file["identity"].shape[1] == facekit._EYELASHES
