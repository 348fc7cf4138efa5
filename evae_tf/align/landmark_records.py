"""Records of landmark files: the values of a face, and the check of a file's source and model."""

import json
from pathlib import Path
from typing import Any, TypeAlias

from evae_tf import geometry
from evae_tf.errors import InputError
from evae_tf.markups import Markup

Record: TypeAlias = dict[str, Any]  # JSON-ready, such as `AlignedFace.to_dict` returns


def landmark_columns(markup: Markup) -> list[str]:
    """The columns of a face in a table, see `landmark_values`."""
    points = [f"{axis}{i}" for i in range(markup.num_points) for axis in "xy"]
    return [
        "score",
        *geometry.BOX_COLUMNS,
        *points,
        *(f"visibility{i}" for i in range(markup.num_points)),
    ]


def landmark_values(record: Record) -> list[Any]:
    """The cells of `landmark_columns` from `AlignedFace.to_dict`."""
    landmarks = [value for point in record["landmarks"] for value in point]
    seen = record.get("visibility", [""] * len(record["landmarks"]))
    return [record["score"], *record["box"], *landmarks, *seen]


def read_record(text: str) -> Record:
    """The dict in the text of a landmark JSON file; an empty dict if there is none."""
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def refuse_another(
    target: Path, record: Record, source: str | Path, model: str, key: str = "image"
) -> None:
    """Refuses to overwrite a file with landmarks of another source or model.

    Args:
      target: Path of the existing file.
      record: the dict in it.
      source: the photo or video to be written.
      model: the model in use.
      key: key of the source in the record.

    Raises:
      InputError: the record has another source or model.
    """
    same = Path(str(record.get(key, ""))).resolve() == Path(source).resolve()
    if not same or record.get("model") != model:
        raise InputError(
            f"{target}: the file exists, with landmarks of {record.get(key)} by "
            f"{record.get('model')} instead of {source} by {model}; use another --output or "
            "--overwrite."
        )
