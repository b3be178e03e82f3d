"""What the tracker says of one session at one moment."""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from workers.vehicle.tracking.detections import Flags, Floats, Integers
from workers.vehicle.tracking.tracks import Tracks


class Status(enum.IntEnum):
    """``TENTATIVE``: not yet sure enough ever. ``CONFIRMED``: sure, and seen in this window.
    ``COASTED``: was confirmed, and is not seen now, or no longer sure. ``CLOSED``: was confirmed,
    and is given up with this window; its number never comes back.
    """

    TENTATIVE = 0
    CONFIRMED = 1
    COASTED = 2
    CLOSED = 3


@dataclass(frozen=True, slots=True)
class Objects:
    """n tracked objects of a session, ascending by number; arrays (n, …), in the vehicle's frame.

    ``time_us``: the moment that they hold for. ``classes``: probabilities (n, classes).
    ``existence``: probability that there is something. ``placed``: whether there is a place;
    without one ``position``, ``velocity``, ``size``, ``yaw`` and ``covariance`` are NaN.
    ``position`` and ``velocity`` (n, 3), m and m/s; ``over_ground``: velocities are over ground,
    else relative to the car. ``covariance`` (n, 6, 6): of position and velocity. ``size`` (n, 3):
    length, width, height. ``image_box`` (n, 4): in the image of the camera whose ``camera_id`` is
    ``camera``, NaN where that is 0. ``sensors``: names; ``support`` (n, sensors): which of them
    saw it in this window. ``shown``: confirmed or coasted, and still sure enough to be told of.
    """

    time_us: int
    over_ground: bool
    number: Integers
    status: Integers
    classes: Floats
    existence: Floats
    placed: Flags
    position: Floats
    velocity: Floats
    covariance: Floats
    size: Floats
    yaw: Floats
    image_box: Floats
    camera: Integers
    sensors: tuple[str, ...]
    support: Flags
    age_us: Integers
    unseen_us: Integers
    shown: Flags

    def __len__(self) -> int:
        return len(self.number)


def describe(
    tracks: Tracks,
    times_us: Integers,
    over_ground: Flags,
    sensors: Sequence[tuple[str, ...]],
    classes: int,
    suspend: Floats,
) -> list[Objects]:
    """Objects of each session. ``times_us``, ``over_ground`` and ``sensors`` are by session;
    ``suspend`` (n,): log odds below which a track is no longer shown.
    """
    bounds = np.searchsorted(tracks.session, np.arange(len(times_us) + 1))
    unknown = ~tracks.placed
    position, velocity = tracks.mean[:, :3].copy(), tracks.mean[:, 3:].copy()
    covariance, size, yaw = tracks.covariance.copy(), tracks.size.copy(), tracks.yaw.copy()
    image = tracks.edge.copy()
    for values in (position, velocity, covariance, size, yaw):
        values[unknown] = np.nan
    image[tracks.camera == 0] = np.nan
    existence = 1.0 / (1.0 + np.exp(-tracks.existence))
    probabilities = np.exp(tracks.classes[:, :classes])
    now = times_us[tracks.session]
    shown = np.isin(tracks.status, (Status.CONFIRMED, Status.COASTED)) & (
        tracks.existence >= suspend
    )
    age, unseen = now - tracks.born_us, now - tracks.seen_us
    found = []
    for session, names in enumerate(sensors):
        rows = slice(bounds[session], bounds[session + 1])
        bits = tracks.support[rows, None] >> np.arange(len(names))
        found.append(
            Objects(
                time_us=int(times_us[session]),
                over_ground=bool(over_ground[session]),
                number=tracks.number[rows],
                status=tracks.status[rows],
                classes=probabilities[rows],
                existence=existence[rows],
                placed=tracks.placed[rows],
                position=position[rows],
                velocity=velocity[rows],
                covariance=covariance[rows],
                size=size[rows],
                yaw=yaw[rows],
                image_box=image[rows],
                camera=tracks.camera[rows],
                sensors=names,
                support=(bits & 1).astype(np.bool_),
                age_us=age[rows],
                unseen_us=unseen[rows],
                shown=shown[rows],
            )
        )
    return found
