"""How tracks move between two moments: constant velocity, the car's own motion taken out.

The filter is the Kalman filter with white noise acceleration (Bar-Shalom, Li, Kirubarajan:
Estimation with Applications to Tracking and Navigation, 2001, section 6.2.2), with position and
velocity in space, and each edge of the box in the image by itself.
"""

from __future__ import annotations

import numpy as np

from workers.vehicle.tracking.detections import Floats, Integers
from workers.vehicle.tracking.geometry import wrapped
from workers.vehicle.tracking.tracks import Tracks

#: Vertical acceleration against that in the plane.
_VERTICAL = 0.3
#: Growth of variances of size (m²/s) and yaw (rad²/s).
_SIZE_DRIFT = 0.01
_YAW_DRIFT = 0.05


def predict(
    tracks: Tracks,
    dt_s: Floats,
    *,
    acceleration: Floats,
    image_acceleration: Floats,
    focal_px: float,
) -> None:
    """Move all tracks on by ``dt_s`` (n,) >= 0, in place.

    ``acceleration`` (n,): m/s² for each track; ``image_acceleration`` (n,): box heights per s².
    """
    dt = dt_s[:, None]
    tracks.mean[:, :3] += dt * tracks.mean[:, 3:]
    p = tracks.covariance
    step = dt_s[:, None, None]
    cross, velocity = p[:, :3, 3:].copy(), p[:, 3:, 3:]
    turned = np.ascontiguousarray(cross.transpose(0, 2, 1))
    p[:, :3, :3] += step * (cross + turned) + step * step * velocity
    cross += step * velocity
    p[:, :3, 3:] = cross
    p[:, 3:, :3] = cross.transpose(0, 2, 1)
    noise = acceleration * acceleration
    for axis, share in enumerate((1.0, 1.0, _VERTICAL * _VERTICAL)):
        q = noise * share
        p[:, axis, axis] += q * dt_s**3 / 3
        p[:, axis, axis + 3] += q * dt_s**2 / 2
        p[:, axis + 3, axis] += q * dt_s**2 / 2
        p[:, axis + 3, axis + 3] += q * dt_s
    tracks.size_var += _SIZE_DRIFT * dt_s
    tracks.yaw_var += _YAW_DRIFT * dt_s
    _predict_edges(tracks, dt, (image_acceleration * tracks.height_px(focal_px))[:, None])


def _predict_edges(tracks: Tracks, dt: Floats, acceleration: Floats) -> None:
    """A box that was not seen lately moves on, but neither grows nor shrinks: its edges' rates
    differ mostly by noise, which would turn it inside out.
    """
    middle = (tracks.rate + tracks.rate[:, [2, 3, 0, 1]]) / 2
    tracks.rate = np.where((tracks.again != 0)[:, None], tracks.rate, middle)
    tracks.edge += dt * tracks.rate
    place, cross, rate = (tracks.edge_var[:, :, i].copy() for i in range(3))
    q = acceleration * acceleration
    tracks.edge_var[:, :, 0] = place + 2 * dt * cross + dt * dt * rate + q * dt**3 / 3
    tracks.edge_var[:, :, 1] = cross + dt * rate + q * dt**2 / 2
    tracks.edge_var[:, :, 2] = rate + q * dt


def follow_car(
    tracks: Tracks, rows: Integers, dt_s: Floats, speed_mps: Floats, yaw_rate_radps: Floats
) -> None:
    """Take out of tracks ``rows`` (m,) that the car, whose frame they are in, drove and turned.

    In place; arrays (m,) are of each track's car. Its path over ``dt_s`` is an arc, whose chord is
    taken.
    """
    angle = yaw_rate_radps * dt_s
    length = speed_mps * dt_s * np.sinc(angle / (2 * np.pi))
    mean = tracks.mean[rows]
    mean[:, 0] -= length * np.cos(angle / 2)
    mean[:, 1] -= length * np.sin(angle / 2)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.zeros((len(rows), 6, 6))
    for axis in (0, 3):
        turn[:, axis, axis] = turn[:, axis + 1, axis + 1] = cos
        turn[:, axis, axis + 1], turn[:, axis + 1, axis] = sin, -sin
    turn[:, 2, 2] = turn[:, 5, 5] = 1.0
    tracks.mean[rows] = (turn @ mean[:, :, None])[:, :, 0]
    turned = turn @ tracks.covariance[rows] @ turn.transpose(0, 2, 1)
    tracks.covariance[rows] = (turned + turned.transpose(0, 2, 1)) / 2
    tracks.yaw[rows] = wrapped(tracks.yaw[rows] - angle)
