"""Every data set from its official layout to a trained model, with faces drawn by ourselves.

The readers' own tests look at each detail of a layout; here drawn faces, whose landmarks are
known, are written down as the releases write theirs, read, trained on and predicted.
"""

import cv2
import numpy as np
import pytest
import scipy.io

from evae_tf import markups
from evae_tf.artifacts.predictors import open_model
from evae_tf.data import synthetic
from evae_tf.data.datasets import DATASETS
from evae_tf.data.images import read_image
from evae_tf.data.readers import aflw19
from evae_tf.data.splits import read_training_faces
from evae_tf.training.train import train
from tests.training.test_train import small

NUM_FACES = 16


def write_images(root, names, faces):
    for name, face in zip(names, faces, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), face.image[..., ::-1])


def write_300w(root, faces):
    names = [f"lfpw/trainset/image_{i:04}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    for name, face in zip(names, faces, strict=True):
        lines = [f"{x:.6f} {y:.6f}" for x, y in face.landmarks + 1]
        text = "\n".join(["version: 1", "n_points:  68", "{", *lines, "}"])
        (root / name).with_suffix(".pts").write_text(text)
    return [name.removesuffix(".png") for name in names]


def write_mtfl(root, faces):
    names = [f"net_7876/{i}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    rows = []
    for name, face in zip(names, faces, strict=True):
        numbers = " ".join(f"{value:.3f}" for value in (face.landmarks + 1).T.ravel())
        rows.append(f" {name} {numbers} 1 2 2 3\n".replace("/", "\\"))
    (root / "training.txt").write_text("".join(rows))
    return names


def write_aflw19(root, faces):
    names = [f"0/image{i:05}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    cells = np.empty((len(faces), 1), object)
    cells[:, 0] = names
    boxes = np.stack([face.box for face in faces])[:, [0, 2, 1, 3]]
    points = np.stack([face.landmarks.T.ravel() for face in faces])
    content = {"data": points, "bbox": boxes, "mask_new": np.ones((len(faces), 19))}
    content |= {"nameList": cells, "ra": np.arange(1, len(faces) + 1)[None]}
    scipy.io.savemat(root / aflw19.FILE, content)
    return names


def write_merl_rav(root, faces):
    names = [f"frontal/trainset/image{i:05}" for i in range(len(faces))]
    write_images(root / "merl_rav_organized", [f"{name}.jpg" for name in names], faces)
    for name, face in zip(names, faces, strict=True):
        signed = np.where(face.visible[:, None], face.landmarks, -face.landmarks)
        lines = [f"{x:.6f} {y:.6f}" for x, y in signed]
        text = "\n".join(["version: 1", "n_points:  68", "{", *lines, "}"])
        (root / "merl_rav_organized" / f"{name}.pts").write_text(text)
    return names


def write_cofw(root, faces):
    cells = np.empty((len(faces), 1), object)
    cells[:, 0] = [cv2.cvtColor(face.image, cv2.COLOR_RGB2GRAY) for face in faces]
    points = np.stack([(face.landmarks + 1).T.ravel() for face in faces])
    occluded = np.stack([~face.visible for face in faces])
    x_min, y_min, x_max, y_max = np.stack([face.box for face in faces]).T
    boxes = np.stack([x_min + 1, y_min + 1, x_max - x_min, y_max - y_min], axis=1)
    content = {"IsTr": cells, "phisTr": np.hstack([points, occluded]), "bboxesTr": boxes}
    scipy.io.savemat(root / "COFW_train.mat", content)
    return [f"train/{i + 1}" for i in range(len(faces))]


def write_wflw(root, faces):
    names = [f"0--Parade/{i}.png" for i in range(len(faces))]
    write_images(root / "WFLW_images", names, faces)
    lines = []
    for name, face in zip(names, faces, strict=True):
        numbers = [*face.landmarks.ravel(), *np.rint(face.box).astype(int), *"000000"]
        lines.append(f"{' '.join(map(str, numbers))} {name}\n")
    (root / "list_98pt_rect_attr_train.txt").write_text("".join(lines))
    return names


# Each writes faces and returns their names as a val.txt has them.
WRITERS = {
    "300w": write_300w,
    "mtfl": write_mtfl,
    "aflw19": write_aflw19,
    "merl_rav": write_merl_rav,
    "cofw": write_cofw,
    "wflw": write_wflw,
}


@pytest.mark.parametrize("dataset", WRITERS)
def test_a_data_set_trains_from_its_official_layout(dataset, tmp_path, monkeypatch):
    monkeypatch.setattr(aflw19, "_NUM_TRAIN", NUM_FACES)  # of the release: 20,000
    markup = markups.MARKUPS[DATASETS[dataset].markup]
    drawn = synthetic.read("train", markup, count=NUM_FACES)
    names = WRITERS[dataset](tmp_path, drawn)
    (tmp_path / "val.txt").write_text("\n".join(names[:4]))

    train_faces, val_faces = read_training_faces(dataset, tmp_path, markup)
    assert [len(train_faces), len(val_faces)] == [NUM_FACES - 4, 4]
    by_name = {face.name: face for face in (*train_faces, *val_faces)}
    for face, original in zip(by_name.values(), [*drawn[4:], *drawn[:4]], strict=True):
        np.testing.assert_allclose(face.landmarks, original.landmarks, atol=2e-3)
        image = face.image if isinstance(face.image, np.ndarray) else read_image(face.image)
        if dataset not in ("cofw", "merl_rav"):  # grey, and JPEG
            np.testing.assert_array_equal(image, original.image)

    config = small(dataset=dataset, epochs=1)
    training = train(config, train_faces, val_faces, tmp_path / "run")
    assert 0 < training.best_nme < 1
    model = open_model(tmp_path / "run" / "model.keras")
    assert model.metadata.markup == markup
