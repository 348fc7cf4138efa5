"""The faces that exported files are compared on and calibrated with."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from evae_tf.data import synthetic
from evae_tf.data.face import Face, face_list, one_markup
from evae_tf.errors import InputError
from evae_tf.markups import Markup

_USED = 200
_MIN_CALIBRATION = 10


@dataclasses.dataclass(frozen=True)
class ExportFaces:
    """Faces of one data set; 200 of each list are used, evenly spaced.

    Attributes:
      compared: list of `Face` for the comparison with the Keras model.
      calibration: list of `Face` for the activation ranges of int8, preferably training faces;
        None for `compared`.
      dataset: name of the data set, for the record.
    """

    compared: Sequence[Face]
    calibration: Sequence[Face] | None = None
    dataset: str = "own"

    @classmethod
    def of(
        cls,
        faces: "Sequence[Face] | ExportFaces | None",
        markup: Markup,
        seed: int,
        *,
        calibration: bool,
    ) -> "ExportFaces":
        """Converts the argument `faces` of `export_model`; None makes synthetic faces.

        Args:
          faces: the argument.
          markup: `Markup` of synthetic faces.
          seed: random seed of synthetic faces.
          calibration: whether faces for the calibration are needed.
        """
        if faces is None:
            subsets = ("val", "train") if calibration else ("val",)
            drawn = [synthetic.read(s, markup, count=_USED, seed=seed) for s in subsets]
            return cls(*drawn, dataset="synthetic")
        return faces if isinstance(faces, ExportFaces) else cls(face_list("faces", faces))

    def for_comparison(self, markup: Markup) -> list[Face]:
        """Up to 200 faces.

        Raises:
          InputError: there are none, they have several markups, or their points are not those of
            `markup`, the model's.
        """
        if not self.compared:
            raise InputError("there are no faces to compare the files on; expected at least one.")
        found = one_markup(self.compared)
        if found.points != markup.points:
            raise InputError(
                f"the faces are annotated in {found.name} ({found.num_points} points); the model "
                f"predicts {markup.name} ({markup.num_points} points)."
            )
        return _spread(self.compared)

    def for_calibration(self) -> list[Face]:
        """Up to 200 faces.

        Raises:
          InputError: there are fewer than 10.
        """
        faces = self.compared if self.calibration is None else self.calibration
        if len(faces) < _MIN_CALIBRATION:
            raise InputError(
                f"found {len(faces)} faces to calibrate activation ranges; int8 needs at least "
                f"{_MIN_CALIBRATION}."
            )
        return _spread(faces)


def _spread(faces: Sequence[Face]) -> list[Face]:
    index = np.linspace(0, len(faces) - 1, min(_USED, len(faces))).round().astype(int)
    return [faces[i] for i in index]
