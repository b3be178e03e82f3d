"""What a cluster may be by its size, and where the part of it lies that is not seen.

A lidar sees the sides that face it. What is seen bounds the object from below; bodies of a kind
have a usual size, and what is missing of it lies behind what is seen. The sizes of cars,
pedestrians and cyclists are near the anchors of A. H. Lang et al., *PointPillars*, CVPR 2019; all
the rest was set by hand.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from workers.vehicle.lidar.boxes import Box


class Body(NamedTuple):
    """A kind's usual length, width and height in metres, and how far they spread (one sigma)."""

    length: float
    width: float
    height: float
    spread: tuple[float, float, float]


BODIES: Mapping[str, Body] = {
    "car": Body(4.1, 1.75, 1.6, (0.6, 0.2, 0.25)),
    "van": Body(5.0, 2.0, 2.15, (0.8, 0.25, 0.25)),
    "truck": Body(8.0, 2.5, 3.0, (4.0, 0.3, 0.6)),
    "pedestrian": Body(0.8, 0.65, 1.75, (0.3, 0.2, 0.2)),
    "cyclist": Body(1.75, 0.65, 1.7, (0.3, 0.2, 0.2)),
}
#: How likely a cluster of any size is to be none of these: a wall, a pole, a bush. Against it a
#: perfect fit is worth 1.
_OTHER = 0.25
#: A seen side may exceed a kind's usual one by so many sigmas before it counts against it.
_SLACK = 1.0
#: A height too low by so many times as much as one too high counts the same: a field of view ends.
_HIDDEN = 1.6
#: Seen from the front or the back, both seen sides are at most this long.
_END_ON_M = 2.4


@dataclass(frozen=True, slots=True)
class Guess:
    """``kind``: the likeliest body; ``probabilities``: of each and of ``other``, sum 1; ``box``:
    completed to the kind's size, as seen where the kind is ``other``.
    """

    kind: str
    probabilities: Mapping[str, float]
    box: Box


def guess(seen: Box) -> Guess:
    """What a cluster may be. ``seen``: its box, the lidar at the origin."""
    weights = {name: _fit(seen, body) for name, body in BODIES.items()} | {"other": _OTHER}
    total = sum(weights.values())
    probabilities = {name: weight / total for name, weight in weights.items()}
    kind = max(probabilities, key=probabilities.__getitem__)
    box = seen if kind == "other" else completed(seen, BODIES[kind])
    return Guess(kind, probabilities, box)


def _fit(seen: Box, body: Body) -> float:
    """How well what is seen goes with a body, 0 to 1. Less may be seen than there is, never more;
    of the height little is missed, since what stands before an object rarely hides its top.
    """
    above_m = seen.height - body.height
    long, short = max(seen.length, seen.width), min(seen.length, seen.width)
    over = (
        max(0.0, (long - body.length) / body.spread[0] - _SLACK),
        max(0.0, (short - body.width) / body.spread[1] - _SLACK),
        max(above_m, -above_m / _HIDDEN) / body.spread[2],
    )
    least = min(1.0, max(long / body.width, short / body.width))
    return float(np.exp(-0.5 * sum(value * value for value in over))) * least


def completed(seen: Box, body: Body) -> Box:
    """A box of at least the body's length and width whose seen sides stay where they are.

    >>> completed(Box(9.0, 0.0, 0.0, 1.7, 0.4, 1.5, 1.5708), BODIES["car"]).length
    4.1
    """
    yaw, length, width = seen.yaw, seen.length, seen.width
    sight = np.arctan2(seen.y, seen.x)
    end_on = length <= max(_END_ON_M, 1.2 * body.width) and abs(np.cos(yaw - sight)) < np.sqrt(0.5)
    if end_on:
        yaw, length, width = yaw + np.pi / 2.0, width, length
        if yaw > np.pi / 2.0:
            yaw -= np.pi
    x, y = seen.x, seen.y
    for size, least, heading in ((length, body.length, yaw), (width, body.width, yaw + np.pi / 2)):
        missing = max(0.0, least - size)
        away = np.cos(heading) * seen.x + np.sin(heading) * seen.y
        # A side that the lidar is abreast of may be cut at both ends.
        shift = missing / 2.0 * float(np.clip(away / max(size / 2.0, 0.5), -1.0, 1.0))
        x, y = x + shift * float(np.cos(heading)), y + shift * float(np.sin(heading))
    return Box(
        x, y, seen.z, max(length, body.length), max(width, body.width), seen.height, float(yaw)
    )
