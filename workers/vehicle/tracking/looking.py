"""What one list of a sensor does to the tracks of its session: assign, correct, count, open."""

from __future__ import annotations

import numpy as np

from workers.vehicle.tracking.association import associate
from workers.vehicle.tracking.batch import Look
from workers.vehicle.tracking.births import (
    born,
    newcomers,
    place_box,
    range_noise,
    unshifted,
)
from workers.vehicle.tracking.detections import Floats, Integers, Kind
from workers.vehicle.tracking.existence import (
    features,
    gain_of_looking,
    hidden_share,
    told_class,
)
from workers.vehicle.tracking.tables import Tables
from workers.vehicle.tracking.tracks import Tracks
from workers.vehicle.tracking.updates import (
    radar_residual,
    update_boxes,
    update_edges,
    update_radar,
)


def take_in(tables: Tables, tracks: Tracks, look: Look, next_number: Integers) -> Tracks:
    """The tracks after the list, new ones included; ``next_number`` (batch,) is counted up."""
    detections, table = look.detections, tables.sensors[look.detections.kind]
    evidence = table.evidence(detections.scores, detections.classes)
    rows = np.flatnonzero(look.active[tracks.session])
    mine, theirs = associate(tables, tracks, rows, detections, evidence, look.lag_s, look.ego)
    _count(tables, tracks, rows, mine, theirs, look, evidence)
    _correct(tables, tracks, mine, theirs, look)
    tracks.support[mine] |= look.bits[tracks.session[mine]]
    when = look.times_us[tracks.session[mine]]
    tracks.seen_us[mine] = np.maximum(tracks.seen_us[mine], when)
    opened = newcomers(tables, tracks, mine, detections, evidence, theirs)
    if not len(opened):
        return tracks
    session = detections.session[opened]
    place = np.arange(len(session)) - np.searchsorted(session, session)
    new = born(
        tables,
        detections,
        opened,
        evidence,
        numbers=next_number[session] + place,
        times_us=look.times_us,
        ego=look.ego,
        bits=look.bits,
    )
    np.add.at(next_number, session, 1)
    return tracks.joined(new)


def _count(
    tables: Tables,
    tracks: Tracks,
    rows: Integers,
    mine: Integers,
    theirs: Integers,
    look: Look,
    evidence: Floats,
) -> None:
    """Existence and class. A camera says nothing of tracks that are not in its image, nor a radar
    of what is outside its reach. Boxes in space say nothing of a track that has no place and is in
    no image of theirs: they could not be told to be of it.
    """
    detections, kind, plain = look.detections, look.detections.kind, tables.plain
    looked = np.zeros(len(tracks), np.bool_)
    looked[rows] = True
    in_image = (tracks.camera == look.cameras[tracks.session]) & (tracks.camera != 0)
    if kind is Kind.IMAGE:
        looked &= in_image
    elif kind is Kind.BOXES:
        looked &= tracks.placed | in_image
    elif kind is Kind.RADAR:
        distance = np.hypot(tracks.mean[:, 0], tracks.mean[:, 1])
        looked &= tracks.placed & (distance <= plain.radar.reach_m)
        looked &= np.abs(np.arctan2(tracks.mean[:, 1], tracks.mean[:, 0])) <= (
            plain.radar.half_view_rad
        )
    hit = np.zeros(len(tracks), np.bool_)
    hit[mine] = True
    looked |= hit
    at = np.flatnonzero(looked)
    found = np.zeros(len(tracks))
    found[mine] = evidence[theirs]
    classes = tracks.classes[at, : len(plain.classes)].argmax(axis=1)
    seen = features(tracks, at, kind, hidden_share(tracks), plain.focal_px)
    gained, lost = gain_of_looking(tables.sensors[kind], classes, found[at], seen)
    moved = tracks.existence[at] + np.where(hit[at], gained, lost)
    tracks.existence[at] = np.clip(moved, -plain.bound, plain.bound)
    bit = 1 << kind
    tracks.again[at] = np.where(hit[at], tracks.again[at] | bit, tracks.again[at] & ~bit)
    tracks.ever[mine] |= bit
    if kind is not Kind.RADAR:
        tracks.classes[mine] = told_class(
            tracks.classes[mine],
            detections.classes[theirs],
            evidence[theirs],
            plain.class_error,
            len(plain.classes),
        )


def _correct(tables: Tables, tracks: Tracks, mine: Integers, theirs: Integers, look: Look) -> None:
    """Place, velocity, size and box in the image of the tracks ``mine`` by detections ``theirs``.

    A track's first place is taken as it is.
    """
    detections, kind = look.detections, look.detections.kind
    lag = look.lag_s[tracks.session[mine]]
    if kind is Kind.RADAR:
        values = tables.plain.radar
        noise = np.array([values.range_m, values.bearing_rad, values.range_rate_mps])
        residual, observe, _ = radar_residual(
            tracks.mean[mine],
            tracks.covariance[mine],
            detections.radar[theirs],
            detections.mount[theirs],
            look.ego[tracks.session[mine]],
            noise,
        )
        update_radar(tracks, mine, residual, observe, noise)
        return
    if kind is Kind.BOXES:
        placed = tracks.placed[mine]
        found = theirs[placed]
        update_boxes(
            tracks,
            mine[placed],
            detections.boxes[found],
            range_noise(tables, detections, found),
            lag[placed],
        )
        place_box(tables, tracks, mine[~placed], detections, theirs[~placed])
    boxed = ~np.isnan(detections.image_boxes[theirs, 0])
    mine, theirs = mine[boxed], theirs[boxed]
    classes = detections.classes[theirs]
    update_edges(
        tracks,
        mine,
        unshifted(tables, detections, theirs),
        tables.sensors[kind].box_noise[classes],
        detections.cameras[theirs],
        lag[boxed],
        tables.classes.image_rate[classes],
    )
