"""One step of the tracker over a batch of sessions: what their sensors gave, in; objects, out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from workers.vehicle.tracking.batch import Batch
from workers.vehicle.tracking.detections import Flags, Floats, Integers, Observation
from workers.vehicle.tracking.existence import survived
from workers.vehicle.tracking.looking import take_in
from workers.vehicle.tracking.motion import follow_car, predict
from workers.vehicle.tracking.objects import Objects, Status, describe
from workers.vehicle.tracking.parameters import Parameters
from workers.vehicle.tracking.state import State
from workers.vehicle.tracking.tables import tabulate
from workers.vehicle.tracking.tracks import Tracks, load, store

log = logging.getLogger(__name__)


class Tracker:
    """Keeps nothing between steps: all that it knows of a session is in the session's state.

    A session's objects and next state depend on its own state and observation alone, to the bit,
    whatever else is in the batch.
    """

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self._tables = tabulate(parameters)

    def step(
        self, states: Sequence[State], observations: Sequence[Observation]
    ) -> tuple[list[State], list[Objects]]:
        """Next state and objects of each session; ``State()`` is that of one just begun.

        Objects hold for the observation's time, or for the newest list's where that is later. Time
        does not go back: an older list is compared with where the tracks were then. Raises
        ``ValueError`` where the two sequences differ in length, and for more than 62 lists a
        session.
        """
        if len(states) != len(observations):
            raise ValueError(
                f"expected an observation for each of {len(states)} states, got {len(observations)}"
            )
        if not states:
            return [], []
        batch = Batch(states, observations)
        tracks = load(states)
        self._change_velocities(tracks, batch)
        for look in batch.looks():
            self._advance(tracks, batch, look.times_us)
            tracks = take_in(self._tables, tracks, look, batch.next_number)
        self._advance(tracks, batch, batch.wanted_us)
        tracks = self._judge(tracks, batch)
        objects = describe(
            tracks,
            batch.times_us,
            batch.over_ground,
            batch.sensors,
            len(self.parameters.classes),
            self._tables.classes.suspend[self._class(tracks)],
        )
        tracks = tracks.taken(tracks.status != Status.CLOSED)
        after = [
            State(
                int(batch.times_us[session]),
                int(batch.next_number[session]),
                bool(batch.over_ground[session]),
                float(batch.speed_mps[session]),
                rows,
            )
            for session, rows in enumerate(store(tracks, len(states)))
        ]
        return after, objects

    def _class(self, tracks: Tracks) -> Integers:
        best: Integers = tracks.classes[:, : len(self.parameters.classes)].argmax(axis=1)
        return best

    def _change_velocities(self, tracks: Tracks, batch: Batch) -> None:
        """Velocities were relative to the car, and now its motion is known, or the other way."""
        change = batch.over_ground.astype(np.float64) - batch.was_over_ground
        gained = (change * batch.speed_mps)[tracks.session]
        tracks.mean[:, 3] += np.where(tracks.placed, gained, 0.0)

    def _advance(self, tracks: Tracks, batch: Batch, until_us: Integers) -> None:
        """Tracks of a session whose time does not change are not touched, not even by rounding:
        how often this is called depends on the other sessions of the batch.
        """
        dt = (np.maximum(until_us - batch.times_us, 0) / 1e6)[tracks.session]
        batch.times_us = np.maximum(batch.times_us, until_us)
        rows = np.flatnonzero(dt)
        if len(rows) == len(tracks):
            self._move(tracks, batch, dt)
        elif len(rows):
            moving = tracks.taken(rows)
            self._move(moving, batch, dt[rows])
            tracks.put(rows, moving)

    def _move(self, tracks: Tracks, batch: Batch, dt_s: Floats) -> None:
        table, kind = self._tables.classes, self._class(tracks)
        predict(
            tracks,
            dt_s,
            acceleration=table.acceleration_mps2[kind],
            image_acceleration=table.image_acceleration[kind],
            focal_px=self.parameters.focal_px,
        )
        rows = np.flatnonzero(batch.over_ground[tracks.session] & tracks.placed)
        if len(rows):
            session = tracks.session[rows]
            speed, yaw_rate = batch.speed_mps[session], batch.yaw_rate_radps[session]
            follow_car(tracks, rows, dt_s[rows], speed, yaw_rate)
        tracks.existence = survived(tracks.existence, dt_s, table.turnover_s[kind])

    def _judge(self, tracks: Tracks, batch: Batch) -> Tracks:
        """Set each track's status; those never confirmed that are given up are not kept."""
        table, kind = self._tables.classes, self._class(tracks)
        before = tracks.status != Status.TENTATIVE
        told = before | (tracks.existence >= table.confirm[kind])
        sure = told & (tracks.existence >= table.suspend[kind]) & (tracks.support != 0)
        tracks.status = np.where(
            sure, Status.CONFIRMED, np.where(told, Status.COASTED, Status.TENTATIVE)
        ).astype(np.int64)
        unseen = batch.times_us[tracks.session] - tracks.seen_us
        closed = tracks.existence < table.drop[kind]
        closed |= unseen > table.max_unseen_s[kind] * 1e6
        closed |= self._too_many(tracks, closed)
        tracks.status[closed] = Status.CLOSED
        return tracks.taken(before | ~closed)

    def _too_many(self, tracks: Tracks, closed: Flags) -> Flags:
        """The least sure beyond ``max_tracks`` of a session; the older of two is kept."""
        excess = np.zeros(len(tracks), np.bool_)
        most = self.parameters.max_tracks
        if len(tracks) <= most:
            return excess
        order = np.lexsort((tracks.number, -tracks.existence, closed, tracks.session))
        session = tracks.session[order]
        rank = np.arange(len(order)) - np.searchsorted(session, session)
        excess[order] = rank >= most
        if (excess & ~closed).any():
            _warn_of_tracks(most)
        return excess


@lru_cache(maxsize=16)
def _warn_of_tracks(most: int) -> None:
    """Once: it may hold for every window of a crowded place."""
    log.warning(
        "a session has more than %d objects: the least sure are not tracked; a model whose "
        "parameters have another max_tracks (at most 1024) keeps more",
        most,
    )
