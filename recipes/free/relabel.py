"""Labels the photos of a list again, with a model that was trained on such a list.

  python -m recipes.free.relabel --data=CLEAN --model=runs/free/1/model.keras
    --trained_on=runs/free/list_1/landmarks.csv --labels=runs/free/photos/landmarks.csv
    --output=runs/free/photos_2

The list that the model was trained on is checked first: a model of other faces labels nothing.
`--labels` is the list of `recipes.free.label`. The model sees each photo in many views. Where they
disagree with each other or with the list, the photo is left out. Else its new landmarks are means
of the model's and the list's. The model's weight is the one that is best for the held-out photos
with hand-placed points, for each part of the face. Hand-placed points are kept.
"""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import geometry, markups, progress
from evae_tf.array_types import FloatArray
from evae_tf.artifacts.predictors import Predictor, open_model
from evae_tf.cli.path_flags import define_path
from evae_tf.data.crops import cut_crops
from evae_tf.data.face import make_face
from evae_tf.errors import InputError
from recipes.free import evidence, lists
from recipes.free.agreement import PARTS, agreed, best_weights, error, mixed
from recipes.free.label import MESH
from recipes.free.lists import Labelled
from recipes.predictions import landmarks_in

FLAGS = flags.FLAGS

_SHIFTS = ((0, 0), (0.05, 0), (-0.05, 0), (0, 0.05), (0, -0.05))  # of the box, in its sides
_SCALES = (0.92, 1.0, 1.1)
_IBUG = markups.MARKUPS["ibug_68"]


def main(_: list[str]) -> None:
    """Prints the model's weights, the errors they reach and how many photos were kept."""
    labels, output = Path(FLAGS.labels), Path(FLAGS.output)
    if not Path(FLAGS.model).is_file():  # the name of a shipped model would be found elsewhere
        raise InputError(f"{FLAGS.model}: no such file.")
    evidence.check(FLAGS.trained_on, FLAGS.data)
    facts = {
        name: fact for name, fact in evidence.read(labels.parent).items() if name != "pictures"
    }
    facts |= {"model": lists.sha256(FLAGS.model), "trained_on": lists.sha256(FLAGS.trained_on)}
    mesh = lists.read(labels.with_name(MESH))
    kept = again(open_model(FLAGS.model), lists.read(labels), mesh)
    lists.write(kept, output / "landmarks.csv", **facts)
    lists.write_rows(mesh, output / MESH)


def again(
    model: Predictor, pictures: Sequence[Labelled], mesh: Sequence[Labelled]
) -> list[Labelled]:
    """The pictures with new landmarks where they are not hand-placed, without those in doubt.

    Args:
      model: of 68 points.
      pictures: of a list; the `val` ones have hand-placed points.
      mesh: the `val` pictures with the landmarks of the mesh.
    """
    hand = {each.image: each.landmarks for each in pictures if each.split == "val"}
    true, meshes = np.stack([hand[each.image] for each in mesh]), points_of(mesh)
    found = predict(model, mesh).mean(axis=0)
    weights = best_weights(found, meshes, true)
    for name, part in PARTS.items():
        print(f"weight of the model, {name}: {weights[part].mean():.1f}")
    both = mixed(found, meshes, weights)
    for name, each in {"mesh": meshes, "model": found, "both": both}.items():
        errors = np.stack([error(*pair) for pair in zip(each, true, strict=True)])
        print(
            f"error of {name} on {len(true)} held-out photos, which chose the weights: "
            f"{errors.mean():.2%}"
        )
    guessed = [each for each in pictures if each.split == "train" and each.by != "hand"]
    views = predict(model, guessed)
    good = agreed(views, points_of(guessed))
    print(f"{good.sum()} of {len(good)} photos kept")
    new = mixed(views.mean(axis=0), points_of(guessed), weights)
    return [each for each in pictures if each.split == "val" or each.by == "hand"] + [
        dataclasses.replace(each, landmarks=points, by="model")
        for each, points, keep in zip(guessed, new, good, strict=True)
        if keep
    ]


def points_of(pictures: Sequence[Labelled]) -> FloatArray:
    """The landmarks of pictures, float32 [N, 68, 2]."""
    return np.stack([each.landmarks for each in pictures])


def predict(model: Predictor, pictures: Sequence[Labelled]) -> FloatArray:
    """The model's landmarks in all views, mirrored ones included.

    Args:
      model: of 68 points.
      pictures: N pictures; their landmarks say where the face is.

    Returns:
      float32 [V, N, 68, 2], image pixels.
    """
    metadata = model.metadata
    crop = {"size": metadata.input_size, "margin": metadata.crop_margin}
    faces = [
        make_face(each.image, each.landmarks, markup=_IBUG, subset="", name=str(each.image))
        for each in pictures
    ]
    boxes = geometry.box_of_landmarks(points_of(pictures), metadata.face_box)
    found = []
    views = [(shift, scale) for shift in _SHIFTS for scale in _SCALES]
    for shift, scale in progress.bar(views, desc="views of photos"):
        middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
        middle = middle + 2 * half.max(axis=1, keepdims=True) * np.float32(shift)
        moved = np.concatenate([middle - half * scale, middle + half * scale], axis=1)
        crops = cut_crops(faces, boxes=moved, **crop)
        for mirrored in (False, True):
            fractions = landmarks_in(model, crops, mirrored=mirrored)
            found.append(geometry.crop_to_image(fractions, crops.squares))
    return np.stack(found)


if __name__ == "__main__":
    define_path("model", None, "A model trained on clean and drawn faces (.keras).", required=True)
    define_path("data", None, "The folder clean/.", required=True)
    define_path("trained_on", None, "The list that the model was trained on.", required=True)
    define_path("labels", None, "List of `recipes.free.label`.", required=True)
    define_path("output", None, "Folder of the new list.", required=True)
    app.run(main)
