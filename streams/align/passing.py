"""What the passing of time does to a session: sensors fall silent, and it is over at last."""

from __future__ import annotations

from collections.abc import Mapping

from streams.align import closing, rules
from streams.align.rules import NEVER
from streams.align.session import Session
from streams.align.spec import AlignSpec


def pass_time(
    spec: AlignSpec, session: Session, read_through_ms: Mapping[int, int], now_ms: int
) -> None:
    """Find sensors idle, and close what waited for them."""
    session.last_ms = now_ms if session.last_ms == NEVER else session.last_ms
    for sensor in session.sensors:
        if sensor.wall_ms == NEVER:
            sensor.wall_ms = now_ms
        input_ms = read_through_ms.get(sensor.input, NEVER)
        if rules.falls_idle(spec, sensor, input_ms, now_ms, session.ended_ms):
            sensor.idle = True
    closing.advance(spec, session, read_through_ms, now_ms)


def is_over(
    spec: AlignSpec, session: Session, read_through_ms: Mapping[int, int], now_ms: int
) -> bool:
    """Whether nothing of the session is to come, nor anything that was there is to be done."""
    over_ms = rules.over_at_ms(spec, session.last_ms, session.ended_ms)
    everything_ms = min(read_through_ms.get(n, NEVER) for n in range(len(spec.inputs)))
    return (
        over_ms <= min(now_ms, everything_ms)
        and session.all_idle()
        and session.acked == session.closed
        and session.window_after(spec, session.closed) is None
    )


def seen_by_time(session: Session) -> tuple[object, ...]:
    """All that the passing of time may change, apart from how much is kept and due."""
    return (
        session.last_ms,
        session.watermark_us,
        session.waiting,
        session.closed,
        len(session.order),
        session.over,
        [(sensor.idle, sensor.wall_ms) for sensor in session.sensors],
        [(one.cause, one.seen_by_watermark) for one in session.revisions.values()],
    )
