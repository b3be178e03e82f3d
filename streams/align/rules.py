"""The rules of alignment: pure decisions, the one place where they are written down.

The in-memory core calls these functions; the Lua scripts repeat them, and property tests hold the
two to each other.

**Windows.** Window ``k`` is [k*size, (k+1)*size) of event time. A record's *own* window is the one
that holds its ``start_us``. ``collect``: a sample belongs to its own window. ``nearest``: it is a
candidate for every window whose reference time (start + ``reference_us``) is within
``tolerance_us``, which may be a neighbour; of a sensor's candidates the closest is used, on a tie
the earlier start, then the lower offset. The own window counts a sample, used or not. A window
exists once a record has its own time in it; one that holds only neighbours' candidates when it
closes is discarded without a result.

**Sensors.** Known to a session are, from its first record on, the declared sensors of every input,
and each sensor that was seen. An input that declares none has a nameless sensor until its first
one turns up. A sensor is *idle* from the tick at which it has been silent for ``idle_after_ms``
and its input was caught up, until its next record. One not seen yet is silent since the session
began; on an input that is not ``expected`` it need only be caught up: what is not there now is not
waited for, but a backlog is read to its end first, so that it gives what the live stream gave. A
late, invalid or dropped record is a sign of life too: it wakes its sensor and moves the sensor's
newest event time. (Were it otherwise, a sensor that comes back behind the others would stay late
for ever.)

**Watermark** of a session, with ``own = newest start_us - lateness_us`` of a sensor, -inf before
its first record: the minimum of ``own`` over the sensors that are awake. If none is, +inf: all open
windows close (a flush).

**Closing.** A window closes when the watermark reaches its end + ``overhang_us``, the longest that
any ``nearest`` input looks past a window's end. This is looked at after every record, not after
every batch, so chunk sizes have no influence. ``closed`` is the newest window that gave, or will
give, a result.

**Late.** A record is late if its own window is closed to it: when the window's closing bound is at
or below the sensor's ``own`` *before* this record (``behind_sensor``), or the window is at or
before ``closed`` (``window_closed``). The first test depends on nothing but the sensor's own
records; while a sensor is awake the second never fires without it. ``late_by_us`` is
the distance of ``start_us`` behind that limit. A late sample is no candidate for later windows
either. An invalid record in a closed window is left at that: it is a dead letter already. A
sample that is not late enters those of its candidate windows that are open to it.

**Caps.** A valid sample beyond ``max_samples_per_window`` of its sensor in its own window is
dropped and counted there. A record that would take its session past ``max_open_windows`` is
dropped: counted in its own window if that is open, else in ``Applied.dropped``. So is, there, a
record of a sensor that would be one more than ``max_sensors`` of its session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from streams.align.spec import AlignSpec, InputRule

#: Stand for -inf and +inf where Redis needs a number: the last integers that a double has exactly.
NEVER = -(2**53)
FOREVER = 2**53
#: Event times must keep this far from both, so that adding a lateness stays exact.
MAX_EVENT_TIME_US = 2**53 - 2**43
#: How soon a sensor is looked at again that is silent while its input is not caught up.
RECHECK_MS = 250
#: Name of the sensor that stands for those of an input which declares none.
NAMELESS = ""
#: Expired sessions of a shard whose last closed window and event state are remembered.
MAX_TOMBSTONES = 10_000

LateReason = Literal["behind_sensor", "window_closed"]


@dataclass(slots=True)
class Sensor:
    """One sensor of one session. ``NEVER``/``FOREVER`` stand for "not yet".

    ``wall_ms`` is ``NEVER`` after a restore: silence then counts from the next tick.
    ``first_end_us``: end of the earliest window that has an accepted sample of it.
    """

    input: int
    name: str
    newest_us: int = NEVER
    wall_ms: int = NEVER
    idle: bool = False
    first_end_us: int = FOREVER


def check_event_time(start_us: int) -> None:
    """Raise ``ValueError`` for an event time that Redis could not compare exactly."""
    if abs(start_us) > MAX_EVENT_TIME_US:
        raise ValueError(
            f"start_us: expected at most {MAX_EVENT_TIME_US} from the epoch, got {start_us}; "
            "records with such times must be dead-lettered before they are aligned"
        )


def first_sensors(spec: AlignSpec) -> list[tuple[int, str]]:
    """Input position and name of each sensor that a session knows from its first record on."""
    return [
        (position, name)
        for position, rule in enumerate(spec.inputs)
        for name in rule.sensors or (NAMELESS,)
    ]


def own_window(spec: AlignSpec, start_us: int) -> int:
    """Index of the window that holds an event time."""
    return start_us // spec.size_us


def window_end_us(spec: AlignSpec, index: int) -> int:
    """End (exclusive) of a window."""
    return (index + 1) * spec.size_us


def closing_bound_us(spec: AlignSpec, index: int) -> int:
    """The watermark at which a window closes."""
    return window_end_us(spec, index) + spec.overhang_us


def reference_us(spec: AlignSpec, rule: InputRule, index: int) -> int:
    """The event time that ``nearest`` looks for in a window."""
    return index * spec.size_us + rule.reference_us


def candidate_windows(spec: AlignSpec, rule: InputRule, start_us: int) -> range:
    """Windows that may use a sample; for ``nearest`` its own may not be among them."""
    if rule.matcher == "collect":
        own = own_window(spec, start_us)
        return range(own, own + 1)
    past_reference_us = start_us - rule.reference_us
    first = -((rule.tolerance_us - past_reference_us) // spec.size_us)
    return range(first, (past_reference_us + rule.tolerance_us) // spec.size_us + 1)


def sensor_watermark_us(spec: AlignSpec, sensor: Sensor) -> int:
    """Event time before which no more is expected of a sensor."""
    return sensor.newest_us - spec.inputs[sensor.input].lateness_us


def session_watermark_us(spec: AlignSpec, sensors: Sequence[Sensor]) -> int:
    """Event time before which no more is waited for in a session."""
    return min((sensor_watermark_us(spec, s) for s in sensors if not s.idle), default=FOREVER)


def closed_to(spec: AlignSpec, index: int, limit_us: int, closed: int) -> LateReason | None:
    """Why a window is closed to a record; ``limit_us`` is its sensor's watermark before it."""
    if closing_bound_us(spec, index) <= limit_us:
        return "behind_sensor"
    return "window_closed" if index <= closed else None


def late_by_us(
    spec: AlignSpec, reason: LateReason, start_us: int, limit_us: int, closed: int
) -> int:
    """How far behind its limit a late record is; always more than 0."""
    limit = limit_us if reason == "behind_sensor" else window_end_us(spec, closed)
    return limit - start_us


def falls_idle(spec: AlignSpec, sensor: Sensor, caught_up: frozenset[int], now_ms: int) -> bool:
    """Whether a sensor is silent and everything its input has was read."""
    silent_ms = now_ms - sensor.wall_ms
    return sensor.input in caught_up and silent_ms >= patience_ms(spec, sensor)


def patience_ms(spec: AlignSpec, sensor: Sensor) -> int:
    """How long a sensor may be silent before it is idle."""
    rule = spec.inputs[sensor.input]
    unseen = sensor.newest_us == NEVER and sensor.first_end_us == FOREVER
    return 0 if unseen and not rule.expected else rule.idle_after_ms


def next_deadline_ms(spec: AlignSpec, sensors: Sequence[Sensor], last_ms: int, now_ms: int) -> int:
    """Wall time at which a session must be looked at again."""
    due = [s.wall_ms + patience_ms(spec, s) for s in sensors if not s.idle]
    if not due:
        due = [last_ms + spec.session_timeout_ms]
    return min(at if at > now_ms else now_ms + RECHECK_MS for at in due)
