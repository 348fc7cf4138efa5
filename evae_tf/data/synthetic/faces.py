"""Synthetic faces: any number, in any built-in markup, with exact pose and visibility."""

import cv2
import numpy as np

from evae_tf import progress
from evae_tf.array_types import BoolArray, ByteArray, FloatArray
from evae_tf.data.face import Face, make_face
from evae_tf.data.synthetic.landmarks import LAYOUTS, markup_points
from evae_tf.data.synthetic.paint import paint_head
from evae_tf.data.synthetic.photo import background, camera, put_glasses, put_occluder
from evae_tf.data.synthetic.scene import Canvas, Light, View, put_body, put_ears, put_long_hair
from evae_tf.data.synthetic.shape import Shape, sample_shape
from evae_tf.data.synthetic.skin import sample_look
from evae_tf.errors import UsageError
from evae_tf.head_pose import HeadPose
from evae_tf.markups import MARKUPS, Markup

COUNTS = {"train": 2000, "val": 200, "test": 500}
SIDE_PX = 176
_SUPERSAMPLING = 1.25
_HIDDEN_DEPTH = 0.15  # eye distances


def read(subset: str, markup: Markup, count: int | None = None, seed: int = 0) -> list[Face]:
    """Generates synthetic faces; the result depends on the arguments only.

    Args:
      subset: `train`, `val` or `test`; they share no face.
      markup: a built-in `Markup`.
      count: number of faces, or None for 2000, 200 and 500. A smaller count gives the first faces
        of a larger one.
      seed: random seed.

    Returns:
      A list of `Face` whose images are pixels, uint8 [176, 176, 3].

    Raises:
      InputError: the subset is unknown, or the markup is user-defined.
    """
    if subset not in COUNTS:
        raise UsageError(f"unknown subset {subset!r} of synthetic; known: {', '.join(COUNTS)}.")
    if markup.name not in LAYOUTS or markup.points != MARKUPS[markup.name].points:
        raise UsageError(
            f"synthetic faces need one of the built-in markups {', '.join(LAYOUTS)}; found "
            f"{markup.name} with {markup.num_points} points."
        )
    part, count = list(COUNTS).index(subset), COUNTS[subset] if count is None else count
    bar = progress.bar(range(count), desc="drawing faces", unit="face", hidden=count < 300)
    return [
        draw_face(markup, (seed, part, index), subset=subset, name=f"{subset}_{index}")[0]
        for index in bar
    ]


def draw_face(
    markup: Markup,
    seed: int | tuple[int, ...],
    *,
    pose: HeadPose | None = None,
    occluded: bool | None = None,
    subset: str = "train",
    name: str = "face",
) -> tuple[Face, HeadPose]:
    """Generates one synthetic face.

    Args:
      markup: a built-in `Markup`; the image does not depend on it.
      seed: int or tuple of ints.
      pose: `HeadPose`, or None for a random one with up to 60 degrees of yaw.
      occluded: whether a hand, scarf, patch, microphone or sunglasses occlude the face; None
        chooses at random.
      subset: see `Face`.
      name: see `Face`.

    Returns:
      (`Face`, `HeadPose`).
    """
    streams = np.random.SeedSequence(seed).spawn(5)
    of_shape, of_pose, of_look, of_occluder, of_camera = map(np.random.default_rng, streams)
    shape = sample_shape(of_shape)
    drawn_pose = _sample_pose(of_pose)
    pose = drawn_pose if pose is None else pose
    side = round(SIDE_PX * _SUPERSAMPLING)
    scale = side * of_pose.uniform(0.21, 0.26)
    centre = side * (np.asarray([0.5, 0.43], np.float64) + of_pose.normal(0, 0.02, 2))
    view = View(pose.rotation, scale, centre)
    colors, depth = _draw_person(side, view, shape, of_look)
    image = background(of_look, side)
    cv2.copyTo(colors, np.isfinite(depth).astype(np.uint8), image)
    points, visible = _landmarks(shape, view, markup, depth)

    column, row = np.clip(np.rint(points).astype(int), 0, side - 1).T
    if of_look.random() < 0.17:
        put_glasses(image, view, shape, of_look, dark=False)
    hides = of_occluder.random() < 0.25
    hides = hides if occluded is None else occluded
    if hides and of_occluder.random() < 0.2:
        visible &= ~put_glasses(image, view, shape, of_occluder, dark=True)[row, column]
    elif hides:
        visible &= ~put_occluder(image, points, of_occluder)[row, column]
    smaller = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    image = camera(np.asarray(smaller, np.uint8), of_camera)
    landmarks = (points + 0.5) / _SUPERSAMPLING - 0.5
    face = make_face(image, landmarks, markup=markup, subset=subset, name=name, visible=visible)
    return face, pose


def _sample_pose(rng: np.random.Generator) -> HeadPose:
    yaw = rng.normal(0, 16) if rng.random() < 0.75 else rng.uniform(-60, 60)
    return HeadPose(float(np.clip(yaw, -60, 60)), float(rng.normal(0, 10)), float(rng.normal(0, 9)))


def _draw_person(
    side: int, view: View, shape: Shape, rng: np.random.Generator
) -> tuple[ByteArray, FloatArray]:
    look, canvas = sample_look(rng), Canvas(side)
    direction = np.asarray(
        [rng.normal(0, 0.6), rng.uniform(-1.1, 0.3), rng.uniform(0.4, 1.2)], np.float64
    )
    direction /= np.linalg.norm(direction)
    light = Light(direction, ambient=rng.uniform(0.45, 0.8), gloss=rng.uniform(0, 45))
    put_body(canvas, view, light, shape, look, rng)
    put_ears(canvas, view, light, shape, look, rng)
    grid, colors = paint_head(shape, look, rng)
    canvas.put(view, light, grid, colors, glossy=True)
    if look.has_long_hair:
        put_long_hair(canvas, view, light, look, rng)
    return canvas.seen()


def _landmarks(
    shape: Shape, view: View, markup: Markup, seen_depth: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Landmarks in pixels [K, 2] and visibility [K].

    As in 300-W, hidden jaw points are annotated on the visible outline: each point slides along its
    row of the head.
    """
    flat = markup_points(shape, markup.name)
    surface = shape.surface(flat)
    is_jaw = np.array([name.startswith("jaw") for name in markup.points])
    if is_jaw.any():
        surface[is_jaw] = _slide_to_outline(shape, view, flat[is_jaw])
    points, depth = view(surface)
    # A point is hidden if all visible surface around it is clearly nearer to the viewer. Points on
    # the outline are never hidden.
    around = cv2.erode(seen_depth, np.ones((3, 3)))
    column, row = np.clip(np.rint(points).astype(int), 0, len(around) - 1).T
    return points, around[row, column] < depth + _HIDDEN_DEPTH


def _slide_to_outline(shape: Shape, view: View, jaw: FloatArray) -> FloatArray:
    """Moves each jaw point (x, y) along its row to where the row is widest in the view."""
    inwards = np.linspace(1, 0.35, 40)
    x = jaw[:, :1] * inwards
    rows = shape.surface(np.stack([x, np.broadcast_to(jaw[:, 1:], x.shape)], axis=-1))
    sideways = view(rows)[0] @ view.rotation[:2, 0] * np.sign(jaw[:, :1])
    return rows[np.arange(len(rows)), sideways.argmax(axis=1)]
