"""Reader of COFW: 29 points with occlusion, counted from 1; the images are in the .mat files.

Source: Burgos-Artizzu et al., Robust face landmark estimation under occlusion, ICCV 2013.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from evae_tf.array_types import ByteArray
from evae_tf.data.face import Face, make_face
from evae_tf.data.readers.mat_file import read_mat
from evae_tf.data.text_files import errors_name
from evae_tf.errors import InputError
from evae_tf.geometry import from_one_based
from evae_tf.markups import Markup

FILES = {
    "train": ("COFW_train_color.mat", "COFW_train.mat"),
    "test": ("COFW_test_color.mat", "COFW_test.mat"),
}
_SUFFIX = {"train": "Tr", "test": "T"}  # of the variable names


def read(data_dir: Path, subset: str, markup: Markup) -> Iterator[Face]:
    """Yields a `Face` for each row, named `train/ROW` or `test/ROW`, rows counted from 1.

    `Face.image` contains the pixels, grey ones as three equal channels; `visible` means not
    occluded.

    Raises:
      InputError: both the colour and the grey file are missing, or the file is damaged.
    """
    paths = [data_dir / name for name in FILES[subset]]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise InputError(f"{data_dir}: there is no {' or '.join(FILES[subset])}.")
    suffix = _SUFFIX[subset]
    (points, boxes), (images,) = read_mat(
        path, (f"phis{suffix}", f"bboxes{suffix}"), (f"Is{suffix}",)
    )
    shapes = [np.shape(part) for part in (points, boxes)]
    if shapes != [(len(images), 87), (len(images), 4)]:
        raise InputError(
            f"{path}: points and boxes have the shapes {shapes} for {len(images)} images, "
            "expected 87 and 4 columns and one row per image."
        )
    for row, (image, phi, (x, y, width, height)) in enumerate(
        zip(images, points, boxes, strict=True), start=1
    ):
        source = f"{path}, row {row}"
        with errors_name(source):
            face = make_face(
                _rgb(image),
                from_one_based(phi[:58]).reshape(2, 29).T,
                markup=markup,
                subset=subset,
                name=f"{subset}/{row}",
                box=from_one_based([x, y, x + width, y + height]),
                visible=phi[58:] == 0,
                source=source,
            )
        yield face


def _rgb(image: ByteArray) -> ByteArray:
    if image.dtype != np.uint8 or not (image.ndim == 2 or image.shape[2:] == (3,)):
        raise ValueError(
            f"the image is {image.dtype} {list(image.shape)}, expected uint8 [H, W] or [H, W, 3]"
        )
    # HDF5 returns colour images transposed; the copy has the usual memory layout.
    return np.stack([image] * 3, axis=-1) if image.ndim == 2 else np.ascontiguousarray(image)
