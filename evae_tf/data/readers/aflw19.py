"""Reader of AFLW with 19 points, from AFLWinfo_release.mat.

Source: Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, CVPR 2016.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evae_tf.data.face import Face, make_face
from evae_tf.data.readers.mat_file import read_mat
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError
from evae_tf.markups import Markup

FILE = "AFLWinfo_release.mat"
_NUM_TRAIN = 20000  # the first faces in the order `ra`


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each face of the subset, named by its entry in `nameList`.

    `frontal` is the test faces with all 19 points visible. The release does not say that it counts
    pixels from 1, so coordinates are used unchanged. `mask_new` marks the visible points. Hidden
    points keep their estimated position, except those at (0, 0), which are not annotated.

    Raises:
      InputError: the file is missing, or the file or a face is damaged.
    """
    path = data_dir / FILE
    tables, (names,) = read_mat(path, ("data", "bbox", "mask_new", "ra"), ("nameList",))
    data, boxes, visible, order = tables
    num_faces = len(names)
    shapes = [np.shape(part) for part in (data, boxes, visible)]
    if shapes != [(num_faces, 38), (num_faces, 4), (num_faces, 19)]:
        raise InputError(
            f"{path}: data, bbox and mask_new have the shapes {shapes} for {num_faces} names, "
            "expected 38, 4 and 19 columns and one row per name."
        )
    if not np.array_equal(np.sort(order, axis=None), np.arange(1, num_faces + 1)):
        raise InputError(f"{path}: ra is not a permutation of the {num_faces} faces.")
    order = order.ravel().astype(int) - 1
    for row in order[:_NUM_TRAIN] if subset == "train" else order[_NUM_TRAIN:]:
        if subset == "frontal" and not visible[row].all():
            continue
        landmarks = data[row].reshape(2, 19).T.copy()
        absent = ~landmarks.any(axis=1) & (visible[row] == 0)
        landmarks[absent] = np.nan
        source = f"{path}, face {row + 1}"
        with errors_name(source):
            name = _name(names[row])
            face = make_face(
                _image(data_dir, name),
                landmarks,
                markup=markup,
                subset=subset,
                name=name,
                box=boxes[row][[0, 2, 1, 3]],
                visible=visible[row],
                source=source,
            )
        yield face


def _name(cell: np.ndarray) -> str:
    if cell.dtype.kind != "U" or cell.size != 1:
        raise InputError(f"nameList contains {cell.dtype} {list(cell.shape)}, expected text")
    return str(cell.item())


def _image(data_dir: Path, name: str) -> Path:
    """The image path: AFLW has the folders `data/flickr/0`, ..., many copies only `0`, ..."""
    original = data_dir / "data" / "flickr" / name
    return original if os.path.isfile(original) else data_dir / name
