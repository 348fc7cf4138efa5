"""Augmentation of whole batches, written in `keras.ops`.

All functions are deterministic. Random numbers are passed in as `draws`, uniform in [0, 1), one row
per crop and one column for each name in `DRAWS`. The same draws give the same batch in tf.data, in
a training step of another backend, and in a test.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from keras import ops

from evae_tf.array_types import FloatArray, Tensor
from evae_tf.config import Augmentation
from evae_tf.data.occluders import Draws, paste_occluder

DRAWS = (
    *("mirror", "rotation", "scale", "shift_x", "shift_y"),
    *("brightness", "contrast", "red", "green", "blue", "grey"),
    *("occluder_kind", "occluder_x", "occluder_y", "occluder_width", "occluder_height"),
    *("occluder_angle", "occluder_red", "occluder_green", "occluder_blue", "occluder_texture"),
    *("blur", "jpeg", "dark"),
)
_JPEG_BLOCK = 8
_DARKEST = 0.05


def augment(
    crops: Tensor,
    landmarks: Tensor,
    visible: Tensor,
    draws: Tensor,
    *,
    size: int,
    flip_permutation: Sequence[int],
    strength: Augmentation,
    rows: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Converts cached crops with context to augmented network inputs.

    Args:
      crops: uint8 or float [B, C, C, 3], RGB in 0..255, C >= size: `size` pixels of crop in the
        middle, and context for rotated or shifted crops.
      landmarks: float [B, K, 2], fractions of the middle `size` pixels; NaN where a point is not
        annotated.
      visible: float [B, K], 1 for visible landmarks, 0 for hidden ones, NaN where unknown.
      draws: float [B, len(DRAWS)], uniform in [0, 1).
      size: S, side of the output crops.
      flip_permutation: K indices, of the markup.
      strength: a `config.Augmentation`.
      rows: (index of the first row, number of rows of the whole batch) if these are consecutive
        rows of a batch; None for a whole batch.

    Returns:
      images float32 [B, S, S, 3], RGB in [0, 1]; landmarks float32 [B, K, 2], crop fractions;
      visible float32 [B, K], 0 also for landmarks that are covered or outside the crop. NaN stays
      NaN.
    """
    images, landmarks, visible = warp(
        crops,
        landmarks,
        ops.cast(visible, "float32"),
        draws,
        size=size,
        flip_permutation=flip_permutation,
        strength=strength,
    )
    images, uncovered = change_appearance(images, landmarks, draws, strength, rows)
    # Comparisons with NaN are false, so points that are not annotated are outside.
    within = ops.all(ops.abs(landmarks - 0.5) <= 0.5, axis=-1)
    return images, landmarks, visible * uncovered * ops.cast(within, "float32")


def _named(draws: Tensor) -> Draws:
    columns = ops.unstack(ops.cast(draws, "float32"), len(DRAWS), axis=1)
    return dict(zip(DRAWS, columns, strict=True))


def _signed(draw: Tensor) -> Tensor:
    return 2.0 * draw - 1.0


def _angle(draw: Tensor, strength: Augmentation) -> Tensor:
    """Rotation in radians: any angle for draws below `any_angle_rate`, a small one for others."""
    rate = strength.any_angle_rate
    usual = _signed((draw - rate) / max(1 - rate, 1e-6)) * math.radians(strength.rotation_degrees)
    return ops.where(draw < rate, _signed(draw / max(rate, 1e-6)) * math.pi, usual)


def _per_image(values: Tensor) -> Tensor:
    return ops.reshape(values, (-1, 1, 1, 1))


def warp(
    crops: Tensor,
    landmarks: Tensor,
    visible: Tensor,
    draws: Tensor,
    *,
    size: int,
    flip_permutation: Sequence[int],
    strength: Augmentation,
) -> tuple[Tensor, Tensor, Tensor]:
    """Rotation, scale, shift and mirroring in one bilinear resampling; see `augment`."""
    draw = _named(draws)
    angle = _angle(draw["rotation"], strength)
    scale = ops.exp(_signed(draw["scale"]) * math.log1p(strength.scale))
    mirrored = draw["mirror"] < strength.mirror_rate
    sign = ops.where(mirrored, -1.0, 1.0)
    shift = [_signed(draw[name]) * strength.shift * size for name in ("shift_x", "shift_y")]
    # Maps an offset (u, v) from the new crop's centre to the offset in the old crop.
    cosine, sine = scale * ops.cos(angle), scale * ops.sin(angle)
    matrix = ((cosine * sign, -sine), (sine * sign, cosine))

    new_centre, old_centre = (size - 1) / 2, (crops.shape[1] - 1) / 2
    rows = [
        [a, b, old_centre + t - (a + b) * new_centre]
        for (a, b), t in zip(matrix, shift, strict=True)
    ]
    zeros = ops.zeros_like(angle)
    transform = ops.stack([*rows[0], *rows[1], zeros, zeros], axis=1)
    images = ops.image.affine_transform(ops.cast(crops, "float32"), transform)
    images = images[:, :size, :size] / 255.0

    x, y = ((landmarks[..., i] - 0.5) * size - shift[i][:, None] for i in (0, 1))
    (a, b), (c, d) = (tuple(value[:, None] for value in row) for row in matrix)
    determinant = a * d - b * c
    new = [(d * x - b * y) / determinant, (a * y - c * x) / determinant]
    new = ops.stack(new, axis=-1) / size + 0.5
    order = np.asarray(flip_permutation, "int32")
    landmarks = ops.where(mirrored[:, None, None], ops.take(new, order, axis=1), new)
    visible = ops.where(mirrored[:, None], ops.take(visible, order, axis=1), visible)
    return images, landmarks, visible


def change_appearance(
    images: Tensor,
    landmarks: Tensor,
    draws: Tensor,
    strength: Augmentation,
    rows: tuple[int, int] | None = None,
) -> tuple[Tensor, Tensor]:
    """Applies colour changes, occluders, blur and JPEG noise; the landmarks stay in place.

    Args:
      images: float [B, S, S, 3], RGB in [0, 1].
      landmarks: float [B, K, 2], crop fractions.
      draws: see `augment`.
      strength: a `config.Augmentation`.
      rows: see `augment`.

    Returns:
      images; uncovered float32 [B, K], 0 for landmarks that an occluder covers.
    """
    draw = _named(draws)
    images = darken(change_color(images, draw, strength), draw, strength)
    # Batches are shuffled, so each of these applies to fixed rows of the batch.
    first, count = rows or (0, images.shape[0])
    occluded, blurred, noisy = (
        round(rate * count)
        for rate in (strength.occluder_rate, strength.blur_rate, strength.jpeg_rate)
    )

    def local(start: int, end: int) -> tuple[int, int]:
        low, high = (min(max(row - first, 0), images.shape[0]) for row in (start, end))
        return low, high

    uncovered = ops.ones_like(landmarks[..., 0])
    start, end = local(0, occluded)
    if start < end:
        textures = ops.roll(images, 1, axis=0)[start:end]  # of the face before
        pasted, seen = paste_occluder(
            images[start:end], textures, landmarks[start:end], _some(draw, start, end)
        )
        images = ops.concatenate([images[:start], pasted, images[end:]])
        uncovered = ops.concatenate([uncovered[:start], seen, uncovered[end:]])
    images = _on_rows(blur, images, draw, *local(count - blurred, count))
    noise = local((count - noisy) // 2, (count + noisy) // 2)
    return _on_rows(jpeg_noise, images, draw, *noise), uncovered


def _on_rows(
    change: Callable[[Tensor, Draws], Tensor], images: Tensor, draw: Draws, start: int, end: int
) -> Tensor:
    """Applies `change` to the images `start` to `end` - 1."""
    if start == end:
        return images
    changed = change(images[start:end], _some(draw, start, end))
    return ops.concatenate([images[:start], changed, images[end:]])


def _some(draw: Draws, start: int, end: int) -> Draws:
    return {name: values[start:end] for name, values in draw.items()}


def change_color(images: Tensor, draw: Draws, strength: Augmentation) -> Tensor:
    """Brightness, contrast, tint and conversion to grey, as one 3 x 3 colour matrix per image."""
    gains = ops.stack([draw[name] for name in ("red", "green", "blue")], axis=1)
    gains = 1.0 + _signed(gains) * strength.color / 2
    is_grey = (draw["grey"] < strength.grey_rate)[:, None, None]
    matrix = ops.where(is_grey, np.full((3, 3), 1 / 3, "float32"), np.eye(3, dtype="float32"))
    matrix = matrix * gains[:, None, :]
    contrast = 1.0 + _signed(draw["contrast"]) * strength.color
    offset = _signed(draw["brightness"]) * strength.color / 2
    # Contrast scales around the mean, estimated from every fourth pixel.
    mean = ops.mean(images[:, ::4, ::4], axis=(1, 2))
    mean = ops.matmul(mean[:, None, :], matrix)
    offset = offset[:, None, None] + (1.0 - contrast)[:, None, None] * mean
    pixels = ops.reshape(images, (-1, images.shape[1] * images.shape[2], 3))
    pixels = ops.matmul(pixels, matrix * contrast[:, None, None]) + offset
    return ops.reshape(ops.clip(pixels, 0.0, 1.0), images.shape)


def darken(images: Tensor, draw: Draws, strength: Augmentation) -> Tensor:
    """Simulates low light in some images: fewer grey levels remain."""
    if not strength.dark_rate:
        return images
    amount = _per_image(draw["dark"]) / strength.dark_rate
    dark = ops.round(images * ops.exp(amount * math.log(_DARKEST)) * 255.0) / 255.0
    return ops.where(amount < 1, dark, images)


def blur(images: Tensor, draw: Draws) -> Tensor:
    """Blends each image with its mean over 5 x 5 pixels, by a random amount."""
    smooth = ops.average_pool(images, 5, strides=1, padding="same")
    return images + _per_image(draw["blur"]) * (smooth - images)


def cosine_basis() -> FloatArray:
    """The orthonormal 8 x 8 DCT-II matrix, one basis vector per row."""
    n = np.arange(_JPEG_BLOCK)
    basis = np.cos(math.pi * (2 * n[None, :] + 1) * n[:, None] / (2 * _JPEG_BLOCK))
    basis *= math.sqrt(2 / _JPEG_BLOCK)
    basis[0] /= math.sqrt(2)
    return basis


def jpeg_noise(images: Tensor, draw: Draws) -> Tensor:
    """Quantises the cosine coefficients of 8 x 8 blocks, more coarsely at high frequencies.

    The side of the images must be a multiple of 8. The steps vary by a factor of 16, about like
    JPEG's luminance table from quality 90 to 20.
    """
    size, blocks = images.shape[1], images.shape[1] // _JPEG_BLOCK
    basis = cosine_basis()
    both = np.kron(basis, basis).astype("float32")  # [64, 64], acts on a flattened block
    frequency = np.add.outer(np.arange(_JPEG_BLOCK), np.arange(_JPEG_BLOCK)).reshape(-1, 1)
    steps = (3.0 + 1.2 * frequency) / 255.0
    steps = ops.reshape(steps.astype("float32"), (1, 1, 1, -1, 1))
    steps = steps * ops.exp(draw["jpeg"] * math.log(16.0))[:, None, None, None, None]

    cells = (-1, blocks, _JPEG_BLOCK, blocks, _JPEG_BLOCK, 3)
    order = (0, 1, 3, 2, 4, 5)
    flat = ops.transpose(ops.reshape(images, cells), order)
    flat = ops.reshape(flat, (-1, blocks, blocks, _JPEG_BLOCK**2, 3))
    coefficients = ops.matmul(both, flat)
    flat = ops.matmul(both.T, ops.round(coefficients / steps) * steps)
    flat = ops.reshape(flat, (-1, blocks, blocks, _JPEG_BLOCK, _JPEG_BLOCK, 3))
    return ops.clip(ops.reshape(ops.transpose(flat, order), (-1, size, size, 3)), 0.0, 1.0)
