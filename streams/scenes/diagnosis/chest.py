"""A grey picture in the manner of a chest radiograph: lungs, ribs, heart, and an opacity.

Drawn, not anatomical; it teaches a model nothing about real patients.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

SIZE = 128
JPEG_QUALITY = 88
#: Opacities that a patient may have, one at a time, and grey levels that a dense one adds.
PLACES = 4
DENSITY = 95.0

Grey = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Thorax:
    """One patient's chest: the healthy picture and opacities' shapes, all float32 (128, 128).

    ``healthy`` is in grey levels 0 to 255; each of ``opacities`` is 0 to 1, within one lobe.
    """

    healthy: Grey
    opacities: tuple[Grey, ...]


def make_thorax(rng: np.random.Generator) -> Thorax:
    """A patient's chest and the places that an opacity would affect."""
    size = float(rng.uniform(0.92, 1.06))
    picture = np.full((SIZE, SIZE), 28.0, dtype=np.float32)
    _blob(picture, (64, 74), (56 * size, 66 * size), 150.0)
    _blob(picture, (64, 62), (62 * size, 34), 150.0)
    _blob(picture, (64, 112), (52 * size, 60), 150.0)
    _blob(picture, (64, 18), (17, 22), 150.0)
    picture = _soften(picture, 1.5)
    lungs = np.zeros_like(picture)
    for side in (-1, 1):
        _blob(lungs, (64 + side * 25 * size, 64), (18 * size, 38 * size), 1.0, angle=side * 7)
    soft_lungs = _soften(lungs, 1.6)
    picture -= soft_lungs * float(rng.uniform(88, 104))
    picture += _ribs(size, rng) * (0.35 + 0.65 * soft_lungs)
    spine = np.exp(-(((np.arange(SIZE) - 64) / 5.0) ** 2)).astype(np.float32)
    picture += 34.0 * spine[None, :]
    heart = np.zeros_like(picture)
    _blob(heart, (71, 82), (19 * size, 22 * size), 1.0, angle=-25)
    picture += _soften(heart, 2.5) * 62.0
    belly = np.clip((np.arange(SIZE) - 102) / 10.0, 0.0, 1.0).astype(np.float32)
    picture += 45.0 * belly[:, None] * (picture > 40.0)
    opacities = tuple(_lobe(soft_lungs, size, rng) for _ in range(PLACES))
    return Thorax(_soften(picture, 0.8), opacities)


def _soften(picture: Grey, sigma_px: float) -> Grey:
    return cv2.GaussianBlur(picture, (0, 0), sigma_px).astype(np.float32, copy=False)


def _ribs(size: float, rng: np.random.Generator) -> Grey:
    ribs = np.zeros((SIZE, SIZE), dtype=np.float32)
    spacing = float(rng.uniform(10.0, 11.5))
    for number in range(8):
        height = 30 + number * spacing
        for side in (-1, 1):
            centre = (64 + side * 24 * size, height)
            axes = (27 * size, 9.0)
            start, stop = (150, 330) if side < 0 else (210, 390)
            _blob(ribs, centre, axes, 26.0, angle=side * 14, arc=(start, stop), thickness=2)
    return _soften(ribs, 0.9)


def _lobe(lungs: Grey, size: float, rng: np.random.Generator) -> Grey:
    side = -1 if rng.random() < 0.5 else 1
    height = float(rng.choice([46.0, 66.0, 84.0]) + rng.uniform(-4, 4))
    spot = np.zeros_like(lungs)
    _blob(spot, (64 + side * 27 * size, height), rng.uniform([12, 12], [17, 18]), 1.0)
    patchy = _soften(rng.random((SIZE, SIZE), dtype=np.float32), 3.0)
    patchy = (patchy - patchy.min()) / (patchy.max() - patchy.min())
    shape: Grey = _soften(spot, 4.5) * (0.65 + 0.35 * patchy) * lungs
    shape /= shape.max()
    return shape


def draw_chest(thorax: Thorax, place: int, strength: float, rng: np.random.Generator) -> bytes:
    """One picture as grey JPEG, 128 x 128: the patient a little moved, at an exposure of its own.

    ``place``: which opacity, taken modulo their number; ``strength``: how dense, 0 to 1.
    """
    opacity = thorax.opacities[place % len(thorax.opacities)]
    picture = thorax.healthy + DENSITY * np.float32(strength) * opacity
    angle, scale = float(rng.normal(0.0, 1.5)), float(rng.normal(1.0, 0.015))
    turn = cv2.getRotationMatrix2D((SIZE / 2, SIZE / 2), angle, scale)
    turn[:, 2] += np.clip(rng.normal(0.0, 1.5, 2), -4.0, 4.0)
    moved = cv2.warpAffine(picture, turn, (SIZE, SIZE), borderMode=cv2.BORDER_REPLICATE)
    exposed = moved * float(rng.uniform(0.88, 1.1)) + float(rng.uniform(-8.0, 8.0))
    exposed += rng.standard_normal((SIZE, SIZE), dtype=np.float32) * 4.0
    grey = np.clip(exposed, 0, 255).astype(np.uint8)
    done, jpeg = cv2.imencode(".jpg", grey, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "OpenCV was built without JPEG"
    return jpeg.tobytes()


def _blob(
    picture: Grey,
    centre: tuple[float, float],
    axes: tuple[float, float] | npt.NDArray[np.float64],
    level: float,
    *,
    angle: float = 0.0,
    arc: tuple[float, float] = (0.0, 360.0),
    thickness: int = -1,
) -> None:
    at = (round(centre[0] * 16), round(centre[1] * 16))
    size = (round(float(axes[0]) * 16), round(float(axes[1]) * 16))
    cv2.ellipse(picture, at, size, angle, *arc, level, thickness, cv2.LINE_AA, 4)
