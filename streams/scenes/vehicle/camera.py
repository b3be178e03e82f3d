"""The front camera: road, sky and road users in correct perspective, 320 by 192."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from streams.scenes.vehicle.traffic import CAR, PEDESTRIAN, Thing

WIDTH, HEIGHT = 320, 192
#: Pinhole: 60 degrees across, 1.4 m above the road, horizon above the middle.
FOCAL_PX = 277.0
MIDDLE_PX, HORIZON_PX = 160.0, 84.0
CAMERA_HEIGHT_M = 1.4
NEAREST_M = 2.0
JPEG_QUALITY = 80

Picture = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]
Point = tuple[float, float]

_SHIFT = 4
_ONE = 1 << _SHIFT
_LANE_LINES_M = (-1.75, 1.75)
_ROAD_EDGE_M = 5.4
_DASH_M, _DASH_PERIOD_M = 3.0, 9.0


@dataclass(frozen=True, slots=True)
class Scenery:
    """What does not move: the empty road's picture, the light, and grains of sensor noise."""

    picture: Picture
    light: float
    grains: tuple[npt.NDArray[np.float32], ...]


def project(x: float, y: float, z: float) -> Point:
    """Pixel (u, v) of a point in the vehicle frame; ``x`` must be above 0."""
    return MIDDLE_PX - FOCAL_PX * y / x, HORIZON_PX + FOCAL_PX * (CAMERA_HEIGHT_M - z) / x


def box2d(thing: Thing) -> tuple[float, float, float, float] | None:
    """(left, top, right, bottom) in pixels, cut to the picture; ``None`` when out of it."""
    if thing.x < NEAREST_M:
        return None
    half = thing.shape.width / 2
    left, top = project(thing.x, thing.y + half, thing.shape.height)
    right, bottom = project(thing.x, thing.y - half, 0.0)
    left, right = max(0.0, left), min(WIDTH, right)
    top, bottom = max(0.0, top), min(HEIGHT, bottom)
    return (left, top, right, bottom) if right - left > 1.0 and bottom - top > 2.0 else None


def make_scenery(rng: np.random.Generator) -> Scenery:
    """An empty road at some hour and in some weather."""
    rows = np.arange(HEIGHT)[:, None, None]
    sky_top, sky_low = rng.uniform([150, 110, 70], [240, 190, 140]), rng.uniform(190, 235, 3)
    share = np.clip(rows / HORIZON_PX, 0.0, 1.0)
    picture = np.ascontiguousarray(
        np.broadcast_to(sky_top * (1 - share) + sky_low * share, (HEIGHT, WIDTH, 3))
    ).astype(np.uint8)
    for _ in range(14):
        x, w = int(rng.integers(-20, WIDTH)), int(rng.integers(12, 45))
        h = int(rng.integers(5, 42))
        grey = tuple(int(value) for value in rng.uniform(70, 150) + rng.normal(0, 10, 3))
        cv2.rectangle(picture, (x, int(HORIZON_PX) - h), (x + w, int(HORIZON_PX)), grey, -1)
    ground = rng.uniform([40, 80, 60], [80, 130, 100])
    picture[int(HORIZON_PX) :] = ground
    for edge_m, colour in ((8.2, rng.uniform(130, 165)), (_ROAD_EDGE_M, rng.uniform(62, 92))):
        _fill(picture, _strip(-edge_m, edge_m), (colour, colour, colour))
    for edge in (-_ROAD_EDGE_M, _ROAD_EDGE_M):
        _fill(picture, _strip(edge - 0.08, edge + 0.08), (200, 200, 200))
    texture = rng.normal(0.0, 7.0, (HEIGHT, WIDTH, 1)) * (rows > HORIZON_PX)
    textured = np.clip(picture + cv2.blur(texture, (3, 1))[..., None], 0, 255).astype(np.uint8)
    grains = tuple(rng.normal(0, 3.0, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(3))
    return Scenery(textured, float(rng.uniform(0.75, 1.1)), grains)


def draw_road(
    scenery: Scenery, things: Sequence[Thing], driven_m: float, rng: np.random.Generator
) -> bytes:
    """One frame as JPEG, 320 x 192. ``things`` must come farthest first."""
    picture = scenery.picture.copy()
    for line_m in _LANE_LINES_M:
        for dash in np.arange(-driven_m % _DASH_PERIOD_M, 70.0, _DASH_PERIOD_M):
            near = max(float(dash), NEAREST_M)
            if dash + _DASH_M > near:
                _fill(
                    picture,
                    _strip(line_m - 0.07, line_m + 0.07, near, dash + _DASH_M),
                    (205, 205, 205),
                )
    for thing in things:
        if thing.x < NEAREST_M:
            continue
        if thing.shape.kind == CAR:
            _draw_car(picture, thing)
        elif thing.shape.kind == PEDESTRIAN:
            _draw_person(picture, thing, driven_m)
        else:
            _draw_pole(picture, thing)
    grain = scenery.grains[rng.integers(len(scenery.grains))]
    lit = cv2.addWeighted(
        picture, scenery.light, grain, 1.0, float(rng.uniform(-3, 3)), dtype=cv2.CV_8U
    )
    done, jpeg = cv2.imencode(".jpg", lit, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "OpenCV was built without JPEG"
    return jpeg.tobytes()


def _draw_car(picture: Picture, thing: Thing) -> None:
    shape, x, y = thing.shape, thing.x, thing.y
    paint = _paint(shape.tint)
    half, height = shape.width / 2, shape.height
    shadow = [
        (x, y + half + 0.2),
        (x, y - half - 0.2),
        (x + shape.length, y - half - 0.2),
        (x + shape.length, y + half + 0.2),
    ]
    _fill(picture, [project(*corner, 0.0) for corner in shadow], (28, 28, 28))
    if abs(y) > half:
        # Of a car in another lane the flank facing us is in sight.
        flank = y - half if y > 0 else y + half
        _face(picture, [(x, flank), (x + shape.length, flank)], 0.2, 0.6 * height, paint, 0.6)
        leaning = flank + 0.28 * (y - flank)
        cabin = [
            project(x + 0.1, flank, 0.6 * height),
            project(x + 0.75 * shape.length, flank, 0.6 * height),
            project(x + 0.55 * shape.length, leaning, height),
            project(x + 0.3, leaning, height),
        ]
        _fill(picture, cabin, (60, 50, 45))
    rear = [(x, y + half), (x, y - half)]
    for wheel in (y + half - 0.25, y - half + 0.25):
        _face(picture, [(x, wheel + 0.12), (x, wheel - 0.12)], 0.0, 0.45, (20, 20, 20), 1.0)
    _face(picture, rear, 0.22, 0.62 * height, paint, 1.0)
    roof = [
        project(x, y + half * 0.95, 0.6 * height),
        project(x, y + half * 0.72, height),
        project(x, y - half * 0.72, height),
        project(x, y - half * 0.95, 0.6 * height),
    ]
    _fill(picture, roof, _shade(paint, 0.85))
    pane = [
        project(x, y + half * 0.8, 0.64 * height),
        project(x, y + half * 0.62, 0.95 * height),
        project(x, y - half * 0.62, 0.95 * height),
        project(x, y - half * 0.8, 0.64 * height),
    ]
    _fill(picture, pane, (90, 75, 60))
    for lamp in (y + half - 0.2, y - half + 0.2):
        corners = [(x, lamp + 0.16), (x, lamp - 0.16)]
        _face(picture, corners, 0.42 * height, 0.54 * height, (40, 30, 215), 1.0)
    _face(picture, [(x, y + 0.26), (x, y - 0.26)], 0.3, 0.45, (225, 225, 225), 1.0)


def _draw_person(picture: Picture, thing: Thing, driven_m: float) -> None:
    shape, x, y = thing.shape, thing.x, thing.y
    height, half = shape.height, shape.width / 2
    coat, trousers = _paint(shape.tint, dim=0.6), _paint((shape.tint * 7.0) % 1.0)
    stride = 0.18 * np.sin(5.0 * y + 2.0 * shape.tint + 0.8 * driven_m)
    for foot, side in ((stride, 0.4), (-stride, -0.4)):
        hip = y + side * half
        leg = [
            project(x, hip + 0.08, 0.5 * height),
            project(x, hip - 0.08, 0.5 * height),
            project(x, hip + foot - 0.07, 0.0),
            project(x, hip + foot + 0.07, 0.0),
        ]
        _fill(picture, leg, _shade(trousers, 0.55))
        arm = [
            project(x, y + side * 2.2 * half, 0.8 * height),
            project(x, y + side * 2.6 * half - foot, 0.48 * height),
            project(x, y + side * 1.9 * half - foot, 0.48 * height),
        ]
        _fill(picture, arm, _shade(coat, 0.75))
    torso = [
        project(x, y + half, 0.82 * height),
        project(x, y - half, 0.82 * height),
        project(x, y - 0.75 * half, 0.45 * height),
        project(x, y + 0.75 * half, 0.45 * height),
    ]
    _fill(picture, torso, coat)
    u, v = project(x, y, 0.91 * height)
    radius = max(1.0, FOCAL_PX * 0.065 * height / x)
    cv2.circle(
        picture,
        (round(u * _ONE), round(v * _ONE)),
        round(radius * _ONE),
        (120, 150, 200),
        -1,
        cv2.LINE_AA,
        _SHIFT,
    )


def _draw_pole(picture: Picture, thing: Thing) -> None:
    sides = [(thing.x, thing.y + 0.1), (thing.x, thing.y - 0.1)]
    _face(picture, sides, 0.0, thing.shape.height, (95, 95, 95), 1.0)
    lamp = [(thing.x, thing.y), (thing.x, thing.y - np.sign(thing.y) * 1.2)]
    _face(picture, lamp, thing.shape.height - 0.15, thing.shape.height, (120, 120, 120), 1.0)


def _face(
    picture: Picture, ends: list[Point], low_m: float, high_m: float, colour: Colour, shade: float
) -> None:
    (x1, y1), (x2, y2) = ends
    corners = [
        project(x1, y1, low_m),
        project(x2, y2, low_m),
        project(x2, y2, high_m),
        project(x1, y1, high_m),
    ]
    _fill(picture, corners, _shade(colour, shade))


def _strip(
    left_m: float, right_m: float, near_m: float = NEAREST_M, far_m: float = 400.0
) -> list[Point]:
    return [
        project(near_m, left_m, 0.0),
        project(near_m, right_m, 0.0),
        project(far_m, right_m, 0.0),
        project(far_m, left_m, 0.0),
    ]


def _fill(picture: Picture, points: list[Point], colour: tuple[float, float, float]) -> None:
    outline = (np.array(points) * _ONE).astype(np.int32)
    cv2.fillConvexPoly(picture, outline, colour, cv2.LINE_AA, _SHIFT)


def _paint(tint: float, dim: float = 0.35) -> Colour:
    # ``dim`` is the darkest that it gets.
    red, green, blue = colorsys.hsv_to_rgb(
        (tint * 5.0) % 1.0,
        0.25 + 0.5 * (tint * 3.0 % 1.0),
        dim + (0.95 - dim) * (tint * 11.0 % 1.0),
    )
    return int(255 * blue), int(255 * green), int(255 * red)


def _shade(colour: Colour, factor: float) -> Colour:
    blue, green, red = (int(channel * factor) for channel in colour)
    return blue, green, red
