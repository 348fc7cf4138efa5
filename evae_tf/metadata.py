"""What a saved model says about itself; every artefact carries it."""

import dataclasses
from typing import Any

from evae_tf import geometry, markups
from evae_tf.errors import InputError


@dataclasses.dataclass(frozen=True)
class ModelMetadata:
    """All that is needed to use a model on a photo and to report on it.

    Attributes:
      markup: `Markup` of the landmarks.
      input_size: S, side of the crop in pixels.
      crop_margin: see `geometry.square_around`.
      architecture: of the comparison, such as `evae_cnn`.
      preset: the configuration it was trained with started from.
      map_label: the shape that its response maps were trained to have, see `ResponseMapCodec`.
      map_label_size_px: the size of that, cells.
      readout_power: how landmarks are read off its maps, see `response_maps.soft_argmax`.
      version: of the package that trained it.
      face_box: where the boxes of the training faces lie, see `geometry.relative_box`. Crops
        around landmarks that are known have to be like those of the training.
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

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready; `from_dict` reads it back."""
        fields = dataclasses.asdict(self)
        return {**fields, "markup": self.markup.to_dict(), "face_box": list(self.face_box)}

    @classmethod
    def from_dict(cls, record: dict[str, Any], source: str) -> "ModelMetadata":
        """Reads what `to_dict` wrote; further keys are left alone.

        Raises:
          InputError: a key is missing; `source` names the file.
        """
        # Files from before `face_box` are of models that were trained on tight boxes; those from
        # before `map_label` have the labels of `default`, but for some of `paper`.
        record = {
            "face_box": geometry.TIGHT_BOX,
            "map_label": "gaussian",
            "map_label_size_px": 1.0,
            **record,
        }
        names = [field.name for field in dataclasses.fields(cls)]
        missing = [name for name in names if name not in record]
        if missing:
            raise InputError(f"{source}: the model's description lacks {missing}.")
        values = {name: record[name] for name in names}
        values["markup"] = markups.Markup.from_dict(record["markup"], source)
        return cls(**{**values, "face_box": tuple(record["face_box"])})
