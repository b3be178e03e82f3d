"""What assigning a detection to a track costs, by kind of sensor, and the cascade of assignments.

As in ByteTrack (Zhang et al. 2022) the sure detections choose first, then the others among the
tracks that are left. As in DeepFusionMOT (Wang et al. 2022) a track that only a camera has seen
is found by a lidar through the image. What is left then chooses once more by wider gates, as in
C-BIoU (Yang et al. 2023): a new track's motion is not known yet.
"""

from __future__ import annotations

import numpy as np

from workers.vehicle.tracking.assignment import assign
from workers.vehicle.tracking.detections import Detections, Flags, Floats, Integers, Kind
from workers.vehicle.tracking.geometry import overlap, pairs
from workers.vehicle.tracking.tables import Tables
from workers.vehicle.tracking.tracks import Tracks
from workers.vehicle.tracking.updates import radar_residual

#: A detection is never of a track whose class is so unlikely to be the detection's.
_LEAST_CLASS_LOG = float(np.log(0.05))


def associate(
    tables: Tables,
    tracks: Tracks,
    rows: Integers,
    detections: Detections,
    evidence: Floats,
    lag_s: Floats,
    ego: Floats,
) -> tuple[Integers, Integers]:
    """Tracks and detections that belong together.

    ``rows`` (m,): the tracks of the sessions that have a list. ``evidence`` (n,): log odds of the
    detections. ``lag_s`` and ``ego`` are by session. Returns rows of ``tracks``, ascending, and of
    ``detections``.
    """
    left, right = pairs(tracks.session[rows], detections.session)
    left = rows[left]
    cost, close, wide = _COSTS[detections.kind](tables, tracks, left, detections, right, lag_s, ego)
    allowed = close | wide
    if detections.kind is not Kind.RADAR:
        allowed &= tracks.classes[left, detections.classes[right]] >= _LEAST_CLASS_LOG
    left, right, cost = left[allowed], right[allowed], cost[allowed]
    close, wide = close[allowed], wide[allowed]
    sure = evidence >= tables.sensors[detections.kind].sure[detections.classes]
    mine, theirs = np.zeros(len(tracks), np.bool_), np.zeros(detections.count, np.bool_)
    found: list[tuple[Integers, Integers]] = []
    clear = sure[right]
    for stage in (close & clear, close & ~clear, wide & clear, wide & ~clear):
        kept = np.flatnonzero(stage & ~mine[left] & ~theirs[right])
        one, other = assign(left[kept], right[kept], cost[kept], tracks.session[left[kept]])
        mine[one] = theirs[other] = True
        found.append((one, other))
    both = np.concatenate([each[0] for each in found])
    order = np.argsort(both, kind="stable")
    return both[order], np.concatenate([each[1] for each in found])[order]


def _in_space(
    tables: Tables,
    tracks: Tracks,
    left: Integers,
    detections: Detections,
    right: Integers,
    lag_s: Floats,
    _ego: Floats,
) -> tuple[Floats, Flags, Flags]:
    """Distance in the plane as a share of the gate, and 1 - overlap in the image where both are
    there, weighted; a track without a place is compared in the image alone.
    """
    classes = detections.classes[right]
    lag = lag_s[tracks.session[left], None]
    place = tracks.mean[left, :2] - lag * tracks.mean[left, 3:5]
    away = detections.boxes[right, :2] - place
    distance = np.hypot(away[:, 0], away[:, 1]) / tables.classes.gate_m[classes]
    shared, same = _in_both_images(_edges(tracks, left, lag), tracks, left, detections, right)
    weight = np.where(same, tables.classes.iou_weight[classes], 0.0)
    placed = tracks.placed[left]
    cost = np.where(placed, (1 - weight) * distance + weight * (1 - shared), 1 - shared)
    alike = same & (shared >= tables.classes.gate_iou[classes])
    close = np.where(placed, distance <= 1.0, alike)
    return cost, close, placed & alike & (distance <= tables.classes.far[classes])


def _in_image(
    tables: Tables,
    tracks: Tracks,
    left: Integers,
    detections: Detections,
    right: Integers,
    lag_s: Floats,
    _ego: Floats,
) -> tuple[Floats, Flags, Flags]:
    """1 - overlap of the boxes, and so much more for what only overlaps widened."""
    classes = detections.classes[right]
    edges = _edges(tracks, left, lag_s[tracks.session[left], None])
    shared, same = _in_both_images(edges, tracks, left, detections, right)
    share = tables.classes.widened[classes]
    widened = overlap(_widened(edges, share), _widened(detections.image_boxes[right], share))
    gate = tables.classes.gate_iou[classes]
    cost = (1 - shared) + (1 - widened)
    return cost, same & (shared >= gate), same & (widened >= gate)


def _edges(tracks: Tracks, left: Integers, lag_s: Floats) -> Floats:
    """Where boxes were in the image when an older list was seen."""
    edges: Floats = tracks.edge[left] - lag_s * tracks.rate[left]
    return edges


def _in_both_images(
    edges: Floats, tracks: Tracks, left: Integers, detections: Detections, right: Integers
) -> tuple[Floats, Flags]:
    same = (
        (tracks.camera[left] == detections.cameras[right])
        & (tracks.camera[left] != 0)
        & ~np.isnan(detections.image_boxes[right, 0])
    )
    return overlap(edges, detections.image_boxes[right]), same


def _widened(boxes: Floats, share: Floats) -> Floats:
    more = share[:, None] * (boxes[:, 2:] - boxes[:, :2])
    return np.concatenate([boxes[:, :2] - more, boxes[:, 2:] + more], axis=1)


def _by_radar(
    tables: Tables,
    tracks: Tracks,
    left: Integers,
    detections: Detections,
    right: Integers,
    _lag_s: Floats,
    ego: Floats,
) -> tuple[Floats, Flags, Flags]:
    """Squared Mahalanobis distance of range, bearing and range rate, as a share of its gate."""
    radar = tables.plain.radar
    noise = np.array([radar.range_m, radar.bearing_rad, radar.range_rate_mps])
    residual, _, spread = radar_residual(
        tracks.mean[left],
        tracks.covariance[left],
        detections.radar[right],
        detections.mount[right],
        ego[tracks.session[left]],
        noise,
    )
    solved = np.linalg.solve(spread, residual[:, :, None])[:, :, 0]
    distance = (
        residual[:, 0] * solved[:, 0]
        + residual[:, 1] * solved[:, 1]
        + residual[:, 2] * solved[:, 2]
    ) / radar.gate
    near = tracks.placed[left] & (distance <= 1.0)
    return distance, near, np.zeros(len(near), np.bool_)


_COSTS = {Kind.BOXES: _in_space, Kind.IMAGE: _in_image, Kind.RADAR: _by_radar}
