"""Skins of new people: blended of two textures, and moved to another tone."""

import cv2
import numpy as np

from evae_tf.array_types import ByteArray, FloatArray

# RGB, 0 to 255, from light to dark.
_TONES = np.array(
    [(236, 196, 172), (222, 176, 150), (205, 156, 126), (176, 126, 96), (138, 94, 68)]
    + [(96, 64, 46), (64, 43, 34)],
    np.float64,
)
_PATCHES = (5, 3)  # of a blend, down the face and from its middle to the side
_SHARPNESS = 4.0  # of their borders


def recolored(texture: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Moves the skin to a random tone and keeps its contrasts: uint8 [S, S, 3] -> the same."""
    tone = rng.uniform(0, len(_TONES) - 1)
    wanted = np.array([np.interp(tone, range(len(_TONES)), axis) for axis in _TONES.T])
    wanted = np.clip(wanted * rng.uniform(0.85, 1.12) + rng.normal(0, 5, 3), 10, 250)
    pixel = np.clip(wanted, 0, 255).astype(np.uint8)[None, None]
    return _moved(texture, cv2.cvtColor(pixel, cv2.COLOR_RGB2LAB)[0, 0].astype(np.float32))


def blended(texture: ByteArray, other: ByteArray, rng: np.random.Generator) -> ByteArray:
    """Some parts of one face, the others of another in the first one's tone.

    Both sides of the face take the same parts, so that brows and eyes stay pairs.

    Args:
      texture: uint8 [S, S, 3], RGB.
      other: as `texture`.
      rng: draws the parts.
    """
    tone = _tone(cv2.cvtColor(texture, cv2.COLOR_RGB2LAB).astype(np.float32))
    rows, columns = texture.shape[:2]
    half = cv2.resize(
        rng.random(_PATCHES).astype(np.float32),
        (columns // 2, rows),
        interpolation=cv2.INTER_CUBIC,
    )
    share = np.clip(0.5 + _SHARPNESS * (half - 0.5), 0, 1)
    share = np.concatenate([share[:, ::-1], share], axis=1)[..., None]
    return np.round(share * texture + (1 - share) * _moved(other, tone)).astype(np.uint8)


def _moved(texture: ByteArray, tone: FloatArray) -> ByteArray:
    """The texture in a tone, float [3], Lab as OpenCV scales it."""
    lab = cv2.cvtColor(texture, cv2.COLOR_RGB2LAB).astype(np.float32)
    own = _tone(lab)
    lab[..., 0] *= np.clip(tone[0] / max(own[0], 1), 0.3, 2)
    lab[..., 1:] += tone[1:] - own[1:]
    return cv2.cvtColor(np.clip(lab, 0, 255).astype(np.uint8), cv2.COLOR_LAB2RGB)


def _tone(lab: FloatArray) -> FloatArray:
    """The median over the middle of a face: float32 [S, S, 3] -> [3]."""
    low, high = len(lab) // 4, len(lab) * 7 // 10
    return np.median(lab[low:high, low:-low], axis=(0, 1)).astype(np.float32)
