"""Reports of small models, as the tests of this folder read them."""

import dataclasses
import json

import numpy as np

from evae_tf import markups
from evae_tf.evaluation.evaluate import evaluate

MTFL = markups.MARKUPS["mtfl_5"]
ARCHITECTURES = ("cnn", "fcn", "evae", "fcn_cnn", "evae_cnn")


def report(models, faces, folder, **options):
    """The rows of report.json."""
    evaluate(models, faces, folder, **options)
    text = (folder / "report.json").read_text()
    return json.loads(text, parse_constant=_refuse)["rows"]


def _refuse(constant):
    """As strict parsers do: NaN and Infinity are not JSON, though Python accepts them."""
    raise AssertionError(f"report.json holds {constant}")


def without(faces, *absent):
    """The faces without the annotations of the points (face, point)."""
    landmarks = np.stack([face.landmarks for face in faces])
    visible = np.stack([face.visible for face in faces])
    for index in absent:
        landmarks[index] = np.nan
        visible[index] = False
    return [
        dataclasses.replace(face, landmarks=points, visible=flags)
        for face, points, flags in zip(faces, landmarks, visible, strict=True)
    ]
