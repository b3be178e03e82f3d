"""What the in-memory core hands out of a session: windows as they are kept, and its end."""

from __future__ import annotations

from bisect import bisect_left, bisect_right

from streams.align import rules
from streams.align.assemble import KnownSensor, RawWindow
from streams.align.kept import Run, newest_numbered
from streams.align.session import Revision, Session
from streams.align.spec import AlignSpec
from streams.align.types import Entry, Window


def raw_window(
    spec: AlignSpec, session: Session, start_us: int, early: Revision | None = None
) -> RawWindow:
    """A due window as it is kept; with ``early``, an open one that is looked at."""
    first = rules.tile_of(spec, start_us - spec.backward_us)
    last = rules.tile_of(spec, start_us + spec.size_us + spec.overhang_us)
    closed = None if early else session.closing_of(start_us)
    known = session.revisions.get(start_us) if session.revisions else None
    return RawWindow(
        session=session.name,
        start_us=start_us,
        completed_at_ms=session.last_ms if closed is None else closed.at_ms,
        watermark_us=session.watermark_us if closed is None else closed.watermark_us,
        idle=[at for at, s in enumerate(session.sensors) if s.idle]
        if closed is None
        else closed.idle,
        sensors=[KnownSensor(s.input, s.name, s.first_us) for s in session.sensors],
        tiles=[
            (at, session.tiles[at].runs)
            for at in session.order[
                bisect_left(session.order, first) : bisect_right(session.order, last)
            ]
        ],
        held=[one for held in session.held.values() for one in held],
        triggers=session.triggers,
        numbers=_numbers_before(spec, session, start_us),
        event_state=session.event_state,
        model_state=session.model_state,
        revision=known.number if known else 0,
        cause=(early.cause if early else None) or "watermark",
        final=early is None,
    )


def _numbers_before(spec: AlignSpec, session: Session, start_us: int) -> dict[int, int]:
    """Position of each sensor with numbered samples in a window -> the number just before them.

    None for triggered windows: what lay between two of them cannot be known from their results.
    """
    wanted = set() if spec.trigger else _numbered(spec, session, start_us)
    found: dict[int, Entry] = {}
    order = session.order
    end = bisect_left(order, rules.tile_of(spec, start_us))
    for index in reversed(order[:end] if wanted else ()):
        left = wanted - found.keys()
        if not left:
            break
        by_sensor: dict[int, list[Run]] = {}
        for run in session.tiles[index].runs:
            if not run.plain and (at := session.places[run.input, run.sensor]) in left:
                by_sensor.setdefault(at, []).append(run)
        for at, runs in by_sensor.items():
            if (newest := newest_numbered(runs, start_us)) is not None:
                found[at] = newest
    numbers: dict[int, int] = {}
    for at in wanted:
        sensor, kept = session.sensors[at], found.get(at)
        newer = kept is not None and kept.start_us >= sensor.numbered_us
        number = kept.sequence if kept is not None and newer else sensor.number
        if number is not None:
            numbers[at] = number
    return numbers


def _numbered(spec: AlignSpec, session: Session, start_us: int) -> set[int]:
    order = session.order
    first, end = rules.tile_of(spec, start_us), rules.tile_of(spec, start_us + spec.size_us)
    return {
        session.places[run.input, run.sensor]
        for index in order[bisect_left(order, first) : bisect_left(order, end)]
        for run in session.tiles[index].runs
        if not run.plain and newest_numbered((run,), start_us) is not None
    }


def end_of_session(spec: AlignSpec, shard: int, session: Session) -> Window:
    """The end of a session as it is handed out."""
    end_us = session.closed + spec.size_us
    return Window(
        shard=shard,
        session=session.name,
        start_us=session.closed,
        end_us=end_us,
        samples=(),
        tallies={},
        completed_at_ms=session.last_ms,
        event_state=session.event_state,
        over=True,
    )
