"""What one record does to its session, rule by rule."""

from __future__ import annotations

from bisect import bisect_right, insort
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from streams.align import rules
from streams.align.kept import Run, Tile, by_time, dropped, run_of, size_of
from streams.align.rules import NEVER, LateReason
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import DropReason, Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. ``late``: reason and distance. ``unplaced``: dropped nowhere."""

    late: tuple[LateReason, int] | None = None
    unplaced: bool = False


def take(
    spec: AlignSpec,
    session: Session,
    input: int,
    entry: Entry,
    now_ms: int,
    *,
    done: bool,
    drops: Counter[DropReason],
) -> Outcome:
    """Take one record in; ``done``: a published result has it, it only serves others.

    What there is no room for is added to ``drops``, but for samples that are late.
    """
    at = session.places.get((input, entry.sensor))
    if at is None:
        at = session.meet(spec, input, entry.sensor)
        if at is None:
            drops["max_sensors"] += 1
            return Outcome(unplaced=True)
        session.woke = True
    sensor, rule = session.sensors[at], spec.inputs[input]
    limit_us = rules.sensor_watermark_us(spec, sensor)
    sensor.newest_us = max(sensor.newest_us, entry.start_us)
    sensor.wall_ms = session.last_ms = now_ms
    session.woke = session.woke or sensor.idle
    sensor.idle = session.over = False
    session.ended_ms = NEVER
    session.done.discard(input)

    trigger = spec.trigger == (input, entry.sensor) and entry.feature is not None
    reason = rules.late_reason(spec, entry.start_us, limit_us, session.closed, trigger=trigger)
    usable = rules.is_usable(spec, rule, entry.start_us, limit_us, session.closed)
    if rule.matcher == "hold" and entry.feature is not None:
        held = session.held.get(at, [])
        serves = not held or (entry.start_us, entry.offset) > time_of(held[-1])
        usable = usable or serves
        reason = None if serves else reason
    late = None
    if reason is not None and not done:
        if entry.feature is None:
            return Outcome()
        by_us = rules.late_by_us(spec, reason, entry.start_us, limit_us, session.closed)
        late = (reason, by_us)
    if not usable:
        return Outcome(late=late)
    # A late sample without room is late.
    counted: Counter[DropReason] = Counter() if late is not None else drops
    is_late = late is not None
    if not _place(spec, session, at, entry, limit_us, counted, trigger=trigger, is_late=is_late):
        return Outcome(late=late, unplaced=late is None)
    return Outcome(late=late)


def _place(
    spec: AlignSpec,
    session: Session,
    at: int,
    entry: Entry,
    limit_us: int,
    drops: Counter[DropReason],
    *,
    trigger: bool,
    is_late: bool,
) -> bool:
    """Keep a record; False where there is no room to count it even."""
    sensor = session.sensors[at]
    rule = spec.inputs[sensor.input]
    hold = rule.matcher == "hold"
    closed = session.closed
    after_us = closed if hold else rules.closed_to_us(spec, entry.start_us, limit_us, closed)
    if rules.is_usable(spec, rule, entry.start_us, limit_us, closed):
        until_us = rules.last_window_us(spec, rule, entry.start_us)
        tile = session.tile(spec, rules.tile_of(spec, entry.start_us), until_us)
        if tile is None:
            drops["max_open_windows"] += 1
            return False
        if trigger and not _add_trigger(spec, session, entry.start_us, limit_us):
            drops["max_open_windows"] += 1
            return False
        if entry.feature is not None and not _has_room(spec, session, tile, at, entry, drops):
            if is_late:
                return False
            entry = dropped(entry)
        tile.keep(sensor.input, at, entry, after_us, until_us)
        session.may_close_from(spec, tile.index)
        _note_kept(session, sensor.input, entry)
        _revise_late(spec, session, entry.start_us)
    if entry.feature is not None:
        serves_us = after_us + spec.size_us
        sensor.first_us = min(sensor.first_us, max(entry.start_us, serves_us))
        if hold:
            _note_kept(session, sensor.input, entry)
            held = session.held.setdefault(at, [])
            insort(held, run_of(sensor.input, after_us, entry), key=time_of)
    return True


def _note_kept(session: Session, input: int, entry: Entry) -> None:
    session.size += size_of(entry)
    lowest = session.lowest.get(input)
    if lowest is None or entry.offset < lowest:
        session.lowest[input] = entry.offset


def _add_trigger(spec: AlignSpec, session: Session, start_us: int, limit_us: int) -> bool:
    window = start_us - spec.before_us
    bound_us = rules.closing_bound_us(spec, window)
    if window <= session.closed or bound_us <= limit_us or window in session.triggers:
        return True
    open_triggers = len(session.triggers) - bisect_right(session.triggers, session.closed)
    if open_triggers >= spec.max_open_windows:
        return False
    insort(session.triggers, window)
    session.closes_us = min(session.closes_us, bound_us)
    return True


def _has_room(
    spec: AlignSpec,
    session: Session,
    tile: Tile,
    at: int,
    entry: Entry,
    drops: Counter[DropReason],
) -> bool:
    """Whether the caps allow one more sample, after the oldest were dropped for it."""
    input = session.sensors[at].input
    rule = spec.inputs[input]
    if not entry.part and tile.accepted.get(at, 0) >= rule.max_samples_per_window:
        drops["max_samples_per_window"] += 1
        return False
    if rule.overload == "wait":
        return True
    size = size_of(entry)
    oldest = rule.overload == "drop_oldest"
    while tile.size + size > spec.max_window_bytes:
        drops["max_window_bytes"] += 1
        if not (oldest and _drop_oldest(spec, session, input, [tile.index])):
            return False
    while session.size + size > spec.max_session_bytes:
        drops["max_session_bytes"] += 1
        if not (oldest and _drop_oldest(spec, session, input, session.order)):
            return False
    return True


def _drop_oldest(spec: AlignSpec, session: Session, input: int, tiles: Sequence[int]) -> bool:
    for index in tiles:
        if rules.is_whole_tile(spec, index, session.closed):
            record = session.tiles[index].drop_oldest(input)
            if record is not None:
                session.size -= len(record.feature or b"")
                _let_go(session, input, record)
                return True
    return False


def _let_go(session: Session, input: int, record: Entry) -> None:
    """Do not hold what counts as dropped, if it was held."""
    at = session.places[input, record.sensor]
    held = session.held.get(at, [])
    left = [one for one in held if one.records[0].offset != record.offset]
    if len(left) < len(held):
        session.held[at] = left
        session.size -= size_of(record)
        session.lowest_is_old = True


def _revise_late(spec: AlignSpec, session: Session, start_us: int) -> None:
    if not spec.on_late:
        return
    for window, revision in session.revisions.items():
        holds = window <= start_us < window + spec.size_us
        if holds and window > session.closed and revision.seen_by_watermark:
            revision.cause = revision.cause or "late"


def time_of(held: Run) -> tuple[int, int]:
    """Event time and offset of a run of one record."""
    (record,) = held.records
    return by_time(record)
