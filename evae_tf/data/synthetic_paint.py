"""Painting a turned face: a shaded mesh for the head, polygons for what is on it."""

import dataclasses

import cv2
import numpy as np

from evae_tf.data.synthetic_brush import (
    SHIFT,
    draw_line,
    ellipse,
    fill_polygon,
    fill_softly,
    window_around,
)
from evae_tf.data.synthetic_shape import TOP, Shape, along, eye_contour, lower_brow

_SKINS = np.float64(
    [
        (255, 224, 200),
        (244, 205, 175),
        (225, 180, 145),
        (198, 145, 105),
        (150, 100, 70),
        (95, 62, 45),
    ]
)
_HAIRS = np.float64(
    [(30, 24, 20), (60, 42, 28), (110, 78, 48), (190, 155, 100), (150, 70, 35), (170, 170, 168)]
)
IRISES = np.float64([(60, 38, 22), (95, 65, 35), (70, 100, 120), (85, 110, 75)])


@dataclasses.dataclass(frozen=True)
class View:
    """From the face frame to pixels: float [..., 3] -> float [..., 2] and the depth [...].

    Attributes:
      rotation: float [3, 3].
      scale: pixels in one eye distance.
      centre: float [2], where the origin lies, pixels.
    """

    rotation: np.ndarray
    scale: float
    centre: np.ndarray

    def __call__(self, points):
        """Positions [..., 2] in pixels and depths [...] (towards the viewer) of `points`."""
        turned = points @ self.rotation.T
        nearness = 1 / (1 - 0.06 * turned[..., 2:])  # a camera some sixteen eye distances away
        return turned[..., :2] * nearness * self.scale + self.centre, turned[..., 2]


@dataclasses.dataclass(frozen=True)
class Painter:
    """Paints one face onto an image.

    Attributes:
      image: float32 [H, W, 3], RGB 0..255, painted on.
      shape: `Shape`.
      view: `View`.
      rng: of everything random about how it looks.
      iris: float [3], colour of the eyes.
    """

    image: np.ndarray
    shape: Shape
    view: View
    rng: np.random.Generator
    iris: np.ndarray

    def project(self, points):
        """Points (x, y) of the face's surface, as pixels."""
        return self.view(self.shape.surface(np.asarray(points, np.float64)))[0]

    def facing(self, points):
        """Those of some points (x, y), [n, 2], where the surface is turned to the viewer."""
        points = np.asarray(points, np.float64).reshape(-1, 2)
        corners = points[:, None] + np.float64([(0, 0), (0.03, 0), (0, 0.03)])
        corner, right, down = self.project(corners).transpose(1, 2, 0)
        (ax, ay), (bx, by) = right - corner, down - corner
        return points[ax * by - ay * bx > 0]

    def paint(self):
        """Everything, from the back to the front."""
        rng = self.rng
        skin = _SKINS[rng.integers(len(_SKINS))] * rng.uniform(0.85, 1.05) + rng.normal(0, 6, 3)
        hair = _HAIRS[rng.integers(len(_HAIRS))] * rng.uniform(0.7, 1.2)
        light = np.float64([rng.uniform(-0.9, 0.9), rng.uniform(-0.9, 0.3), 1.0])
        light /= np.linalg.norm(light)
        self._neck_and_hair(skin, hair)
        self._head(skin, hair, light, ambient=rng.uniform(0.35, 0.75))
        blur = 2 * round(0.03 * self.view.scale) + 1
        cv2.GaussianBlur(self.image, (blur, blur), 0, dst=self.image)
        self._beard(hair)
        self._nose(skin)
        self._mouth(skin)
        for side in (0, 1):
            self._eye(side, skin)
            self._brow(side, hair)
        if rng.random() < 0.2:
            self._glasses()

    def _neck_and_hair(self, skin, hair):
        chin = self.shape.curves["jaw"][8, 1]
        behind = self.view(np.float64([(0, -0.2, -1.0), (0, chin + 1.2, -0.9), (0, chin, -0.8)]))[0]
        scale = self.view.scale
        if self.rng.random() < 0.45:  # long hair, behind everything
            long = self.rng.uniform(1.6, 2.6)
            fill_polygon(
                self.image,
                ellipse(behind[0] + [0, 0.3 * scale], (1.4 * scale, long * scale)),
                hair * 0.75,
            )
        fill_polygon(self.image, ellipse(behind[2], (0.72 * scale, 1.1 * scale)), skin * 0.62)
        clothes = self.rng.uniform(20, 200) + self.rng.normal(0, 25, 3)
        fill_polygon(
            self.image, ellipse(behind[1] + [0, scale], (2.3 * scale, 1.5 * scale)), clothes
        )

    def _head(self, skin, hair, light, ambient):
        """The surface as a mesh of quads, from the farthest to the nearest."""
        rows, columns = 36, 30
        chin, bald = self.shape.curves["jaw"][8, 1], self.rng.random() < 0.12
        y = np.linspace(TOP + 0.02, chin - 0.005, rows)
        angle = np.radians(np.linspace(-125, 125, columns))
        half_width, back, front = self.shape.row(y)
        x = half_width[:, None] * np.sin(angle)
        inside = self.shape.surface(np.stack([x, np.broadcast_to(y[:, None], x.shape)], axis=-1))
        # Behind the ears the rows go on as half ellipses to the back of the head.
        behind = back[:, None] + 1.2 * half_width[:, None] * np.cos(angle)
        inside[..., 2] = np.where(np.cos(angle) >= 0, inside[..., 2], behind)
        corners, _ = self.view(inside)
        turned = inside @ self.view.rotation.T
        normal = np.cross(turned[1:, :-1] - turned[:-1, :-1], turned[:-1, 1:] - turned[:-1, :-1])
        normal *= -1 / (np.linalg.norm(normal, axis=-1, keepdims=True) + 1e-9)
        shade = ambient + (1 - ambient) * 1.25 * np.clip(normal @ light, 0, None)
        hairline = -1.0 + self.rng.normal(0, 0.12) + 0.9 * (np.abs(angle) / np.pi * 1.9) ** 3
        is_hair = y[:-1, None] < hairline[None, :-1]
        is_hair |= (np.abs(angle[:-1]) > 1.75)[None] & (y[:-1, None] < 0.9)
        texture = self.rng.normal(0, 0.06, is_hair.shape)
        base = np.where(
            (is_hair & (not bald))[..., None], hair * (1 + 2 * texture[..., None]), skin
        )
        color = np.clip(base * shade[..., None], 0, 255)
        quads = np.stack(
            [corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]], axis=2
        )
        quads = np.rint(quads * 2**SHIFT).astype(np.int32).reshape(-1, 4, 2)
        depth, toward = turned[:-1, :-1, 2].ravel(), normal[..., 2].ravel() > -0.05
        color = color.reshape(-1, 3)
        for index in np.argsort(depth):
            if toward[index]:
                cv2.fillConvexPoly(
                    self.image, quads[index], color[index].tolist(), cv2.LINE_8, SHIFT
                )

    def _beard(self, hair):
        kind, c = self.rng.random(), self.shape.curves
        if kind > 0.3:
            return
        lips = c["outer_lip"]
        jaw = c["jaw"][3:14] * [0.97, 0.985]
        mouth = lips.mean(axis=0) + (lips - lips.mean(axis=0)) * 1.12
        strength = self.rng.uniform(0.15, 0.9)
        # From the jaw up to the moustache, leaving the lips out.
        top = np.float64(
            [(0.55, mouth[6, 1] - 0.1), (0, mouth[3, 1] - 0.04), (-0.55, mouth[0, 1] - 0.1)]
        )
        ring = np.concatenate([jaw, top])
        ring = self.facing(ring)
        if len(ring) > 2:
            fill_softly(
                self.image, self.project(ring), hair * 0.9, strength, 0.06 * self.view.scale
            )

    def _nose(self, skin):
        c, scale = self.shape.curves, self.view.scale
        base, bridge = c["nose_base"], c["nose_bridge"]
        shadow = skin * 0.45
        for side, nostril in ((-1, base[1]), (1, base[3])):
            if len(self.facing(nostril + [side * 0.05, -0.08])):
                hole = self.project(nostril + [side * 0.01, -0.035])
                fill_softly(
                    self.image, ellipse(hole, (0.055 * scale, 0.03 * scale)), shadow * 0.5, 0.9, 1
                )
        fill_softly(
            self.image,
            self.project(np.concatenate([base, base[::-1] + [0, 0.06]])),
            shadow,
            0.45,
            0.03 * scale,
        )
        wings = ((base[0], (-0.06, -0.16)), (base[4], (0.06, -0.16)))
        for point, (dx, dy) in wings:
            curve = point + np.float64([(0, 0), (dx, dy / 2), (dx / 2, dy)])
            mask = np.concatenate([curve, curve[::-1] + [0.025 * np.sign(dx), 0]])
            fill_softly(self.image, self.project(mask), shadow, 0.6, 0.02 * scale)
        tip = self.project(bridge[3] + [0, -0.05])
        fill_softly(
            self.image,
            ellipse(tip, (0.07 * scale, 0.06 * scale)),
            (255, 250, 245),
            0.3,
            0.05 * scale,
        )

    def _mouth(self, skin):
        c = self.shape.curves
        outer, inner = self.project(c["outer_lip"]), self.project(c["inner_lip"])
        red = skin * [0.86, 0.55, 0.55] if self.rng.random() < 0.75 else (175, 35, 50)
        upper = np.concatenate([outer[:7], inner[4::-1]])
        lower = np.concatenate([outer[6:], outer[:1], inner[[0, 7, 6, 5, 4]]])
        fill_polygon(self.image, inner, (45, 18, 18))
        gap = np.ptp(c["inner_lip"][:, 1])
        if gap > 0.1 and self.rng.random() < 0.8:
            teeth = self.project(
                np.concatenate([c["inner_lip"][1:4], c["inner_lip"][3:0:-1] + [0, 0.4 * gap]])
            )
            fill_polygon(self.image, teeth, (225, 220, 210))
        fill_polygon(self.image, upper, np.float64(red) * 0.88)
        fill_polygon(self.image, lower, red)
        draw_line(self.image, inner, np.float64(red) * 0.5, 0.012 * self.view.scale, closed=True)

    def _eye(self, side, skin):
        name = ("left_eye", "right_eye")[side]
        eye, scale, rng = self.shape.curves[name], self.view.scale, self.rng
        if not len(self.facing(eye.mean(axis=0))):
            return
        contour = self.project(eye_contour(eye, 9))
        crease = self.project(eye_contour(eye, 9)[:9] + [0, -0.055])
        fill_softly(
            self.image, np.concatenate([contour[:9], crease[::-1]]), skin * 0.55, 0.5, 0.03 * scale
        )
        pupil, edge = self.project(
            self.shape.curves["pupils"][side] + np.float64([(0, 0), (0.11, 0)])
        )
        radii = np.float64([max(0.03 * scale, abs(edge[0] - pupil[0])), 0.115 * scale])
        window, inside = window_around(self.image, contour, 2)
        pupil = pupil - contour[0] + inside[0]
        mask = np.zeros((*window.shape[:2], 1), np.float32)
        fill_polygon(mask, inside, (1.0,))
        ball = np.full_like(window, 230) * np.float32(rng.uniform(0.75, 1.0))
        fill_polygon(ball, ellipse(pupil, radii), self.iris)
        fill_polygon(ball, ellipse(pupil, radii * 0.48), (12, 10, 10))
        fill_polygon(ball, ellipse(pupil - 0.35 * radii, radii * 0.2), (250, 250, 250))
        window += mask * (ball - window)
        draw_line(self.image, contour[:9], (28, 20, 18), rng.uniform(0.02, 0.05) * scale)
        draw_line(
            self.image, np.concatenate([contour[8:], contour[:1]]), skin * 0.55, 0.012 * scale
        )

    def _brow(self, side, hair):
        upper = self.shape.curves[("left_brow", "right_brow")[side]]
        ring = np.concatenate([along(upper, 9), along(lower_brow(upper), 9)[::-1]])
        shown = self.facing(ring)
        if len(shown) > 4:
            color = np.minimum(hair * 0.7, 110)
            fill_softly(
                self.image,
                self.project(shown),
                color,
                self.rng.uniform(0.6, 0.95),
                0.02 * self.view.scale,
            )

    def _glasses(self):
        color, width = self.rng.uniform(0, 90, 3), self.rng.uniform(0.02, 0.06) * self.view.scale
        rims = []
        for pupil in self.shape.curves["pupils"]:
            rim = ellipse(pupil, (0.36, self.rng.uniform(0.22, 0.32)), 24)
            lifted = self.shape.surface(rim)
            lifted[:, 2] = lifted[:, 2].mean() * 0.5 + 0.5 * lifted[:, 2] + 0.12
            rims.append(self.view(lifted)[0])
            draw_line(self.image, rims[-1], color, width, closed=True)
        draw_line(self.image, [rims[0][0], rims[1][12]], color, width)
