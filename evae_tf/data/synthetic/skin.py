"""The appearance of a synthetic person, and the unrolled skin of the head."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from evae_tf.array_types import FloatArray
from evae_tf.data.synthetic.brush import fill, noise, stroke
from evae_tf.data.synthetic.shape import TOP, Shape

ROWS, COLUMNS = 60, 96  # of the head's mesh
SIDEWAYS = np.radians(150)  # the part farther back is never visible
_REPEAT = 4  # pixels per mesh cell in each direction
_SKINS = np.asarray(
    [(246, 212, 190), (232, 188, 160), (215, 165, 132), (186, 134, 100), (140, 95, 68)]
    + [(92, 62, 47)],
    np.float64,
)
_HAIRS = np.asarray(
    [(32, 26, 23), (40, 30, 25), (66, 46, 33), (104, 76, 52), (172, 138, 94), (120, 62, 36)]
    + [(158, 155, 150)],
    np.float64,
)
_IRISES = np.asarray(
    [(52, 33, 22), (70, 45, 28), (95, 68, 40), (88, 112, 128), (92, 108, 80)], np.float64
)


@dataclasses.dataclass(frozen=True)
class Look:
    """Appearance of one person; colours are float [3], RGB 0..255, strengths are 0 to 1."""

    skin: FloatArray
    hair: FloatArray
    iris: FloatArray
    lips: FloatArray
    clothes: FloatArray
    is_bald: bool
    has_long_hair: bool
    beard: float
    makeup: float
    brows: float
    lid_crease: float
    lashes: float  # width, eye distances
    eye_white: float
    glint: FloatArray  # position of the reflection in the iris, float [2], in its radii


def sample_look(rng: np.random.Generator) -> Look:
    """A random `Look`."""
    tone = rng.uniform(0, len(_SKINS) - 1)
    skin = np.array([np.interp(tone, range(len(_SKINS)), axis) for axis in _SKINS.T])
    skin = skin * rng.uniform(0.92, 1.06) + rng.normal(0, 3, 3)
    # Dark skin mostly occurs with dark hair and eyes.
    hair = _HAIRS[rng.integers(2 if tone > 3.5 and rng.random() < 0.8 else len(_HAIRS))]
    iris = _IRISES[rng.integers(2 if tone > 3 else len(_IRISES))]
    is_woman, style = rng.random() < 0.5, rng.random()
    is_bald = not is_woman and style < 0.2
    makeup = rng.random() if is_woman else 0.0
    lips = skin * [0.93, 0.68, 0.68] + rng.normal(0, 5, 3)
    lipstick = rng.uniform([120, 20, 40], [215, 90, 105])
    lips += max(0.0, 1.6 * makeup - 0.8) * (lipstick - lips)
    return Look(
        skin=skin,
        hair=hair * rng.uniform(0.75, 1.2),
        iris=iris * rng.uniform(0.8, 1.2),
        lips=lips,
        clothes=rng.uniform(20, 225) + rng.normal(0, 25, 3),
        is_bald=is_bald,
        has_long_hair=not is_bald and style > (0.25 if is_woman else 0.9),
        beard=0.0 if is_woman or rng.random() < 0.45 else rng.uniform(0.1, 1),
        makeup=makeup,
        brows=rng.uniform(0.45, 0.85),
        lid_crease=rng.uniform(0.2, 0.8),
        lashes=0.014 + 0.022 * makeup + rng.uniform(0, 0.012),
        eye_white=rng.uniform(0.8, 1),
        glint=rng.uniform(-0.5, 0.3, 2),
    )


class Skin:
    """The unrolled skin of a head: columns are angles around its axis, rows are heights.

    Attributes:
      image: float32 [3, H, W], RGB 0..255, the canvas.
      shape: the `Shape` it covers.
      unit: pixels per eye distance along a column.
    """

    def __init__(self, shape: Shape, color: ArrayLike, rng: np.random.Generator) -> None:
        """Creates bare skin of slightly uneven `color`, float [3]."""
        self.shape = shape
        self._chin = shape.curves["jaw"][8, 1] - 0.005
        size = (ROWS * _REPEAT, COLUMNS * _REPEAT)
        self.unit = size[0] / (self._chin - TOP)
        self._half_widths = shape.half_width(np.linspace(TOP, self._chin, size[0] + 1))
        blotches = noise(rng, size, (8, 13)) + 0.8 * noise(rng, size, (80, 128))
        self.image = np.asarray(color, np.float32)[:, None, None] * (1 + 0.02 * blotches)

    def at(self, points: ArrayLike) -> FloatArray:
        """Converts points (x, y) of the face, [n, 2], to pixels [n, 2]."""
        x, y = np.asarray(points, np.float64).T
        row = (y - TOP) * self.unit
        half_width = np.interp(row, np.arange(len(self._half_widths)), self._half_widths)
        angle = np.arcsin(np.clip(x / half_width, -1, 1))
        column = (angle / SIDEWAYS + 1) / 2 * self.image.shape[2]
        return np.stack([column, row], axis=1) - 0.5

    def fill(
        self, points: ArrayLike, color: ArrayLike, strength: float = 1.0, blur: float = 0.0
    ) -> None:
        """Like `brush.fill`, in the face frame; `blur` in eye distances."""
        fill(self.image, self.at(points), color, strength, blur * self.unit)

    def stroke(
        self,
        points: ArrayLike,
        color: ArrayLike,
        width: float,
        strength: float = 1.0,
        blur: float = 0.0,
    ) -> None:
        """Like `brush.stroke`, one line in the face frame; lengths in eye distances."""
        line = self.at(points)[None]
        stroke(self.image, line, color, width * self.unit, strength, blur * self.unit)

    def mesh(self) -> FloatArray:
        """The points under the skin: float [60, 96, 3], face frame."""
        angle = SIDEWAYS * ((np.arange(COLUMNS) + 0.5) / COLUMNS * 2 - 1)
        y = TOP + (self._chin - TOP) * (np.arange(ROWS) + 0.5) / ROWS
        return self.shape.head(*np.meshgrid(angle, y))
