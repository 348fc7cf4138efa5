"""Faces drawn by our own code: any number, in any markup, with true pose and visibility."""

import dataclasses

import cv2
import numpy as np
from scipy.spatial.distance import cdist
from tqdm import tqdm

from evae_tf.data.face import make_face
from evae_tf.data.synthetic_paint import IRISES, Painter, View
from evae_tf.data.synthetic_shape import markup_points, sample_shape
from evae_tf.errors import InputError
from evae_tf.markups import MARKUPS

COUNTS = {"train": 2000, "val": 200, "test": 500}
SIDE_PX = 176
_SUPERSAMPLING = 2


@dataclasses.dataclass(frozen=True)
class Pose:
    """How a head is turned, in degrees.

    Attributes:
      yaw: positive turns the nose to the right of the image.
      pitch: positive turns it down.
      roll: positive turns the head clockwise.
    """

    yaw: float
    pitch: float
    roll: float

    @property
    def rotation(self):
        """Float [3, 3], from the face frame (see `synthetic_shape`) to the viewer's."""
        yaw, pitch, roll = np.radians([self.yaw, self.pitch, self.roll])
        about_y = [[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]]
        about_x = [[1, 0, 0], [0, np.cos(pitch), np.sin(pitch)], [0, -np.sin(pitch), np.cos(pitch)]]
        about_z = [[np.cos(roll), -np.sin(roll), 0], [np.sin(roll), np.cos(roll), 0], [0, 0, 1]]
        return np.float64(about_z) @ np.float64(about_x) @ np.float64(about_y)


def read(subset, markup, count=None, seed=0):
    """Drawn faces, always the same ones for the same arguments.

    Args:
      subset: `train`, `val` or `test`; they share no face.
      markup: one of the package's own `Markup`s.
      count: how many, or None for 2000, 200 and 500; fewer are the first of more.
      seed: another seed gives other faces.

    Returns:
      A list of `Face` whose images are pixels, uint8 [176, 176, 3].

    Raises:
      InputError: an unknown subset, or a markup of somebody's own.
    """
    if subset not in COUNTS:
        raise InputError(f"unknown subset {subset!r} of synthetic; known: {', '.join(COUNTS)}.")
    if markup.name not in MARKUPS:
        raise InputError(f"synthetic faces can be drawn in {sorted(MARKUPS)}, not {markup.name}.")
    part, count = list(COUNTS).index(subset), COUNTS[subset] if count is None else count
    # disable=None: no bar where the output is not a terminal, nor for a handful of faces.
    bar = tqdm(range(count), desc="drawing faces", unit="face", disable=count < 300 or None)
    return [
        draw_face(markup, (seed, part, index), subset=subset, name=f"{subset}_{index}")[0]
        for index in bar
    ]


def draw_face(markup, seed, *, pose=None, occluded=None, subset="train", name="face"):
    """One face.

    Args:
      markup: `Markup`; the same seed gives the same picture in each.
      seed: int or tuple of ints.
      pose: `Pose`, or None for a random one, up to 60 degrees of yaw.
      occluded: whether something is held in front of it; None leaves that to chance.
      subset: see `Face`.
      name: see `Face`.

    Returns:
      (`Face`, `Pose`).
    """
    streams = np.random.SeedSequence(seed).spawn(4)
    of_shape, of_pose, of_look, of_occluder = map(np.random.default_rng, streams)
    shape = sample_shape(of_shape)
    drawn_pose = _sample_pose(of_pose)
    pose = drawn_pose if pose is None else pose
    side = SIDE_PX * _SUPERSAMPLING
    scale = side * of_pose.uniform(0.21, 0.27)
    centre = side * (np.float64([0.5, 0.4]) + of_pose.normal(0, 0.02, 2))
    view = View(pose.rotation, scale, centre)
    image = _background(of_look, side)
    Painter(image, shape, view, of_look, IRISES[of_look.integers(len(IRISES))]).paint()
    image = cv2.resize(image, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    image = _camera(image, of_look)

    points, visible = _landmarks(shape, view, markup)
    landmarks = ((points + 0.5) / _SUPERSAMPLING - 0.5).astype(np.float32)
    hides = of_occluder.random() < 0.25
    if hides if occluded is None else occluded:
        mask = _paste_occluder(image, landmarks, of_occluder)
        x, y = np.clip(np.rint(landmarks).astype(int), 0, SIDE_PX - 1).T
        visible &= ~mask[y, x]
    face = make_face(image, landmarks, markup=markup, subset=subset, name=name, visible=visible)
    return face, pose


def _sample_pose(rng):
    yaw = rng.normal(0, 18) if rng.random() < 0.7 else rng.uniform(-60, 60)
    return Pose(float(np.clip(yaw, -60, 60)), float(rng.normal(0, 9)), float(rng.normal(0, 10)))


def _landmarks(shape, view, markup):
    """Pixels [K, 2] and visibility [K].

    The far side of the jaw is annotated where it is seen, as in 300-W: each of its points slides
    along its row of the head to the outline.
    """
    flat = markup_points(shape, markup.name)
    surface = shape.surface(flat)
    is_jaw = np.array([name.startswith("jaw") for name in markup.points])
    if is_jaw.any():
        surface[is_jaw] = _slide_to_outline(shape, view, flat[is_jaw])
    points, depth = view(surface)
    # A point is hidden when a part of the head near it in the picture lies clearly before it. The
    # jaw's points lie on the outline, where nothing is before them.
    chin = shape.curves["jaw"][8, 1]
    y, x = np.meshgrid(np.linspace(-0.4, chin, 30), np.linspace(-0.9, 0.9, 30))
    head = shape.surface(np.stack([x * shape.row(y[0])[0], y], axis=-1)).reshape(-1, 3)
    head, head_depth = view(head)
    near = cdist(points, head) < 0.05 * view.scale
    hidden = (near & (head_depth > depth[:, None] + 0.2)).any(axis=1)
    return points, is_jaw | ~hidden


def _slide_to_outline(shape, view, jaw):
    """Each point (x, y) of the jaw moved along its row to where the row is widest in the view."""
    inwards = np.linspace(1, 0.2, 40)
    x = jaw[:, :1] * inwards
    rows = shape.surface(np.stack([x, np.broadcast_to(jaw[:, 1:], x.shape)], axis=-1))
    sideways = view(rows)[0] @ view.rotation[:2, 0] * np.sign(jaw[:, :1])
    return rows[np.arange(len(rows)), sideways.argmax(axis=1)]


def _background(rng, side):
    contrast = rng.uniform(5, 60)
    coarse = rng.uniform(20, 220) + rng.normal(0, 20, 3) + rng.normal(0, contrast, (7, 7, 1))
    coarse = coarse + rng.normal(0, contrast / 3, (7, 7, 3))
    image = cv2.resize(np.float32(coarse), (side, side), interpolation=cv2.INTER_CUBIC)
    for _ in range(rng.integers(0, 6)):
        corner, size = rng.uniform(0, side, 2), rng.uniform(0.05, 0.5, 2) * side
        a, b = (tuple(np.rint(p).astype(int).tolist()) for p in (corner, corner + size))
        cv2.rectangle(
            image, a, b, (rng.uniform(0, 255) + rng.normal(0, 25, 3)).tolist(), cv2.FILLED
        )
    return np.clip(image, 0, 255)


def _camera(image, rng):
    """Colour of the light, exposure, blur and noise; float [S, S, 3] -> uint8."""
    image = image * (1 + rng.normal(0, 0.07, 3)) * rng.uniform(0.6, 1.05)
    sigma = rng.uniform(0, 1.3)
    if sigma > 0.3:
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    image += rng.uniform(0.5, 7) * rng.standard_normal(image.shape, np.float32)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _paste_occluder(image, landmarks, rng):
    """Draws a hand, scarf, patch or microphone over the face; bool [S, S], what it covers."""
    mask = np.zeros(image.shape[:2], np.uint8)
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    size = (high - low).max()
    place = low + (high - low) * rng.uniform(0.1, 0.9, 2)
    kind = rng.choice(["hand", "scarf", "patch", "microphone"])
    color = rng.uniform(20, 220) + rng.normal(0, 25, 3)
    if kind == "hand":
        color = np.float64([225, 175, 145]) * rng.uniform(0.4, 1.05)
        start = np.float64([rng.choice([low[0], high[0]]), high[1]])
        for finger in rng.normal(0, 0.12, (4, 2)):
            ends = [np.rint(p).astype(int).tolist() for p in (start, place + finger * size)]
            cv2.line(mask, *ends, 1, max(3, round(0.13 * size)))
    elif kind == "scarf":
        top = high[1] - rng.uniform(0.1, 0.45) * size
        mask[max(0, int(top)) :] = 1
    elif kind == "patch":
        box = (place.tolist(), (size * rng.uniform(0.15, 0.5, 2)).tolist(), rng.uniform(0, 180))
        cv2.fillPoly(mask, [np.rint(cv2.boxPoints(box)).astype(np.int32)], 1)
    else:
        color = rng.uniform(10, 70, 3)
        head = np.float64([(low[0] + high[0]) / 2, high[1] - 0.12 * size]) + rng.normal(0, 8, 2)
        ends = [np.rint(p).astype(int).tolist() for p in (head, head + [rng.normal(0, 30), size])]
        cv2.circle(mask, ends[0], max(4, round(0.12 * size)), 1, cv2.FILLED)
        cv2.line(mask, *ends, 1, max(2, round(0.06 * size)))
    covered = mask.astype(bool)
    texture = cv2.resize(rng.normal(0, 18, (22, 22, 3)), (image.shape[1], image.shape[0]))
    image[covered] = np.clip(color + texture[covered], 0, 255).astype(np.uint8)
    return covered
