"""How a session's watermark moves, what closes then, is looked at early, and is forgotten."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping

from streams.align import rules
from streams.align.kept import Tile, forget_held, newest_numbered, size_of
from streams.align.rules import FOREVER, NEVER
from streams.align.session import Closing, Revision, Session
from streams.align.spec import AlignSpec


def advance(
    spec: AlignSpec, session: Session, read_through_ms: Mapping[int, int], now_ms: int
) -> None:
    """Move the watermark that counts, and close what it has passed."""
    awake_us = rules.awake_watermark_us(spec, session.sensors)
    if True in [sensor.idle for sensor in session.sensors]:
        _advance_behind_idle(session, awake_us, read_through_ms, now_ms)
    else:
        session.waiting = None
        session.watermark_us = awake_us
    if session.watermark_us >= session.closes_us:
        _close(spec, session)


def _advance_behind_idle(
    session: Session, awake_us: int, read_through_ms: Mapping[int, int], now_ms: int
) -> None:
    through_ms = rules.idle_read_through_ms(session.sensors, read_through_ms)
    if session.watermark_us == FOREVER and awake_us != FOREVER:
        # What was flushed says nothing of what comes after it.
        session.watermark_us = NEVER
    if session.waiting is not None and session.waiting[1] <= through_ms:
        session.watermark_us = max(session.watermark_us, session.waiting[0])
        session.waiting = None
    session.watermark_us = min(session.watermark_us, awake_us)
    if awake_us > session.watermark_us:
        if now_ms <= through_ms:
            session.watermark_us = awake_us
            session.waiting = None
        elif session.waiting is None or session.waiting[1] == now_ms:
            session.waiting = (awake_us, now_ms)


def _close(spec: AlignSpec, session: Session) -> None:
    window = session.window_after(spec, session.closed)
    while window is not None:
        bound_us = rules.closing_bound_us(spec, window)
        if bound_us > session.watermark_us:
            session.closes_us = bound_us
            break
        session.closed = window
        session.due.append(window)
        if (revision := session.revisions.get(window)) is not None:
            revision.cause = None
        window = session.window_after(spec, window)
    else:
        session.closes_us = FOREVER
    session.whole_from = rules.first_whole_tile(spec, session.closed)


def note_closing(session: Session, now_ms: int) -> None:
    """Remember how the windows closed that closed in this call."""
    last = session.closings[-1].through_us if session.closings else session.acked
    if session.closed > last:
        idle = tuple(at for at, sensor in enumerate(session.sensors) if sensor.idle)
        session.closings.append(Closing(session.closed, now_ms, session.watermark_us, idle))


def note_early(spec: AlignSpec, session: Session) -> None:
    """Find open windows whose first results are to be made."""
    if not spec.revises:
        return
    quickest_us = rules.quickest_us(spec, session.sensors)
    window = session.window_after(spec, session.closed)
    while window is not None and window + spec.size_us <= max(quickest_us, session.watermark_us):
        passed = window + spec.size_us + spec.overhang_us <= session.watermark_us
        early_us = spec.early_after_us
        revision = session.revisions.get(window)
        if passed and spec.allowed_lateness_us:
            if revision is None or not revision.seen_by_watermark:
                revision = session.revisions.setdefault(window, Revision())
                revision.seen_by_watermark, revision.cause = True, "watermark"
        elif (
            revision is None
            and early_us is not None
            and window + spec.size_us + early_us <= quickest_us
        ):
            session.revisions[window] = Revision(cause="early")
        window = session.window_after(spec, window)


def acknowledge(spec: AlignSpec, session: Session, window: int) -> None:
    """Every window up to this one is published."""
    session.acked = window
    del session.due[: bisect_right(session.due, window)]
    session.closings = [one for one in session.closings if one.through_us > window]
    if session.revisions:
        session.revisions = {w: one for w, one in session.revisions.items() if w > window}
    if session.held:
        for at, held in session.held.items():
            left = forget_held(spec, held, window)
            session.size -= sum(size_of(r) for one in held if one not in left for r in one.records)
            session.held[at] = left
        session.lowest_is_old = True
    forget(spec, session)


def forget(spec: AlignSpec, session: Session) -> None:
    """Drop the first tiles, and triggers, that no window needs any more."""
    order, gone = session.order, False
    session.forgets_us = FOREVER
    while order:
        tile = session.tiles[order[0]]
        if tile.until_us > session.acked:
            needless_us = rules.closing_bound_us(spec, tile.until_us)
            if needless_us > session.watermark_us:
                session.forgets_us = needless_us
                break
            following = session.due[0] if session.due else None
            if following is None:
                following = session.window_after(spec, session.acked)
            if following is not None and following <= tile.until_us:
                break
        session.size -= tile.size
        _note_numbers(session, tile)
        del session.tiles[order[0]], order[0]
        gone = True
    if gone:
        session.lowest_is_old = True
    if spec.trigger:
        keep_us = session.acked - spec.backward_us - spec.size_us
        session.triggers = [w for w in session.triggers if w > session.acked or w >= keep_us]


def _note_numbers(session: Session, tile: Tile) -> None:
    """What is told of gaps needs the last number of a tile that is forgotten."""
    for run in tile.runs:
        if run.plain or (last := newest_numbered((run,))) is None:
            continue
        sensor = session.sensors[session.places[run.input, run.sensor]]
        if last.start_us >= sensor.numbered_us:
            sensor.number, sensor.numbered_us = last.sequence, last.start_us
