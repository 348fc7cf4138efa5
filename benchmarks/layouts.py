"""Writes annotated faces in every layout that the package reads."""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import cv2
import h5py
import numpy as np
import scipy.io

from evae_tf.data.face import Face
from evae_tf.data.readers import aflw19, cofw
from evae_tf.geometry import BOX_COLUMNS


def write_images(root: Path, names: Iterable[str], faces: Sequence[Face]) -> None:
    """Writes the pixels of faces to files under `root`."""
    for name, face in zip(names, faces, strict=True):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(root / name), np.asarray(face.image)[..., ::-1])


def write_300w(root: Path, faces: Sequence[Face]) -> list[str]:
    """A .pts file beside each image, counted from 1."""
    names = [f"lfpw/trainset/image_{i:04}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    for name, face in zip(names, faces, strict=True):
        (root / name).with_suffix(".pts").write_text(_pts(face.landmarks + 1))
    return [name.removesuffix(".png") for name in names]


def write_merl_rav(root: Path, faces: Sequence[Face]) -> list[str]:
    """As 300-W, but counted from 0 and negative if a point is covered."""
    names = [f"frontal/trainset/image{i:05}" for i in range(len(faces))]
    write_images(root / "merl_rav_organized", [f"{name}.jpg" for name in names], faces)
    for name, face in zip(names, faces, strict=True):
        signed = np.where(np.asarray(face.visible)[:, None], face.landmarks, -face.landmarks)
        (root / "merl_rav_organized" / f"{name}.pts").write_text(_pts(signed))
    return names


def _pts(points: np.ndarray) -> str:
    lines = [f"{x:.6f} {y:.6f}" for x, y in points]
    return "\n".join(["version: 1", f"n_points:  {len(points)}", "{", *lines, "}"])


def write_mtfl(root: Path, faces: Sequence[Face]) -> list[str]:
    """A line for each image, its path with backslashes."""
    names = [f"net_7876/{i}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    rows = []
    for name, face in zip(names, faces, strict=True):
        numbers = " ".join(f"{value:.3f}" for value in (face.landmarks + 1).T.ravel())
        rows.append(f" {name} {numbers} 1 2 2 3\n".replace("/", "\\"))
    (root / "training.txt").write_text("".join(rows))
    return names


def write_mtfl_with_boxes(root: Path, faces: Sequence[Face]) -> list[str]:
    """As `write_mtfl`, with the detector's boxes beside it."""
    names = write_mtfl(root, faces)
    rows = [
        " ".join(map(str, [name, *np.rint(face.box[[0, 2, 1, 3]]).astype(int)]))
        for name, face in zip(names, faces, strict=True)
    ]
    (root / "boxes_training.txt").write_text("\n".join(rows))
    return names


def write_aflw19(root: Path, faces: Sequence[Face]) -> list[str]:
    """One .mat of version 5."""
    names = [f"0/image{i:05}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    boxes = np.stack([face.box for face in faces])[:, [0, 2, 1, 3]]
    points = np.stack([face.landmarks.T.ravel() for face in faces])
    content = {"data": points, "bbox": boxes, "mask_new": np.ones((len(faces), 19))}
    content |= {"nameList": _cells(names), "ra": np.arange(1, len(faces) + 1)[None]}
    scipy.io.savemat(root / aflw19.FILE, content)
    return names


def write_cofw(root: Path, faces: Sequence[Face]) -> list[str]:
    """One .mat of version 5, the grey images in it."""
    images = [cv2.cvtColor(np.asarray(face.image), cv2.COLOR_RGB2GRAY) for face in faces]
    points, boxes = _cofw_arrays(faces)
    content = {"IsTr": _cells(images), "phisTr": points, "bboxesTr": boxes}
    scipy.io.savemat(root / cofw.FILES["train"][1], content)
    return [f"train/{i + 1}" for i in range(len(faces))]


def write_cofw_colour(root: Path, faces: Sequence[Face]) -> list[str]:
    """One .mat of version 7.3, which is HDF5 with all arrays transposed."""
    points, boxes = _cofw_arrays(faces)
    with h5py.File(root / cofw.FILES["train"][0], "w", userblock_size=512) as file:
        cells = file.create_dataset("IsTr", (1, len(faces)), h5py.ref_dtype)
        cells[0] = [
            file.create_dataset(f"#refs#/{i}", data=np.asarray(face.image).T).ref
            for i, face in enumerate(faces)
        ]
        file["phisTr"], file["bboxesTr"] = points.T, boxes.T
    return [f"train/{i + 1}" for i in range(len(faces))]


def _cofw_arrays(faces: Sequence[Face]) -> tuple[np.ndarray, np.ndarray]:
    points = np.stack([(face.landmarks + 1).T.ravel() for face in faces])
    occluded = np.stack([~np.asarray(face.visible) for face in faces])
    x_min, y_min, x_max, y_max = np.stack([face.box for face in faces]).T
    boxes = np.stack([x_min + 1, y_min + 1, x_max - x_min, y_max - y_min], axis=1)
    return np.hstack([points, occluded]), boxes


def _cells(values: Sequence[object]) -> np.ndarray:
    cells = np.empty((len(values), 1), object)
    cells[:, 0] = values
    return cells


def write_wflw(root: Path, faces: Sequence[Face]) -> list[str]:
    """A line for each face, its image path at the end."""
    names = [f"0--Parade/{i}.png" for i in range(len(faces))]
    write_images(root / "WFLW_images", names, faces)
    lines = []
    for name, face in zip(names, faces, strict=True):
        numbers = [*face.landmarks.ravel(), *np.rint(face.box).astype(int), *"000000"]
        lines.append(f"{' '.join(map(str, numbers))} {name}\n")
    (root / "list_98pt_rect_attr_train.txt").write_text("".join(lines))
    return names


def write_csv(root: Path, faces: Sequence[Face]) -> list[str]:
    """A user's table, `faces.csv`."""
    names = [f"photos/{i}.png" for i in range(len(faces))]
    write_images(root, names, faces)
    count = faces[0].markup.num_points
    header = ["image", *(f"{axis}{i}" for i in range(count) for axis in "xy")]
    header += [*(f"visible{i}" for i in range(count)), *BOX_COLUMNS, "split"]
    rows = [
        [name, *face.landmarks.ravel(), *np.asarray(face.visible).astype(int), *face.box, "train"]
        for name, face in zip(names, faces, strict=True)
    ]
    _write_table(root / "faces.csv", [header, *rows])
    return names


def write_boxes(root: Path, faces: Sequence[Face]) -> list[str]:
    """A detector's table, `boxes.csv`."""
    names = [f"photos/{i}.png" for i in range(len(faces))]
    rows = [[name, *face.box] for name, face in zip(names, faces, strict=True)]
    _write_table(root / "boxes.csv", [["image", *BOX_COLUMNS], *rows])
    return names


def _write_table(path: Path, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def write_markup(root: Path, faces: Sequence[Face]) -> list[str]:
    """The faces' markup, `markup.json`."""
    (root / "markup.json").write_text(json.dumps(faces[0].markup.to_dict(), indent=1))
    return []


def write_val_list(root: Path, faces: Sequence[Face]) -> list[str]:
    """As `write_300w`, with the first face held out."""
    names = write_300w(root, faces)
    (root / "val.txt").write_text(f"{names[0]}\n")
    return names


# The data sets by name; each function writes faces and returns their names in val.txt.
WRITERS: dict[str, Callable[[Path, Sequence[Face]], list[str]]] = {
    "300w": write_300w,
    "mtfl": write_mtfl,
    "aflw19": write_aflw19,
    "merl_rav": write_merl_rav,
    "cofw": write_cofw,
    "wflw": write_wflw,
}
