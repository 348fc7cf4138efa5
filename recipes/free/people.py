"""Random people."""

import dataclasses

import numpy as np

from evae_tf.array_types import FloatArray
from recipes.free.beards import Beards, sample_beard
from recipes.free.complexion import blended, recolored
from recipes.free.face_mask import face_mask
from recipes.free.glasses import glasses
from recipes.free.hair import Hairline, Scalp
from recipes.free.head import Head
from recipes.free.skins import Skins
from recipes.free.surface import Surface
from recipes.free.tracing import Layer, Paint

# RGB, 0 to 255.
_HAIR = np.array(
    [(20, 16, 14), (34, 25, 20), (58, 40, 28), (92, 66, 44), (150, 116, 76), (200, 170, 120)]
    + [(110, 52, 28), (120, 118, 114), (205, 203, 198)],
    np.float64,
)
_DARK_SKIN = 110  # mean of a texture, 0 to 255, below which hair is mostly dark
_IRIS = np.array([(50, 30, 18), (72, 48, 28), (96, 92, 60), (92, 120, 140), (110, 112, 104)]) / 255


@dataclasses.dataclass(frozen=True)
class Person:
    """What is rendered of a person.

    Attributes:
      vertices: float [V, 3], the head.
      layers: the head and what is on it.
    """

    vertices: FloatArray
    layers: list[Layer]


class People:
    """Draws people from a head and skins."""

    def __init__(self, head: Head, skins: Skins) -> None:
        """Keeps the head and the skins."""
        self._head, self._skins = head, skins
        self._surface, self._scalp = Surface(head), Scalp(head)
        self._beards = Beards(head, self._scalp)

    def sample(self, rng: np.random.Generator, own: float) -> Person:
        """A random person.

        Args:
          rng: the source of randomness.
          own: share of people who are those of a photo: its fitted shape and its skin as it is.
        """
        head = self._head
        row = rng.integers(len(self._skins.names))
        texture = self._skins.textures[row]
        is_own = rng.random() < own
        identity = rng.normal(0, 1, len(head.identity)) * rng.uniform(0.6, 1.15)
        if is_own:
            identity[: self._skins.identity.shape[1]] = self._skins.identity[row]
        else:
            if rng.random() < 0.5:
                other = self._skins.textures[rng.integers(len(self._skins.names))]
                texture = blended(texture, other, rng)
            if rng.random() < 0.7:
                texture = recolored(texture, rng)
        if rng.random() < 0.5:
            texture = texture[:, ::-1]
        vertices = head.shape(identity, sample_expression(head, rng))
        base = self._surface.layer(
            vertices,
            texture,
            iris=_IRIS[rng.integers(len(_IRIS))] * rng.uniform(0.7, 1.2),
            clothes=np.clip(rng.uniform(0.05, 0.95) + rng.normal(0, 0.12, 3), 0, 1),
            whiteness=rng.uniform(0.75, 1),
        )
        is_dark = texture.mean() < _DARK_SKIN
        hair = _HAIR[rng.integers(3 if is_dark and rng.random() < 0.85 else len(_HAIR))] / 255
        hair = np.clip(hair * rng.uniform(0.8, 1.3), 0, 1)
        layers = [base, *self._hair(vertices, base.paint, hair, rng)]
        if rng.random() < 0.25:
            color = hair * rng.uniform(0.7, 1.05)
            layers.append(self._beards.layer(sample_beard(rng), vertices, color, base.paint, rng))
        if rng.random() < 0.2:
            layers += glasses(head, vertices, rng, dark=rng.random() < 0.25)
        if rng.random() < 0.03:
            color = np.clip(rng.uniform(0.1, 1) + rng.normal(0, 0.15, 3), 0, 1)
            layers.append(face_mask(head, vertices, color, rng.uniform(0.2, 2.6), rng))
        return Person(vertices, layers)

    def _hair(
        self, vertices: FloatArray, skin: Paint, color: FloatArray, rng: np.random.Generator
    ) -> list[Layer]:
        """Hair, a cap, or nothing on a bald head."""
        style = rng.random()
        is_bald, has_cap = style < 0.1, 0.1 <= style < 0.18
        recedes, has_fringe = 0.18 <= style < 0.25, 0.25 <= style < 0.42
        is_full, is_long = style >= 0.6, style > 0.6 or 0.3 < style < 0.42
        line = Hairline(
            forehead=rng.uniform(32, 52),
            temples=rng.uniform(26, 44),
            parting=rng.uniform(-25, 25),
            nape=rng.uniform(-40, -12),
        )
        if is_bald:
            return []
        if has_cap:
            cloth = np.clip(rng.uniform(0, 1) + rng.normal(0, 0.2, 3), 0, 1)
            line = dataclasses.replace(line, forehead=rng.uniform(14, 40))
            thickness = rng.uniform(0.3, 1.2)
            return [
                self._scalp.hair(vertices, line, thickness, cloth, skin, rng, soft=6, strands=0)
            ]
        if recedes:
            forehead, temples = rng.uniform(52, 75), rng.uniform(30, 50)
            line = dataclasses.replace(line, forehead=forehead, temples=temples)
        elif has_fringe:
            forehead, temples = rng.uniform(12, 30), rng.uniform(10, 30)
            line = dataclasses.replace(line, forehead=forehead, temples=temples)
        thickness = rng.uniform(0.6, 2.4) if is_full else rng.uniform(0.15, 0.8)
        soft = rng.uniform(4, 18)
        layers = [self._scalp.hair(vertices, line, thickness, color, skin, rng, soft=soft)]
        if is_long:
            begin = rng.uniform(62, 115)
            length = rng.choice([rng.uniform(-4, 2), rng.uniform(-18, -6)])
            thickness = rng.uniform(0, 1.8)
            layers.append(self._scalp.long_hair(vertices, begin, length, thickness, color, rng))
        return layers


def sample_expression(head: Head, rng: np.random.Generator) -> FloatArray:
    """Random weights of the expressions, float [E]."""
    weights = np.zeros(len(head.expression_names))
    kind = rng.random()
    if kind < 0.4:
        smile = rng.uniform(0.2, 1)
        weights += head.expression(
            mouthSmile=smile,
            cheekSquint=smile * rng.uniform(0, 0.8),
            mouthUpperUp=smile * rng.uniform(0, 0.7),
            mouthLowerDown=smile * rng.uniform(0, 0.5),
            mouthStretch=smile * rng.uniform(0, 0.4),
            jawOpen=max(0.0, rng.uniform(-0.15, 0.3)),
            eyeSquint=smile * rng.uniform(0, 0.7),
        )
    elif kind < 0.55:
        weights += head.expression(
            jawOpen=rng.uniform(0.1, 0.9),
            browInnerUp=rng.uniform(0, 1),
            browOuterUp=rng.uniform(0, 1),
            eyeWide=rng.uniform(0, 1),
            mouthFunnel=rng.uniform(0, 0.4),
        )
    few = rng.random(len(weights)) < 0.12
    weights += few * rng.uniform(0, 0.6 if kind < 0.8 else 1.0, len(weights))
    gaze = np.clip(rng.normal(0, 0.35, 2), -0.9, 0.9)
    weights += head.expression(
        eyeLookUp=max(gaze[1], 0),
        eyeLookDown=max(-gaze[1], 0),
        eyeLookIn_L=max(gaze[0], 0),
        eyeLookOut_R=max(gaze[0], 0),
        eyeLookOut_L=max(-gaze[0], 0),
        eyeLookIn_R=max(-gaze[0], 0),
    )
    blink = rng.random()
    if blink < 0.08:
        weights += head.expression(eyeBlink=1.0)
    elif blink < 0.4:
        weights += head.expression(eyeBlink=rng.uniform(0, 0.5))
    weights[[name.startswith("PupilDilate") for name in head.expression_names]] = 0
    return np.clip(weights, 0, 1)
