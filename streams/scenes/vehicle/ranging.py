"""Lidar, radar and the smart camera: the same road users as points and as object lists."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from streams.scenes.vehicle.camera import HEIGHT, WIDTH, box2d
from streams.scenes.vehicle.traffic import CAR, PEDESTRIAN, POLE, Thing

Floats = npt.NDArray[np.float32]

#: A forward sector of a spinning lidar: columns of azimuth by rings of elevation.
AZIMUTHS_DEG = (-36.0, 36.0, 129)
ELEVATIONS_DEG = (-15.0, 1.5, 25)
LIDAR_HEIGHT_M = 1.8
LIDAR_RANGE_M = 80.0
RANGE_NOISE_M = 0.03
DROPOUT = 0.06
STRAY_POINTS = 15
#: Reflectance by kind: paint and plates return more than cloth, asphalt least.
_REFLECTANCE = {CAR: 0.65, PEDESTRIAN: 0.35, POLE: 0.5}
_ASPHALT = 0.15

_azimuth, _elevation = (
    grid.ravel().astype(np.float32)
    for grid in np.meshgrid(
        np.deg2rad(np.linspace(*AZIMUTHS_DEG)), np.deg2rad(np.linspace(*ELEVATIONS_DEG))
    )
)
#: Direction of each beam, unit vectors.
_DX = np.cos(_elevation) * np.cos(_azimuth)
_DY = np.cos(_elevation) * np.sin(_azimuth)
_DZ = np.sin(_elevation)


def _ground_range() -> Floats:
    with np.errstate(divide="ignore"):
        reach = np.where(_DZ < 0, -LIDAR_HEIGHT_M / _DZ, np.inf)
    return np.where(reach < LIDAR_RANGE_M, reach, np.inf).astype(np.float32)


_GROUND_M = _ground_range()


def sweep(things: Sequence[Thing], rng: np.random.Generator) -> bytes:
    """One lidar sweep: float32 little-endian, (n, 4) of x, y, z in metres and intensity 0 to 1.

    Vehicle frame, origin on the road below the sensor. Nearest hit per beam, range noise,
    dropouts and stray points.
    """
    reach = _GROUND_M.copy()
    intensity = np.full(reach.shape, _ASPHALT, dtype=np.float32)
    for thing in things:
        if thing.x + thing.shape.length > 1.0:
            _hit(thing, reach, intensity)
    draws = rng.random((2, len(reach)), dtype=np.float32)
    seen = np.flatnonzero((reach < LIDAR_RANGE_M) & (draws[0] > DROPOUT))
    distance = reach[seen] + rng.standard_normal(len(seen), dtype=np.float32) * RANGE_NOISE_M
    points = np.empty((len(seen) + STRAY_POINTS, 4), dtype="<f4")
    own, stray = points[: len(seen)], points[len(seen) :]
    own[:, 0] = distance * _DX[seen]
    own[:, 1] = distance * _DY[seen]
    own[:, 2] = distance * _DZ[seen] + LIDAR_HEIGHT_M
    own[:, 3] = intensity[seen] * (0.8 + 0.4 * draws[1, seen])
    stray[:] = rng.uniform([3.0, -20.0, 0.0, 0.0], [60.0, 20.0, 3.0, 0.3], (STRAY_POINTS, 4))
    return points.tobytes()


def _hit(thing: Thing, reach: Floats, intensity: Floats) -> None:
    shape = thing.shape
    low, high = thing.y - shape.width / 2, thing.y + shape.width / 2
    front = max(thing.x, 0.5)
    # Only the beams of the azimuths that the box spans, which is a few columns of many.
    corners = [np.arctan2(y, x) for y in (low, high) for x in (front, thing.x + shape.length)]
    beams = np.flatnonzero((_azimuth >= min(corners)) & (_azimuth <= max(corners)))
    if not len(beams):
        return
    dx, dy, dz = _DX[beams], _DY[beams], _DZ[beams]
    to_face = front / dx
    face_y, face_z = to_face * dy, to_face * dz + LIDAR_HEIGHT_M
    on_face = (face_y >= low) & (face_y <= high) & (face_z >= 0.0) & (face_z <= shape.height)
    distance = np.where(on_face & (thing.x > 0.5), to_face, np.inf)
    if low > 0 or high < 0:
        flank = low if low > 0 else high
        to_flank = flank / np.where(np.abs(dy) < 1e-6, 1e-6, dy)
        flank_x, flank_z = to_flank * dx, to_flank * dz + LIDAR_HEIGHT_M
        on_flank = (
            (to_flank > 0)
            & (flank_x >= thing.x)
            & (flank_x <= thing.x + shape.length)
            & (flank_z >= 0.0)
            & (flank_z <= shape.height)
        )
        distance = np.where(on_flank, np.minimum(distance, to_flank), distance)
    if shape.height < LIDAR_HEIGHT_M:
        to_top = (shape.height - LIDAR_HEIGHT_M) / np.minimum(dz, -1e-6)
        top_x, top_y = to_top * dx, to_top * dy
        on_top = (
            (top_x >= thing.x)
            & (top_x <= thing.x + shape.length)
            & (top_y >= low)
            & (top_y <= high)
        )
        distance = np.where(on_top, np.minimum(distance, to_top), distance)
    closer = distance < reach[beams]
    reach[beams[closer]] = distance[closer]
    intensity[beams[closer]] = _REFLECTANCE[shape.kind] * (0.8 + 0.4 * shape.tint)


#: Share of scans in which a target is missed, and how strongly it echoes.
_RADAR_MISS = {CAR: 0.04, PEDESTRIAN: 0.2, POLE: 0.5}
_RADAR_SCORE = {CAR: 0.85, PEDESTRIAN: 0.55, POLE: 0.4}
_CLUTTER_PER_SCAN = 1.5
RADAR_RANGE_M = 70.0
RADAR_HALF_ANGLE_DEG = 40.0


def radar_scan(things: Sequence[Thing], rng: np.random.Generator) -> bytes:
    """One radar scan as JSON: position [x, y] in metres, range rate in m/s, clutter among them."""
    echoes = []
    for thing in things:
        distance = float(np.hypot(thing.x, thing.y))
        angle = np.rad2deg(np.arctan2(abs(thing.y), thing.x))
        miss, rough, along, across, speed = rng.random(5)
        if (
            thing.x < 1.0
            or distance > RADAR_RANGE_M
            or angle > RADAR_HALF_ANGLE_DEG
            or miss < _RADAR_MISS[thing.shape.kind]
        ):
            continue
        echoes.append(
            {
                "class": "unknown",
                "score": round(_RADAR_SCORE[thing.shape.kind] + 0.2 * (rough - 0.5), 2),
                "position": [
                    round(thing.x + 0.6 * (along - 0.5), 2),
                    round(thing.y + 0.03 * distance * (across - 0.5), 2),
                ],
                "range_rate": round(thing.closing * thing.x / distance + 0.4 * (speed - 0.5), 2),
            }
        )
    for _ in range(rng.poisson(_CLUTTER_PER_SCAN)):
        x, y, rate, score = rng.uniform([4.0, -15.0, -12.0, 0.1], [60.0, 15.0, 4.0, 0.45])
        echoes.append(
            {
                "class": "unknown",
                "score": round(score, 2),
                "position": [round(x, 2), round(y, 2)],
                "range_rate": round(rate, 2),
            }
        )
    return _json({"frame": "vehicle", "objects": [echoes[i] for i in rng.permutation(len(echoes))]})


_CAMERA_MISS = 0.12
_CAMERA_FALSE = 0.08
_CAMERA_CONFUSES = 0.04
DETECTION_RANGE_M = 60.0


def detections(things: Sequence[Thing], rng: np.random.Generator) -> bytes:
    """One list of a smart camera as JSON: class, score, box2d in pixels of the front camera."""
    found = []
    for thing in things:
        box = box2d(thing)
        miss, confuse, score = rng.random(3)
        shift = rng.normal(0.0, 0.03, 4)
        if thing.shape.kind == POLE or thing.x > DETECTION_RANGE_M or box is None:
            continue
        if miss < _CAMERA_MISS:
            continue
        name = thing.shape.kind
        if confuse < _CAMERA_CONFUSES:
            name = PEDESTRIAN if name == CAR else CAR
        extent = np.array([box[2] - box[0], box[3] - box[1]] * 2)
        found.append(_detection(name, 0.6 + 0.38 * score, np.array(box) + shift * extent))
    if rng.random() < _CAMERA_FALSE:
        left, top, width, height = rng.uniform([0, 60, 8, 8], [280, 130, 40, 50])
        name = (CAR, PEDESTRIAN)[rng.integers(2)]
        corners = np.array([left, top, left + width, top + height])
        found.append(_detection(name, float(rng.uniform(0.3, 0.6)), corners))
    return _json({"frame": "camera.front", "size": [WIDTH, HEIGHT], "objects": found})


def _detection(name: str, score: float, box: npt.NDArray[np.float64]) -> dict[str, object]:
    inside = np.clip(box, 0.0, [WIDTH, HEIGHT, WIDTH, HEIGHT])
    return {
        "class": name,
        "score": round(score, 2),
        "box2d": [round(v, 1) for v in inside.tolist()],
    }


def _json(body: dict[str, object]) -> bytes:
    return json.dumps(body, separators=(",", ":")).encode()
