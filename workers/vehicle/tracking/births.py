"""Tracks that begin with a detection, and places that are found for tracks without one."""

from __future__ import annotations

import math

import numpy as np

from workers.vehicle.tracking.detections import Detections, Floats, Integers, Kind
from workers.vehicle.tracking.existence import told_class
from workers.vehicle.tracking.geometry import overlap, pairs
from workers.vehicle.tracking.state import MAX_CLASSES
from workers.vehicle.tracking.tables import Tables
from workers.vehicle.tracking.tracks import Tracks, blank
from workers.vehicle.tracking.updates import edge_spread

#: Standard deviations of what a first detection says little of: height and vertical speed, and
#: size and yaw where they were not measured.
_Z_STD_M, _VZ_STD_MPS, _SIZE_STD_M, _YAW_STD_RAD = 0.3, 0.5, 0.3, 0.3
_UNKNOWN_YAW_STD_RAD = 1.8


def newcomers(
    tables: Tables,
    tracks: Tracks,
    seen: Integers,
    detections: Detections,
    evidence: Floats,
    assigned: Integers,
) -> Integers:
    """Rows of the detections that open a track: not ``assigned``, likely enough, and no second box
    of a track that was just seen (``seen``: rows of these).
    """
    free = np.ones(detections.count, np.bool_)
    free[assigned] = False
    free &= evidence >= tables.sensors[detections.kind].birth[detections.classes]
    rows = np.flatnonzero(free)
    if detections.kind is not Kind.RADAR and len(rows) and len(seen):
        left, right = pairs(detections.session[rows], tracks.session[seen])
        shared = overlap(detections.image_boxes[rows[left]], tracks.edge[seen[right]])
        same = detections.cameras[rows[left]] == tracks.camera[seen[right]]
        limit = tables.classes.birth_iou[detections.classes[rows[left]]]
        doubled = np.zeros(len(rows), np.bool_)
        doubled[left[same & (shared > limit)]] = True
        rows = rows[~doubled]
    return rows


def born(
    tables: Tables,
    detections: Detections,
    rows: Integers,
    evidence: Floats,
    *,
    numbers: Integers,
    times_us: Integers,
    ego: Floats,
    bits: Integers,
) -> Tracks:
    """A track for each of the detections ``rows`` (m,).

    ``numbers`` (m,): theirs. ``times_us``, ``ego`` and ``bits`` (of the list, for ``support``) are
    by session.
    """
    new = blank(len(rows))
    new.session, new.number = detections.session[rows], numbers
    new.born_us = new.seen_us = times_us[new.session]
    new.existence = np.minimum(evidence[rows], tables.plain.bound)
    count = len(tables.plain.classes)
    flat = np.full((len(rows), MAX_CLASSES), -np.inf)
    flat[:, :count] = -math.log(count)
    classes = detections.classes[rows]
    if detections.kind is Kind.RADAR:
        new.classes = flat
    else:
        new.classes = told_class(flat, classes, evidence[rows], tables.plain.class_error, count)
    new.size = tables.classes.size_m[classes]
    new.size_var = np.full(len(rows), _SIZE_STD_M**2)
    new.ever = new.again = np.full(len(rows), 1 << detections.kind, np.int64)
    new.support = bits[new.session]
    everyone = np.arange(len(rows))
    if detections.kind is Kind.BOXES:
        place_box(tables, new, everyone, detections, rows)
    elif detections.kind is Kind.RADAR:
        _place_return(tables, new, detections, rows, ego[new.session])
    known = ~np.isnan(detections.image_boxes[rows, 0])
    begin_edges(tables, new, everyone[known], detections, rows[known])
    return new


def place_box(
    tables: Tables, tracks: Tracks, rows: Integers, detections: Detections, theirs: Integers
) -> None:
    """Give tracks ``rows``, which had none, place, size and yaw of the boxes ``theirs``."""
    boxes, classes = detections.boxes[theirs], detections.classes[theirs]
    noise = range_noise(tables, detections, theirs)
    tracks.mean[rows] = 0.0
    tracks.mean[rows, :3] = boxes[:, :3]
    variances = np.empty((len(rows), 6))
    variances[:, 0] = variances[:, 1] = noise * noise
    variances[:, 3] = variances[:, 4] = tables.classes.speed_mps[classes] ** 2
    variances[:, 2], variances[:, 5] = _Z_STD_M**2, _VZ_STD_MPS**2
    tracks.covariance[rows] = variances[:, :, None] * np.eye(6)
    tracks.size[rows], tracks.yaw[rows] = boxes[:, 3:6], boxes[:, 6]
    tracks.size_var[rows], tracks.yaw_var[rows] = _SIZE_STD_M**2, _YAW_STD_RAD**2
    tracks.placed[rows] = True


def range_noise(tables: Tables, detections: Detections, rows: Integers) -> Floats:
    """Standard deviation of a box's place in the plane, m: it grows with the range."""
    table, classes = tables.sensors[detections.kind], detections.classes[rows]
    distance = np.hypot(detections.boxes[rows, 0], detections.boxes[rows, 1])
    noise: Floats = table.noise_m[classes] + table.noise_per_m[classes] * distance
    return noise


def begin_edges(
    tables: Tables, tracks: Tracks, rows: Integers, detections: Detections, theirs: Integers
) -> None:
    """Give tracks ``rows`` the image boxes ``theirs``, unmoved as far as is known."""
    boxes, classes = unshifted(tables, detections, theirs), detections.classes[theirs]
    tracks.camera[rows] = detections.cameras[theirs]
    tracks.edge[rows], tracks.rate[rows] = boxes, 0.0
    noise = tables.sensors[detections.kind].box_noise[classes]
    tracks.edge_var[rows, :, 0], tracks.edge_var[rows, :, 1] = edge_spread(boxes, noise), 0.0
    speed = tables.classes.image_rate[classes] * (boxes[:, 3] - boxes[:, 1])
    tracks.edge_var[rows, :, 2] = (speed * speed)[:, None]


def unshifted(tables: Tables, detections: Detections, rows: Integers) -> Floats:
    """Image boxes (m, 4) without what the sensor's edges are off by on average."""
    boxes = detections.image_boxes[rows]
    width, height = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
    shift = tables.sensors[detections.kind].box_shift[detections.classes[rows]]
    return boxes - shift * np.stack([width, height, width, height], axis=1)


def _place_return(
    tables: Tables, tracks: Tracks, detections: Detections, rows: Integers, ego: Floats
) -> None:
    radar, mount = detections.radar[rows], detections.mount[rows]
    values = tables.plain.radar
    angle = radar[:, 1] + mount[:, 2]
    cos, sin = np.cos(angle), np.sin(angle)
    tracks.mean[:, 0] = mount[:, 0] + radar[:, 0] * cos
    tracks.mean[:, 1] = mount[:, 1] + radar[:, 0] * sin
    own_x = ego[:, 0] - ego[:, 2] * mount[:, 1]
    own_y = ego[:, 1] + ego[:, 2] * mount[:, 0]
    rate = radar[:, 2] + own_x * cos + own_y * sin
    tracks.mean[:, 3], tracks.mean[:, 4] = rate * cos, rate * sin
    across = radar[:, 0] * values.bearing_rad
    speed = tables.classes.speed_mps[detections.classes[rows]]
    for at, along, side in ((0, values.range_m, across), (3, values.range_rate_mps, speed)):
        tracks.covariance[:, at, at] = along**2 * cos**2 + side**2 * sin**2
        tracks.covariance[:, at + 1, at + 1] = along**2 * sin**2 + side**2 * cos**2
        mixed = (along**2 - side**2) * sin * cos
        tracks.covariance[:, at, at + 1] = tracks.covariance[:, at + 1, at] = mixed
    tracks.covariance[:, 2, 2], tracks.covariance[:, 5, 5] = 1.0, _VZ_STD_MPS**2
    tracks.yaw_var[:] = _UNKNOWN_YAW_STD_RAD**2
    tracks.placed[:] = True
