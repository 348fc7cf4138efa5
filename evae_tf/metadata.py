"""The metadata of a model, stored in every exported file."""

import dataclasses
from typing import Any

import numpy as np

from evae_tf import fields, geometry, markups
from evae_tf.errors import InputError, UsageError


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """Everything needed to apply a model to a photo and to report on it.

    Attributes:
      markup: `Markup` of the landmarks.
      input_size: S, side of the crop in pixels.
      crop_margin: see `geometry.square_around`.
      architecture: name of the architecture, such as `evae_cnn`.
      preset: base preset of the training configuration.
      map_label: shape of the response map labels in training, see `ResponseMapCodec`.
      map_label_size_px: size of the labels, cells.
      readout_power: exponent of the map decoding, see `response_maps.soft_argmax`.
      version: version of the package that trained it.
      face_box: place of the training boxes, see `geometry.relative_box`. Crops around known
        landmarks have to match those of the training.
      side_shift: how far to the right of the face's own place the model puts the landmarks of
        every face, crop fractions. Of a mirrored crop, they are as far to the left. None if the
        model was not trained on mirrored faces, or that is not known.
    """

    markup: markups.Markup
    input_size: int
    crop_margin: float
    architecture: str
    preset: str
    map_label: str
    map_label_size_px: float
    readout_power: int
    version: str
    face_box: tuple[float, float, float]
    side_shift: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready dict, the inverse of `from_dict`."""
        fields = dataclasses.asdict(self)
        return {**fields, "markup": self.markup.to_dict(), "face_box": list(self.face_box)}

    @classmethod
    def from_dict(cls, record: dict[str, Any], source: str) -> "ModelMetadata":
        """Metadata from a dict of `to_dict`; other keys are ignored.

        Raises:
          InputError: a key is missing or has a wrong value; `source` names the file.
        """
        # Older files: models without `face_box` were trained on tight boxes; models without
        # `map_label` have the labels of `default`, except some of `paper`.
        record = {
            "face_box": geometry.TIGHT_BOX,
            "map_label": "gaussian",
            "map_label_size_px": 1.0,
            "side_shift": None,
            **record,
        }
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in record]
        if missing:
            raise InputError(f"{source}: the model's metadata lacks {missing}.")
        values = {name: record[name] for name in names}
        values["markup"] = markups.Markup.from_dict(record["markup"], source)
        place = record["face_box"]
        values["face_box"] = tuple(place) if isinstance(place, list | tuple) else place
        metadata = cls(**values)
        try:
            fields.check(metadata)
        except UsageError as error:
            raise InputError(f"{source}: the model's metadata is damaged: {error}") from error
        if len(metadata.face_box) != 3 or not np.isfinite(metadata.face_box).all():
            raise InputError(f"{source}: the model's metadata is damaged: face_box={place}.")
        return metadata
