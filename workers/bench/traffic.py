"""Made-up traffic around many vehicles, as the object lists that their sensors would send."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np

from schemas.sample import Modality, Sample
from workers.vehicle.tracking.detections import Floats

FRAME_US = 100_000
LIDAR, CAMERA = "lidar.top", "camera.front"
INPUTS = {LIDAR: "lidar", CAMERA: "camera"}
_FOCAL_PX, _MIDDLE_PX, _HORIZON_PX = 720.0, 620.0, 180.0
_CAR_M = (4.2, 1.8, 1.5)
#: Shares of objects that a sensor misses in a frame, and of lists that have one that is not there.
_MISSED, _CLUTTER = 0.1, 0.3


class Traffic(NamedTuple):
    """``samples[frame]``: of all vehicles, the lidar's and the camera's list of each."""

    vehicles: int
    objects: int
    samples: list[list[Sample]]


def traffic(vehicles: int, objects: int, frames: int, seed: int) -> Traffic:
    """``objects`` cars around each of ``vehicles``, moving straight; a seed is a traffic."""
    rng = np.random.default_rng(seed)
    shape = (vehicles, objects)
    start = np.stack([rng.uniform(10, 70, shape), rng.uniform(-15, 15, shape)], axis=2)
    speed = np.stack([rng.normal(0, 3, shape), rng.normal(0, 0.2, shape)], axis=2)
    found = []
    for frame in range(frames):
        place = start + speed * frame * FRAME_US / 1e6
        # Who comes too near or too far is met again from the other end.
        place[..., 0] = 10 + np.mod(place[..., 0] - 10, 60)
        found.append(
            [
                _sample(f"car-{at:04d}", sensor, frame, _listed(rng, place[at], sensor))
                for at in range(vehicles)
                for sensor in INPUTS
            ]
        )
    return Traffic(vehicles, objects, found)


def _listed(rng: np.random.Generator, place: Floats, sensor: str) -> list[dict[str, Any]]:
    seen = place[rng.random(len(place)) > _MISSED]
    if rng.random() < _CLUTTER:
        seen = np.concatenate([seen, [[rng.uniform(10, 70), rng.uniform(-15, 15)]]])
    seen = seen + rng.normal(0, 0.1, seen.shape)
    score = np.round(1 - rng.uniform(0.001, 0.3, len(seen)), 4).tolist()
    listed = []
    for (x, y), sure in zip(seen.tolist(), score, strict=True):
        half, height = _FOCAL_PX * _CAR_M[1] / 2 / x, _FOCAL_PX * _CAR_M[2] / x
        middle = _MIDDLE_PX - _FOCAL_PX * y / x
        box = [middle - half, _HORIZON_PX, middle + half, _HORIZON_PX + height]
        one: dict[str, Any] = {"class": "car", "score": sure, "box2d": [round(e, 2) for e in box]}
        if sensor == LIDAR:
            one["box3d"] = [round(x, 3), round(y, 3), 0.75, *_CAR_M, 0.0]
        listed.append(one)
    return listed


def _sample(session: str, sensor: str, frame: int, listed: list[dict[str, Any]]) -> Sample:
    payload = {"objects": listed} | ({"camera": CAMERA} if sensor == LIDAR else {})
    at_us = frame * FRAME_US
    return Sample(
        session=session,
        sensor=sensor,
        input=INPUTS[sensor],
        modality=Modality.OBJECTS,
        start_us=at_us,
        end_us=at_us,
        content_type="application/json",
        payload=json.dumps(payload, separators=(",", ":")).encode(),
        topic=f"drive.{INPUTS[sensor]}",
        partition=0,
        offset=frame,
    )
