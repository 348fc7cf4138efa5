"""Labels the photos of `clean/` with 68 points.

  python -m recipes.free.label --data=CLEAN --teacher=mediapipe_face_landmarks_v2.tflite
    --output=runs/free/photos

Hand-placed points are taken where they exist. The other photos are labelled by MediaPipe's network
in many views; where these disagree, the photo is left out. The `val` rows are the photos of
held-out people with hand-placed points; other photos of them are left out. `mesh.csv` has the
landmarks of the network for those `val` rows: they show how far it can be trusted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from absl import app, flags

from evae_tf import markups, progress
from evae_tf.array_types import FloatArray
from evae_tf.cli.path_flags import define_path
from evae_tf.data.images import read_image
from recipes.free import clean_photos, definition, lists, mesh_points
from recipes.free import head as heads
from recipes.free.agreement import error, spread
from recipes.free.clean_photos import Photo
from recipes.free.lists import Labelled
from recipes.free.mesh_points import Readout
from recipes.free.mesh_teacher import Meshes, MeshTeacher

FLAGS = flags.FLAGS

MESH = "mesh.csv"
_MAX_SPREAD = 0.01  # of the views, as a fraction of the face's size
_FLIP = markups.MARKUPS["ibug_68"].flip_permutation


def main(_: list[str]) -> None:
    """Prints the error on the held-out photos and how many photos of each set were kept."""
    data = Path(FLAGS.data)
    frontal = definition.points_of_head(data / heads.FILE)
    photos = clean_photos.read(data)
    pointed = [photo for photo in photos if photo.pointed]
    hand = {photo.image: hand_landmarks(photo, frontal) for photo in pointed}
    teacher = MeshTeacher(FLAGS.teacher)
    meshes = {
        photo.image: teacher.meshes(read_image(photo.image))
        for photo in progress.bar(photos, desc="meshes of photos")
    }
    readout = learn([photo for photo in pointed if not photo.held_out], hand, meshes)
    views = {image: landmarks(mesh, readout) for image, mesh in meshes.items()}
    measured = [
        Labelled(photo.image, views[photo.image].mean(axis=0), "val", photo.source, "mesh")
        for photo in pointed
        if photo.held_out
    ]
    errors = np.stack([error(each.landmarks, hand[each.image]) for each in measured])
    print(
        f"error on {len(measured)} held-out photos: {errors.mean():.2%} of the distance of the "
        f"outer eye corners (jaw {errors[:, :17].mean():.2%}, inner {errors[:, 17:].mean():.2%})"
    )
    output = Path(FLAGS.output)
    lists.write_rows(measured, output / MESH)
    kept = chosen(photos, hand, views)
    lists.write(kept, output / "landmarks.csv", teacher=lists.sha256(FLAGS.teacher))
    for source, count in Counter(photo.source for photo in photos).items():
        splits = Counter(each.split for each in kept if each.source == source)
        print(f"{source}: {splits['train']} train, {splits['val']} val, of {count}")


def hand_landmarks(photo: Photo, frontal: FloatArray) -> FloatArray:
    """The hand-placed points of a photo in the definition of 300-W.

    Args:
      photo: has hand-placed points.
      frontal: float [68, 2], see `definition.points_of_head`.

    Returns:
      float [68, 2], image pixels.
    """
    template = photo.template()
    points = definition.with_brows(photo.hand_points(), template)
    points = definition.with_nose_base(points, template)
    points = definition.with_bridge(points, frontal)
    return definition.with_jaw(points)


def landmarks(meshes: Meshes, readout: Readout) -> FloatArray:
    """Landmarks of a photo in all views, mirrored ones included: float [V, 68, 2]."""
    mirrored = np.stack([readout.points(mesh) for mesh in meshes.mirrored])
    return np.concatenate(
        [
            np.stack([readout.points(mesh) for mesh in meshes.views]),
            mirror(mirrored, meshes.width),
        ]
    )


def mirror(points: FloatArray, width: int) -> FloatArray:
    """Landmarks [..., 68, 2] of the mirrored photo, whose width is in pixels."""
    points = points[..., _FLIP, :]
    return np.stack([width - 1 - points[..., 0], points[..., 1]], axis=-1)


def learn(
    photos: Sequence[Photo],
    hand: Mapping[Path, FloatArray],
    meshes: Mapping[Path, Meshes],
) -> Readout:
    """The readout of photos with hand-placed points and of their mirror images."""
    own = [meshes[photo.image] for photo in photos]
    points = [hand[photo.image] for photo in photos]
    flipped = [mirror(each, mesh.width) for each, mesh in zip(points, own, strict=True)]
    means = [mesh.views.mean(axis=0) for mesh in own] + [mesh.mirrored.mean(axis=0) for mesh in own]
    return mesh_points.learn(np.stack(means), np.stack(points + flipped))


def chosen(
    photos: Sequence[Photo], hand: Mapping[Path, FloatArray], views: Mapping[Path, FloatArray]
) -> list[Labelled]:
    """The photos to list: `train` where the views agree, `val` if held out and hand-placed."""
    kept = []
    for photo in photos:
        split = "val" if photo.held_out else "train"
        if photo.image in hand:
            kept.append(Labelled(photo.image, hand[photo.image], split, photo.source, "hand"))
        elif split == "train" and spread(views[photo.image]) < _MAX_SPREAD:
            mean = views[photo.image].mean(axis=0)
            kept.append(Labelled(photo.image, mean, split, photo.source, "mesh"))
    return kept


if __name__ == "__main__":
    define_path("data", None, "The folder `clean`.", required=True)
    define_path("teacher", None, "MediaPipe's landmark network (.tflite).", required=True)
    define_path("output", "runs/free/photos", "Folder for landmarks.csv and evidence.json.")
    app.run(main)
