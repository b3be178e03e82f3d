"""A box around each cluster, turned as the visible sides lie.

X. Zhang, W. Xu, C. Dong, J. M. Dolan, *Efficient L-shape fitting for vehicle detection using laser
scanners*, IEEE Intelligent Vehicles Symposium 2017: of all headings the one is taken at which the
points are closest to two sides of the box (their closeness criterion).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Headings that are tried, 1 degree apart; a box looks the same after a quarter turn.
_HEADINGS = np.deg2rad(np.arange(0.0, 90.0, 1.0))
#: Points nearer to a side than this count as if they were this far: noise of a return.
_NEAREST_M = 0.05
#: More points of a cluster say nothing new about how its sides lie.
_MOST_POINTS = 400


class Box(NamedTuple):
    """An upright box. Centre ``x, y, z`` in metres, ``length`` along ``yaw``, ``width`` across, and
    ``height``; ``yaw`` in radians about z, from x towards y, -pi/2 to pi/2.
    """

    x: float
    y: float
    z: float
    length: float
    width: float
    height: float
    yaw: float


def fit_box(points: Floats, ground_m: float) -> Box:
    """The box around a cluster, float64 (n, 3), standing on the ground at height ``ground_m``."""
    plane = points[:, :2]
    step = max(1, len(plane) // _MOST_POINTS)
    heading = _heading(plane[::step])
    along = np.array([np.cos(heading), np.sin(heading)])
    across = np.array([-along[1], along[0]])
    first, second = plane @ along, plane @ across
    low = np.array([first.min(), second.min()])
    high = np.array([first.max(), second.max()])
    middle = (low + high) / 2.0
    size = np.maximum(high - low, 0.1)
    x, y = middle[0] * along + middle[1] * across
    if size[0] < size[1]:
        heading, size = heading - np.pi / 2.0, size[::-1]
    top_m = float(points[:, 2].max())
    bottom_m = min(ground_m, float(points[:, 2].min()))
    height_m = max(0.1, top_m - bottom_m)
    return Box(
        float(x), float(y), bottom_m + height_m / 2.0,
        float(size[0]), float(size[1]), height_m, float(heading),
    )  # fmt: skip


def _heading(plane: Floats) -> float:
    """Heading of one pair of sides, radians, 0 to pi/2, of points float64 (n, 2)."""
    along = np.stack([np.cos(_HEADINGS), np.sin(_HEADINGS)])
    across = np.stack([-along[1], along[0]])
    closeness = np.minimum(_to_sides(plane @ along), _to_sides(plane @ across))
    scores = (1.0 / np.maximum(closeness, _NEAREST_M)).sum(axis=0)
    return float(_HEADINGS[int(np.argmax(scores))])


def _to_sides(values: Floats) -> Floats:
    """Distance of each projected point to the nearer of the two sides, (n, headings)."""
    distance: Floats = np.minimum(values.max(axis=0) - values, values - values.min(axis=0))
    return distance
