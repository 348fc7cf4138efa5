"""The faces that exported files are compared on, and quantised by."""

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
    """Faces of one data set; of each list 200 are used, evenly spread.

    Attributes:
      compared: list of `Face` that files are compared with the Keras model on.
      calibration: list of `Face` that int8 takes the ranges of activations from, training faces
        for best; None for `compared`.
      dataset: what they are of, for the record.
    """

    compared: Sequence[Face]
    calibration: Sequence[Face] | None = None
    dataset: str = "own"

    @classmethod
    def of(
        cls, faces: "Sequence[Face] | ExportFaces | None", markup: Markup, seed: int
    ) -> "ExportFaces":
        """What `export_model` was given as `faces`; for None, synthetic faces by `seed`."""
        if faces is None:
            drawn = {"count": _USED, "seed": seed}
            validation, training = (synthetic.read(s, markup, **drawn) for s in ("val", "train"))
            return cls(validation, training, "synthetic")
        return faces if isinstance(faces, ExportFaces) else cls(face_list("faces", faces))

    def for_comparison(self, markup: Markup) -> list[Face]:
        """Up to 200 faces.

        Raises:
          InputError: there is none, or they are of several markups, or their points are not
            those of `markup`, the model's.
        """
        if not self.compared:
            raise InputError("there are no faces to compare the files on.")
        found = one_markup(self.compared)
        if found.points != markup.points:
            raise InputError(
                f"the faces are annotated in {found.name} ({found.num_points} points), the model "
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
                f"{len(faces)} faces to take the ranges of activations from: int8 needs at least "
                f"{_MIN_CALIBRATION}."
            )
        return _spread(faces)


def _spread(faces: Sequence[Face]) -> list[Face]:
    index = np.linspace(0, len(faces) - 1, min(_USED, len(faces))).round().astype(int)
    return [faces[i] for i in index]
