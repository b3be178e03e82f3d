"""What the tracker says of a session, as results tell it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.object_events import object_id
from schemas.objects import (
    METRE_DECIMALS,
    PIXEL_DECIMALS,
    Kinematics,
    ObjectStatus,
    Shape,
    TrackedObject,
    Vector,
)
from schemas.result import DECIMALS
from schemas.units import US_PER_MS, us_to_iso
from workers.vehicle.tracking import EgoMotion, Objects, Status
from workers.vehicle.tracking.detections import Floats
from workers.vehicle.tracking.state import UPPER

_NAMES: Mapping[int, ObjectStatus] = {
    Status.TENTATIVE: "tentative",
    Status.CONFIRMED: "confirmed",
    Status.COASTED: "coasted",
    Status.CLOSED: "closed",
}
#: Variances of metres and of metres per second; finer than any of them is known.
_VARIANCE_DECIMALS = 5


@dataclass(frozen=True, slots=True)
class Publishing:
    """How objects are told of. ``frame``: name of the vehicle's. ``classes``: names, in the
    tracker's order. ``cameras``: id -> name. ``tentative``: whether those that are not sure yet are
    told of.
    """

    pipeline: str
    frame: str
    classes: Sequence[str]
    cameras: Mapping[int, str]
    tentative: bool = False

    def told(self, session: str, found: Objects, ego: EgoMotion | None) -> list[TrackedObject]:
        """The objects of a session, by number."""
        wanted = np.ones(len(found), np.bool_) if self.tentative else found.status != 0
        rows = np.flatnonzero(wanted).tolist()
        if not rows:
            return []
        valid_at, names = us_to_iso(found.time_us), found.sensors
        existence = np.round(found.existence, DECIMALS).tolist()
        classes = self._classes(found.classes)
        places, shapes = self._kinematics(found, ego), _shapes(found)
        boxes = np.round(found.image_box, PIXEL_DECIMALS).tolist()
        cameras, ages = found.camera.tolist(), found.age_us.tolist()
        numbers, statuses = found.number.tolist(), found.status.tolist()
        support, shown = found.support.tolist(), found.shown.tolist()
        told = []
        for row in rows:
            since_us = found.time_us - ages[row]
            status = _NAMES[statuses[row]]
            told.append(
                TrackedObject(
                    object_id(self.pipeline, session, since_us, numbers[row]),
                    existence[row],
                    classes[row],
                    places[row],
                    shapes[row],
                    status,
                    valid_at,
                    us_to_iso(since_us),
                    ages[row] / US_PER_MS,
                    sorted({n for n, saw in zip(names, support[row], strict=True) if saw}),
                    self._boxes(cameras[row], boxes[row]),
                    not shown[row] and status in ("confirmed", "coasted"),
                )
            )
        return told

    def _classes(self, probabilities: Floats) -> list[dict[str, float]]:
        """The most probable first, then by the order of the classes."""
        rounded = np.round(probabilities, DECIMALS)
        order = np.argsort(-rounded, axis=1, kind="stable").tolist()
        return [
            {self.classes[at]: row[at] for at in ranked}
            for row, ranked in zip(rounded.tolist(), order, strict=True)
        ]

    def _boxes(self, camera: int, box: list[float]) -> dict[str, tuple[float, float, float, float]]:
        if not camera:
            return {}
        x1, y1, x2, y2 = box
        return {self.cameras.get(camera, f"camera-{camera:08x}"): (x1, y1, x2, y2)}

    def _kinematics(self, found: Objects, ego: EgoMotion | None) -> list[Kinematics | None]:
        relative, ground = _velocities(found, ego)
        upper = found.covariance[:, UPPER[0], UPPER[1]]
        position = _vectors(found.position)
        moving, over_ground = _vectors(relative), None if ground is None else _vectors(ground)
        yaw = np.round(found.yaw, METRE_DECIMALS).tolist()
        covariance = np.round(upper, _VARIANCE_DECIMALS).tolist()
        return [
            Kinematics(
                self.frame,
                position[row],
                moving[row],
                yaw[row],
                covariance[row],
                None if over_ground is None else over_ground[row],
            )
            if placed
            else None
            for row, placed in enumerate(found.placed.tolist())
        ]


def _velocities(found: Objects, ego: EgoMotion | None) -> tuple[Floats, Floats | None]:
    """Relative to the vehicle's frame, and over ground where the vehicle's motion is known.

    In a frame that turns, what stands still seems to circle the vehicle.
    """
    if not found.over_ground or ego is None:
        return found.velocity, None
    x, y = found.position[:, 0], found.position[:, 1]
    relative = found.velocity.copy()
    relative[:, 0] += ego.yaw_rate_radps * y - ego.speed_mps
    relative[:, 1] -= ego.yaw_rate_radps * x
    return relative, found.velocity


def _shapes(found: Objects) -> list[Shape | None]:
    sizes = np.round(found.size, METRE_DECIMALS).tolist()
    return [
        Shape(*size) if placed else None
        for size, placed in zip(sizes, found.placed.tolist(), strict=True)
    ]


def _vectors(values: Floats) -> list[Vector]:
    return [(x, y, z) for x, y, z in np.round(values, METRE_DECIMALS).tolist()]
