"""Renders triangles by ray tracing on the CPU: colour, light, cast shadows.

Embree traces the rays; the shading is arithmetic on all pixels at once. It runs without a screen or
a graphics driver.

Source: Wald et al., Embree: A Kernel Framework for Efficient CPU Ray Tracing, SIGGRAPH 2014.
"""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from embreex.mesh_construction import TriangleMesh
from embreex.rtcore_scene import EmbreeScene
from scipy import sparse

from evae_tf.array_types import BoolArray, FloatArray, IndexArray
from recipes.free.camera import Camera

_OFF_SURFACE = 0.02  # a shadow ray starts this far above the surface
_BELOW_SKIN = 0.7  # units; a landmark of the brow or the lid may be that far below the skin
_ABOVE_SKIN = 0.1  # units; what is nearer to the skin, as the edge of hair, hides nothing
_SAMPLES = 2  # rays per pixel in each direction

Paint = Callable[[IndexArray, FloatArray], FloatArray]


@dataclasses.dataclass(frozen=True)
class Layer:
    """A surface.

    Attributes:
      vertices: float [V, 3], head's frame.
      triangles: int [T, 3].
      paint: a function of the triangles hit, int [N], and the places on them, barycentric float
        [N, 3], to colours: float [N, 3], RGB, 0 to 1.
      gloss: strength of the reflection of the lamp.
    """

    vertices: FloatArray
    triangles: IndexArray
    paint: Paint
    gloss: float = 0.0


@dataclasses.dataclass(frozen=True)
class Light:
    """Light from everywhere and from a lamp, in the camera's frame.

    Attributes:
      ambient: float [3], colour of the light from everywhere, relative to the lamp's.
      slope: float [3, 3], a row for each colour: how the ambient light changes with the x, y and z
        of the normal. It is the first order of spherical harmonics.
      lamp: float [3], colour.
      direction: float [3], unit length, towards the lamp.
      size: standard deviation of the lamp's direction on each axis: softness of the shadows.
      exposure: mean light on what is seen; at 1 the picture is about as bright as its colours.
    """

    ambient: FloatArray
    slope: FloatArray
    lamp: FloatArray
    direction: FloatArray
    size: float
    exposure: float


def render(
    layers: Sequence[Layer], camera: Camera, light: Light, side: int, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """Renders a square picture.

    Returns:
      float [side, side, 3], RGB, 0 to 1 and above, black where nothing is; and float [side, side],
      the part of each pixel that is covered.
    """
    sizes = [len(layer.triangles) for layer in layers]
    scene, vertices, triangles = _scene(layers, camera)
    rays = camera.rays(side, _SAMPLES).reshape(-1, 3)
    eye = np.zeros_like(rays)
    eye[:, 2] = camera.distance
    found = scene.run(eye, rays, query="INTERSECT", output=True)
    seen = np.flatnonzero(found["primID"] >= 0)
    triangle, ray = found["primID"][seen], rays[seen]
    u, v = found["u"][seen], found["v"][seen]
    place = np.stack([1 - u - v, u, v], axis=1)

    normal = np.einsum("nk,nkd->nd", place, _normals(vertices, triangles)[triangles[triangle]])
    normal *= np.where(np.einsum("nd,nd->n", normal, ray) > 0, -1, 1)[:, None]
    normal /= np.linalg.norm(normal, axis=1, keepdims=True) + 1e-9
    color = np.empty((len(seen), 3))
    gloss = np.empty(len(seen))
    start = 0
    for layer, size in zip(layers, sizes, strict=True):
        ours = np.flatnonzero((triangle >= start) & (triangle < start + size))
        if len(ours):
            color[ours] = layer.paint(triangle[ours] - start, place[ours])
            gloss[ours] = layer.gloss
        start += size

    at = eye[seen] + ray * found["tfar"][seen, None]
    lit = _lit(scene, at, normal, light, rng)
    half = light.direction - ray
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    # The reflection of Blinn, Models of Light Reflection, SIGGRAPH 1977, wide as that of skin.
    mirrored = np.clip(np.einsum("nd,nd->n", normal, half), 0, 1) ** 20 * gloss * lit
    shade = light.ambient + normal @ light.slope.T + lit[:, None] * light.lamp
    brightness = light.exposure / max(float(shade.mean()), 1e-3) if len(shade) else 1.0
    image = np.zeros((len(rays), 3), np.float32)
    reflected = mirrored[:, None] * light.lamp * (0.2 + color.mean(axis=1, keepdims=True))
    image[seen] = brightness * (np.clip(shade, 0.02, None) * color + reflected)
    cover = np.zeros(len(rays), np.float32)
    cover[seen] = 1
    wide = side * _SAMPLES
    return (
        cv2.resize(image.reshape(wide, wide, 3), (side, side), interpolation=cv2.INTER_AREA),
        cv2.resize(cover.reshape(wide, wide), (side, side), interpolation=cv2.INTER_AREA),
    )


def unobstructed(layers: Sequence[Layer], camera: Camera, points: FloatArray) -> BoolArray:
    """Which points the camera sees: bool [N].

    Args:
      layers: the head first, then what covers it.
      camera: the camera.
      points: float [N, 3], head's frame. A point may be a little below the skin.
    """
    eye = np.array([0, 0, camera.distance])
    ray = camera.place(points) - eye
    distance = np.linalg.norm(ray, axis=1)
    ray = ray / distance[:, None]
    skin = _first_hits(layers[:1], camera, eye, ray)
    first = _first_hits(layers, camera, eye, ray)
    at_surface = np.minimum(skin, distance)
    return (skin > distance - _BELOW_SKIN) & (first > at_surface - _ABOVE_SKIN)


def depths(layers: Sequence[Layer], camera: Camera, pixels: FloatArray) -> FloatArray:
    """The z, camera's frame, of what is seen at pixels [N, 2]: float [N], NaN where nothing is."""
    eye = np.array([0, 0, camera.distance])
    rays = camera.place(camera.unproject(pixels, np.zeros(len(pixels)))) - eye
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    distance = _first_hits(layers, camera, eye, rays)
    return np.where(np.isinf(distance), np.nan, camera.distance + distance * rays[:, 2])


def _first_hits(
    layers: Sequence[Layer], camera: Camera, eye: FloatArray, rays: FloatArray
) -> FloatArray:
    """Distances to what rays [N, 3] from the camera hit first, infinite if nothing: float [N]."""
    scene, _, _ = _scene(layers, camera)
    found = scene.run(
        np.broadcast_to(eye, rays.shape).astype(np.float32),
        rays.astype(np.float32),
        query="INTERSECT",
        output=True,
    )
    return np.where(found["primID"] < 0, np.inf, found["tfar"])


def _scene(layers: Sequence[Layer], camera: Camera) -> tuple[EmbreeScene, FloatArray, IndexArray]:
    """The scene with its vertices, camera's frame, and its triangles."""
    firsts = np.concatenate([[0], np.cumsum([len(layer.vertices) for layer in layers])])
    vertices = camera.place(np.concatenate([layer.vertices for layer in layers]))
    triangles = np.concatenate(
        [layer.triangles + first for layer, first in zip(layers, firsts[:-1], strict=True)]
    )
    scene = EmbreeScene()
    TriangleMesh(scene, vertices.astype(np.float32), triangles.astype(np.int32))
    return scene, vertices, triangles


def _lit(
    scene: EmbreeScene, at: FloatArray, normal: FloatArray, light: Light, rng: np.random.Generator
) -> FloatArray:
    """How much of the lamp's light arrives at each point: float [N]."""
    towards = light.direction + light.size * rng.normal(size=at.shape)
    towards /= np.linalg.norm(towards, axis=1, keepdims=True)
    facing = np.einsum("nd,nd->n", normal, towards)
    # Light goes a little beyond the edge of the shade, as it does in skin.
    strength = np.clip((facing + 0.15) / 1.15, 0, None)
    asked = np.flatnonzero(facing > 0)
    first_hit = scene.run(  # -1: the lamp is seen
        (at + _OFF_SURFACE * normal)[asked].astype(np.float32),
        towards[asked].astype(np.float32),
        query="OCCLUDED",
    )
    hidden: BoolArray = first_hit >= 0
    strength[asked[hidden]] *= 0.1  # reflected by what is around
    return strength


def _normals(vertices: FloatArray, triangles: IndexArray) -> FloatArray:
    """Normals of the vertices, weighted by the areas of their triangles: float [V, 3]."""
    a, b, c = (vertices[triangles[:, corner]] for corner in range(3))
    of_triangle = np.cross(b - a, c - a)
    rows = triangles.ravel()
    columns = np.repeat(np.arange(len(triangles)), 3)
    gather = sparse.csr_matrix(
        (np.ones(len(rows)), (rows, columns)), shape=(len(vertices), len(triangles))
    )
    normals = gather @ of_triangle
    return normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-9)
