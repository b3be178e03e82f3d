"""What a radar's range rates say once the car's own motion is taken out.

D. Kellner, M. Barjenbruch, J. Klappstein, J. Dickmann, K. Dietmayer, *Instantaneous ego-motion
estimation using Doppler radar*, IEEE ITSC 2013: a standing object at azimuth a has the range rate
-v·cos(a - b), where v is the speed of the sensor and b the direction in which it moves. The sensor
moves with the car and, away from its rear axle, sideways with its turning.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Mount:
    """Where a radar sits: metres ahead and to the left of the rear axle's middle, and by how much
    it is turned to the left, radians.
    """

    x_m: float = 0.0
    y_m: float = 0.0
    yaw: float = 0.0


#: Positions are given in the car's own frame already.
AT_AXLE = Mount()


def range_rate_of_standing(
    positions: Floats, speed: Floats, yaw_rate: Floats, mount: Mount = AT_AXLE
) -> Floats:
    """Range rate in m/s, negative when approaching, that a standing object at each position would
    have, float64 (n,).

    ``positions``: float64 (n, 2), x ahead and y to the left of the radar in its own axes, metres.
    ``speed``: of the car, m/s, and ``yaw_rate``, rad/s to the left, float64 (n,) or of length 1.
    """
    distance = np.maximum(np.hypot(positions[:, 0], positions[:, 1]), 1e-6)
    ahead = speed - yaw_rate * mount.y_m
    sideways = yaw_rate * mount.x_m
    cos, sin = np.cos(mount.yaw), np.sin(mount.yaw)
    along = ahead * cos + sideways * sin
    across = -ahead * sin + sideways * cos
    return np.asarray(-(along * positions[:, 0] + across * positions[:, 1]) / distance)


def speed_over_ground(
    positions: Floats,
    range_rates: Floats,
    speed: Floats,
    yaw_rate: Floats,
    mount: Mount = AT_AXLE,
) -> Floats:
    """Speed over ground along the line of sight, m/s, negative when approaching, float64 (n,): 0
    for what stands. Arguments as of ``range_rate_of_standing``; ``range_rates``: as measured.
    """
    return np.asarray(range_rates - range_rate_of_standing(positions, speed, yaw_rate, mount))
