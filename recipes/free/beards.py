"""Beards of the rendered head."""

import dataclasses

import cv2
import numpy as np

from evae_tf.array_types import FloatArray
from recipes.free.hair import Scalp
from recipes.free.head import Head
from recipes.free.tracing import Layer, Paint

_LIPS = slice(48, 60)
_NEAR_LIPS = 0.15  # bare skin around the lips
# Heights of the mean head. Its lips end at -2.5 and -4.4, its chin at -7.6.
_NOSE_BASE, _UPPER_LIP, _MOUTH, _BELOW_MOUTH, _NECK = -1.25, -2.6, -4.2, -4.8, -9.8
_FRONT_OF_EARS = 1.2  # depth
_SIDEBURN = (5.6, 6.6, 7.6)  # from the middle of the face: where it begins, and two places on it
_SOFT = 1.5  # from the edge to full density


@dataclasses.dataclass(frozen=True)
class Beard:
    """The form of a beard; lengths in units of the mean head, about centimetres.

    Attributes:
      width: from the middle of the face to its sides; 9 reaches the ears.
      cheek: height of its upper edge on the cheeks, above that of the upper lip.
      bottom: height of its lower edge; that of a moustache is above the chin.
      top: height of its upper edge in the middle; that of a beard without a moustache is below the
        mouth.
      density: from stubble (0.3) to a closed cover (1).
      thickness: above the skin.
    """

    width: float
    cheek: float
    bottom: float
    top: float
    density: float
    thickness: float


def sample_beard(rng: np.random.Generator) -> Beard:
    """A random beard: stubble, full, around the mouth, on the upper lip or on the chin."""
    kind = rng.random()
    beard = Beard(
        width=9,
        cheek=rng.uniform(-1, 1.5),
        bottom=rng.uniform(_NECK, -7.5),
        top=_NOSE_BASE,
        density=rng.uniform(0.6, 1),
        thickness=rng.uniform(0.05, 0.6),
    )
    if kind < 0.35:
        return dataclasses.replace(beard, density=rng.uniform(0.25, 0.6), thickness=0.02)
    if kind < 0.65:
        return beard
    if kind < 0.82:
        return dataclasses.replace(beard, width=rng.uniform(2.8, 3.8))
    if kind < 0.93:
        return dataclasses.replace(beard, width=rng.uniform(2.4, 3.4), bottom=_MOUTH)
    return dataclasses.replace(beard, width=rng.uniform(1.5, 3.5), top=_BELOW_MOUTH)


class Beards:
    """Grows beards on the skin of a head."""

    def __init__(self, head: Head, scalp: Scalp) -> None:
        """Measures how far each vertex is from the lips, in the mean head seen from the front."""
        self._place, self._scalp = head.neutral.astype(np.float64), scalp
        lips = head.neutral[head.points[_LIPS], :2].astype(np.float32)
        self._beside_lips = -np.array(
            [cv2.pointPolygonTest(lips, (float(x), float(y)), True) for x, y in head.neutral[:, :2]]
        )

    def inside(self, beard: Beard) -> FloatArray:
        """How dense the beard is at each vertex: float [V], from 0 to 1."""
        x, y, z = np.abs(self._place[:, 0]), self._place[:, 1], self._place[:, 2]
        cheek = _UPPER_LIP + beard.cheek
        edge = np.interp(
            x,
            [0.5, 3.0, 4.6, *_SIDEBURN],
            [beard.top, min(beard.top, -2.0), cheek, max(cheek, -1.2), 1.0, 2.4],
        )
        within = np.minimum.reduce(
            [
                edge - y,
                y - beard.bottom,
                beard.width - x,
                z - _FRONT_OF_EARS,
                2 * (self._beside_lips - _NEAR_LIPS),
            ]
        )
        return np.clip(within / _SOFT, 0, 1)

    def layer(
        self,
        beard: Beard,
        vertices: FloatArray,
        color: FloatArray,
        skin: Paint,
        rng: np.random.Generator,
    ) -> Layer:
        """The beard of a person.

        Args:
          beard: its form.
          vertices: float [V, 3], of the person.
          color: float [3], RGB, 0 to 1.
          skin: paints the skin below, of all of the head's triangles.
          rng: draws the strands.
        """
        inside = beard.density * self.inside(beard)
        return self._scalp.grown(vertices, inside, beard.thickness, color, skin, rng)
