"""What the files of landmarks say of a face, and of what they were made from."""

import json
from pathlib import Path
from typing import Any, TypeAlias

from evae_tf import geometry
from evae_tf.errors import InputError
from evae_tf.markups import Markup

Record: TypeAlias = dict[str, Any]  # JSON-ready, as of `AlignedFace.to_dict`


def landmark_columns(markup: Markup) -> list[str]:
    """What a table says of each face, see `landmark_values`."""
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
    """The dict in a JSON file of landmarks; an empty one if the text holds none."""
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def refuse_another(
    target: Path, record: Record, source: str | Path, model: str, key: str = "image"
) -> None:
    """Refuses a file that is in the way: it holds something else than what would be written.

    Args:
      target: Path of the file.
      record: the dict in it.
      source: the photo or video whose landmarks it should hold.
      model: by what they should have been found.
      key: under which the record names its source.

    Raises:
      InputError: it is of another source or model.
    """
    same = Path(str(record.get(key, ""))).resolve() == Path(source).resolve()
    if not same or record.get("model") != model:
        raise InputError(
            f"{target}: there already, of {record.get(key)} by {record.get('model')} instead of "
            f"{source} by {model}; take another --output, or --overwrite."
        )
