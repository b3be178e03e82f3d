"""Tracked objects: what is around a vehicle, since when, how sure.

Field names follow what autonomous-driving stacks use (Autoware's ``TrackedObject``, Apollo's
``PerceptionObstacle``). Frames are right-handed: x forward, y left, z up; yaw is counter-clockwise
from x, in radians from -π to π.
"""

from __future__ import annotations

from typing import Literal

import msgspec

#: ``tentative``: too new to be believed. ``confirmed``: seen often enough, and lately.
#: ``coasted``: was confirmed, and was not seen in the window, or is no longer sure.
#: ``closed``: given up.
ObjectStatus = Literal["tentative", "confirmed", "coasted", "closed"]

#: Metres and metres per second are published with so many decimals, pixels with
#: ``PIXEL_DECIMALS``: finer than any sensor, coarse enough to keep a message short.
METRE_DECIMALS = 3
PIXEL_DECIMALS = 2

Vector = tuple[float, float, float]


class Kinematics(msgspec.Struct, frozen=True):
    """Where an object is, and how it moves, in ``frame``.

    ``frame``: ``base_link`` moves with the vehicle, ``odom`` stands on the ground; with a
    calibration file, the frame that the file leads to. ``position``: the box's centre, m.
    ``velocity``: relative to the frame, along its axes, m/s. ``ground_velocity``: over ground,
    along the same axes; null where the vehicle's own motion is not known. ``yaw``: heading, rad.
    ``covariance``: of (x, y, z, vx, vy, vz), m², m²/s and m²/s²; the upper triangle row by row, 21
    values.
    """

    frame: str
    position: Vector
    velocity: Vector
    yaw: float
    covariance: list[float]
    ground_velocity: Vector | None = None


class Shape(msgspec.Struct, frozen=True):
    """The bounding box's size along its own axes, m."""

    length: float
    width: float
    height: float


class TrackedObject(msgspec.Struct, frozen=True):
    """One object as of ``valid_at`` (RFC 3339, event time).

    ``object_id``: UUID, the same for as long as the object is tracked. ``existence_probability``:
    that there is an object at all; ``classification``: class -> probability, given that there is
    one (their sum is 1, the most probable first). ``kinematics`` and ``shape``: null while it
    was seen in an image alone. ``since``: when it was first seen. ``age_ms``: from then to
    ``valid_at``. ``sensors``: those that saw it in the window. ``boxes``: camera -> x1, y1, x2, y2
    in pixels of its image, where that is known.
    ``suspended``: no longer sure enough to act on; it may come back or be closed.
    """

    object_id: str
    existence_probability: float
    classification: dict[str, float]
    kinematics: Kinematics | None
    shape: Shape | None
    status: ObjectStatus
    valid_at: str
    since: str
    age_ms: float
    sensors: list[str]
    boxes: dict[str, tuple[float, float, float, float]] = {}
    suspended: bool = False

    @property
    def label(self) -> str:
        """The most probable class, ``unknown`` where there is none."""
        return max(self.classification, key=self.classification.__getitem__, default="unknown")
