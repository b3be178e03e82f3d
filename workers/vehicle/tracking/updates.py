"""What a detection changes in the track that it is assigned to: Kalman updates, row by row.

A measurement may be older than the tracks: ``lag_s`` says by how much, and it is compared with
where the track was then by its velocity.
"""

from __future__ import annotations

import math

import numpy as np

from workers.vehicle.tracking.detections import Floats, Integers
from workers.vehicle.tracking.geometry import wrapped
from workers.vehicle.tracking.tracks import Tracks

#: Standard deviations of a box's size (m) and yaw (rad) as a lidar detector gives them.
_SIZE_NOISE = 0.25
_YAW_NOISE = 0.2
#: Height is found about as well near as far; and less of the ground's slope is in it.
_Z_NOISE = 0.15
#: No edge is known better than so many pixels.
_EDGE_FLOOR_PX = 1.0


def update_boxes(
    tracks: Tracks, rows: Integers, boxes: Floats, noise_m: Floats, lag_s: Floats
) -> None:
    """Boxes in space (m, 7) for tracks ``rows`` (m,), in place; ``noise_m`` (m,) in the plane."""
    seen_z = np.full(len(rows), _Z_NOISE)
    noise = np.zeros((len(rows), 3, 3))
    noise[:, 0, 0] = noise[:, 1, 1] = noise_m * noise_m
    noise[:, 2, 2] = seen_z * seen_z
    observe = np.zeros((len(rows), 3, 6))
    for axis in range(3):
        observe[:, axis, axis] = 1.0
        observe[:, axis, axis + 3] = -lag_s
    mean = tracks.mean[rows]
    wanted = boxes[:, :3] - (mean[:, :3] - lag_s[:, None] * mean[:, 3:])
    _update(tracks, rows, wanted, observe, noise)
    gain = tracks.size_var[rows] / (tracks.size_var[rows] + _SIZE_NOISE**2)
    tracks.size[rows] += gain[:, None] * (boxes[:, 3:6] - tracks.size[rows])
    tracks.size_var[rows] *= 1 - gain
    turn = wrapped(boxes[:, 6] - tracks.yaw[rows])
    # A detector that sees a box from behind may give the front's yaw: no car turns by half a turn.
    turn = np.where(np.abs(turn) > math.pi / 2, wrapped(turn + math.pi), turn)
    gain = tracks.yaw_var[rows] / (tracks.yaw_var[rows] + _YAW_NOISE**2)
    tracks.yaw[rows] = wrapped(tracks.yaw[rows] + gain * turn)
    tracks.yaw_var[rows] *= 1 - gain


def radar_residual(
    mean: Floats, covariance: Floats, radar: Floats, mount: Floats, ego: Floats, noise: Floats
) -> tuple[Floats, Floats, Floats]:
    """Range, bearing and range rate (m, 3) less what a track at ``mean`` (m, 6) would give, the
    derivative of that (m, 3, 6), and the covariance of the difference (m, 3, 3).

    Extended Kalman filter. ``ego`` (m, 3): velocity of the radar itself along x and y, where the
    tracks' are over ground, and the car's yaw rate. ``noise`` (3,): standard deviations.
    """
    x, y = mean[:, 0] - mount[:, 0], mean[:, 1] - mount[:, 1]
    reach = np.maximum(np.hypot(x, y), 0.1)
    cos, sin = x / reach, y / reach
    vx = mean[:, 3] - ego[:, 0] + ego[:, 2] * mount[:, 1]
    vy = mean[:, 4] - ego[:, 1] - ego[:, 2] * mount[:, 0]
    rate = vx * cos + vy * sin
    residual = np.stack(
        [
            radar[:, 0] - reach,
            wrapped(radar[:, 1] - (np.arctan2(y, x) - mount[:, 2])),
            radar[:, 2] - rate,
        ],
        axis=1,
    )
    observe = np.zeros((len(mean), 3, 6))
    observe[:, 0, 0], observe[:, 0, 1] = cos, sin
    observe[:, 1, 0], observe[:, 1, 1] = -sin / reach, cos / reach
    across = vy * cos - vx * sin
    observe[:, 2, 0], observe[:, 2, 1] = -sin * across / reach, cos * across / reach
    observe[:, 2, 3], observe[:, 2, 4] = cos, sin
    spread = observe @ covariance @ observe.transpose(0, 2, 1)
    spread[:, range(3), range(3)] += noise * noise
    return residual, observe, spread


def update_radar(
    tracks: Tracks, rows: Integers, residual: Floats, observe: Floats, noise: Floats
) -> None:
    """Radar returns for tracks ``rows``, in place, by what ``radar_residual`` gave for them."""
    spread = np.zeros((len(rows), 3, 3))
    spread[:, range(3), range(3)] = noise * noise
    _update(tracks, rows, residual, observe, spread)


def _update(
    tracks: Tracks, rows: Integers, residual: Floats, observe: Floats, noise: Floats
) -> None:
    """Joseph's form, which keeps a covariance positive definite whatever is rounded."""
    before = tracks.covariance[rows]
    crossed = before @ observe.transpose(0, 2, 1)
    spread = observe @ crossed + noise
    gain = np.linalg.solve(spread, crossed.transpose(0, 2, 1)).transpose(0, 2, 1)
    tracks.mean[rows] += (gain @ residual[:, :, None])[:, :, 0]
    kept = np.eye(6) - gain @ observe
    after = kept @ before @ kept.transpose(0, 2, 1) + gain @ noise @ gain.transpose(0, 2, 1)
    tracks.covariance[rows] = (after + after.transpose(0, 2, 1)) / 2


def update_edges(
    tracks: Tracks,
    rows: Integers,
    boxes: Floats,
    noise: Floats,
    cameras: Integers,
    lag_s: Floats,
    rate_std: Floats,
) -> None:
    """Image boxes (m, 4) for tracks ``rows`` (m,), in place.

    ``noise`` (m,): as a share of the box's size. A track that had no box in this camera takes it
    as it is; ``rate_std`` (m,): how fast its edges may then move, in box heights per second.
    """
    spread = edge_spread(boxes, noise)
    fresh = tracks.camera[rows] != cameras
    begun = rows[fresh]
    tracks.camera[begun] = cameras[fresh]
    tracks.edge[begun], tracks.rate[begun] = boxes[fresh], 0.0
    tracks.edge_var[begun, :, 0], tracks.edge_var[begun, :, 1] = spread[fresh], 0.0
    height = boxes[fresh, 3] - boxes[fresh, 1]
    tracks.edge_var[begun, :, 2] = ((rate_std[fresh] * height) ** 2)[:, None]
    old, seen, lag = rows[~fresh], boxes[~fresh], lag_s[~fresh, None]
    place, cross, rate = (tracks.edge_var[old, :, i] for i in range(3))
    to_place, to_rate = place - lag * cross, cross - lag * rate
    total = to_place - lag * to_rate + spread[~fresh]
    gain_place, gain_rate = to_place / total, to_rate / total
    residual = seen - (tracks.edge[old] - lag * tracks.rate[old])
    tracks.edge[old] += gain_place * residual
    tracks.rate[old] += gain_rate * residual
    tracks.edge_var[old, :, 0] = place - gain_place * to_place
    tracks.edge_var[old, :, 1] = cross - gain_place * to_rate
    tracks.edge_var[old, :, 2] = rate - gain_rate * to_rate


def edge_spread(boxes: Floats, noise: Floats) -> Floats:
    """Variances (m, 4) of the edges of image boxes (m, 4); ``noise`` (m,): a share of the size."""
    width = np.maximum(boxes[:, 2] - boxes[:, 0], 1.0)
    height = np.maximum(boxes[:, 3] - boxes[:, 1], 1.0)
    deviation = np.stack([width, height, width, height], axis=1) * noise[:, None]
    return np.maximum(deviation, _EDGE_FLOOR_PX) ** 2
