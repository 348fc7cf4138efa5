"""The output table: a row for each face, and one for a photo without a face or with an error."""

from collections.abc import Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from evae_tf.align.aligned_face import AlignedFace

Row: TypeAlias = dict[str, Any]

_POINT = pa.list_(pa.float32(), 2)

SCHEMA = pa.schema(
    [
        ("image", pa.string()),
        ("face", pa.int32()),
        ("score", pa.float32()),
        ("box", pa.list_(pa.float32(), 4)),
        ("landmarks", pa.list_(_POINT)),
        ("visibility", pa.list_(pa.float32())),
        ("covariance", pa.list_(pa.list_(_POINT, 2))),
        ("yaw", pa.float32()),
        ("pitch", pa.float32()),
        ("roll", pa.float32()),
        ("error", pa.string()),
        ("model", pa.string()),
        ("model_sha256", pa.string()),
        ("width", pa.int32()),
        ("height", pa.int32()),
    ]
)


def photo_rows(image: str, size: tuple[int, int], faces: Sequence[AlignedFace]) -> list[Row]:
    """The rows of a readable photo; missing columns are null.

    Args:
      image: address of the photo.
      size: (width, height), pixels.
      faces: list of `AlignedFace`, by falling score.
    """
    photo = {"image": image, "width": size[0], "height": size[1]}
    return [{**photo, "face": i, **_values(face)} for i, face in enumerate(faces)] or [photo]


def error_row(image: str, sentence: str) -> Row:
    """The row of a photo that cannot be used; `sentence` does not repeat the address."""
    return {"image": image, "error": sentence}


def as_table(found: Sequence[Row], model: str, model_sha256: str) -> pa.Table:
    """A table of `SCHEMA`.

    Args:
      found: list of `photo_rows` and `error_row`.
      model: name or path of the model, as given.
      model_sha256: SHA-256 of its file, hexadecimal.
    """
    made = {"model": model, "model_sha256": model_sha256}
    return pa.Table.from_pylist([{**row, **made} for row in found], schema=SCHEMA)


def _values(face: AlignedFace) -> Row:
    values: Row = {
        "score": face.score,
        "box": face.box.tolist(),
        "landmarks": face.landmarks.tolist(),
    }
    if face.visibility is not None:
        values["visibility"] = face.visibility.tolist()
    if face.covariance is not None:
        values["covariance"] = face.covariance.tolist()
    if (pose := face.pose) is not None:
        values |= {"yaw": pose.yaw, "pitch": pose.pitch, "roll": pose.roll}
    return values
