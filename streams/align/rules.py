"""The rules of alignment: pure decisions, the one place where they are written down.

The core (``core``, ``session``) calls these functions. What it takes in without looking at every
rule (``quick``) gives the same, and property tests hold the two to each other.

**Windows.** [start, start + size) of event time. On a grid (tumbling, sliding) they begin at the
multiples of ``tile_us``; a grid's window exists once a record has its time in it. Triggered, one
begins ``before_us`` before each valid sample of the trigger sensor. A record's *own* windows are
those that hold its ``start_us``. Records are kept in *tiles* of ``tile_us``, each once; what a
matcher takes from them is decided when the window is handed out (``matchers``).

**Sensors.** Known to a session are, from its first record on, the declared sensors of every input,
and each sensor that was seen. An input that declares none has a nameless sensor until its first
one turns up. An input is *read through* a wall time when everything that the broker had of it then
has been applied. A sensor is *idle* from the tick at which it has been silent for
``idle_after_ms`` and its input is read through the end of that silence, until its next record. One
not seen yet is silent since the session began; on an input that is not ``expected`` its input need
only be read through that moment: what is not there now is not waited for, but a backlog is read to
its end first, so that it gives what the live stream gave. A late, invalid or dropped record is a
sign of life too: it wakes its sensor and moves the sensor's newest event time. (Were it otherwise,
a sensor that comes back behind the others would stay late for ever.) A *session end* marker makes
the sensors of its input idle at once. When every input of which the session had a record has sent
one, the session is over: all other sensors are idle as soon as their inputs are read through that
moment. A later record of an input takes its marker back.

**Watermark** of a session, with ``own = newest start_us - lateness_us`` of a sensor, -inf before
its first record: the minimum of ``own`` over the sensors that are awake. If none is, +inf: all
open windows close (a flush). Where a sensor is idle, the watermark of an instant counts only once
the inputs of all idle sensors are read through that instant: a sample that is in the reader's hands
already must not find its window closed because its sensor was silent before.

**Closing.** A window closes when the watermark reaches its end + ``overhang_us``, the longest that
any ``nearest`` input looks past a window's end, + ``allowed_lateness_us``. This is looked at after
every record, not after every batch, so chunk sizes have no influence. ``closed`` is the start of
the newest window that gave, or will give, a final result.

**Late.** A record is late if one of its own windows is closed to it: when the window's closing
bound is at or below the sensor's ``own`` *before* this record (``behind_sensor``), or the window
is at or before ``closed`` (``window_closed``). The first test depends on nothing but the sensor's
own records; while a sensor is awake the second never fires without it. ``late_by_us`` is the
distance of ``start_us`` behind that limit. A late sample still enters those of its windows that
are open to it. A late record that is invalid, or for which there is no room, is left at that: it is
a dead letter, or a late sample, already. A ``hold`` sample is late only if a newer one of its
sensor is held: it serves later windows. A record never enters a window that was closed when it
came.

**Early.** Where results are revised, a window has a result (not final) once the quickest sensor's
``own`` is ``early_after_us`` past its end, once the watermark is at its end + ``overhang_us``, and
for samples that come after that while lateness is allowed.

**Caps.** A valid sample beyond ``max_samples_per_window`` of its sensor in its own tile is dropped
and counted there. So is one beyond ``max_window_bytes`` of its tile or ``max_session_bytes`` of
its session where its input sheds load: the newest, or the oldest that the input has in tiles none
of whose windows is closed. A record that would take its session past ``max_open_windows`` tiles, or
``max_sensors``, is dropped and counted in ``Applied.dropped``.

**Forgetting.** A tile is kept until no window that may use its samples is open, due or to come.
Of what ``hold`` keeps, all is forgotten that is older than what every later window would choose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from streams.align.spec import AlignSpec, InputRule, last_use_us

#: Stand for -inf and +inf where Redis needs a number: the last integers that a double has exactly.
NEVER = -(2**53)
FOREVER = 2**53
#: Event times must keep this far from both, so that adding a lateness stays exact.
MAX_EVENT_TIME_US = 2**53 - 2**43
#: Name of the sensor that stands for those of an input which declares none.
NAMELESS = ""
#: Expired sessions of a shard whose last closed window and event state are remembered.
MAX_TOMBSTONES = 10_000

LateReason = Literal["behind_sensor", "window_closed"]


class Sensor(msgspec.Struct, array_like=True, gc=False):
    """One sensor of one session. ``NEVER``/``FOREVER`` stand for "not yet".

    ``wall_ms`` is ``NEVER`` after a restore: silence then counts from the next tick.
    ``first_us``: earliest accepted event time. ``number``: the sequence number of the newest sample
    that is no longer kept, of event time ``numbered_us``.
    """

    input: int
    name: str
    newest_us: int = NEVER
    wall_ms: int = NEVER
    idle: bool = False
    first_us: int = FOREVER
    number: int | None = None
    numbered_us: int = NEVER


def check_event_time(start_us: int) -> None:
    """Raise ``ValueError`` for an event time too close to what stands for -inf and +inf."""
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


def tile_of(spec: AlignSpec, start_us: int) -> int:
    """Index of the tile that keeps a sample of this event time."""
    return start_us // spec.tile_us


def closing_bound_us(spec: AlignSpec, window_us: int) -> int:
    """The watermark at which the window that starts then closes."""
    return window_us + spec.size_us + spec.overhang_us + spec.allowed_lateness_us


def first_own_us(spec: AlignSpec, start_us: int) -> int:
    """Start of the first grid window that holds an event time."""
    return ((start_us - spec.size_us) // spec.tile_us + 1) * spec.tile_us


def last_window_us(spec: AlignSpec, rule: InputRule, start_us: int) -> int:
    """Latest start of a window that may use a sample."""
    use_us = last_use_us(spec, rule, start_us)
    return use_us if spec.trigger else use_us // spec.tile_us * spec.tile_us


def first_open_tile(spec: AlignSpec, closed: int) -> int:
    """Index of the first tile in which a window may begin that is still to close."""
    return closed // spec.tile_us + (0 if spec.trigger else 1)


def first_whole_tile(spec: AlignSpec, closed: int) -> int:
    """Index of the first tile of which no window that may use it as its own is closed."""
    if closed == NEVER:
        return NEVER
    if spec.trigger:
        return -(-(closed + spec.size_us) // spec.tile_us)
    return (closed + spec.size_us) // spec.tile_us


def is_whole_tile(spec: AlignSpec, tile: int, closed: int) -> bool:
    """Whether no window that may use the tile as its own is closed."""
    return tile >= first_whole_tile(spec, closed)


def sensor_watermark_us(spec: AlignSpec, sensor: Sensor) -> int:
    """Event time before which no more is expected of a sensor."""
    return sensor.newest_us - spec.inputs[sensor.input].lateness_us


def awake_watermark_us(spec: AlignSpec, sensors: Sequence[Sensor]) -> int:
    """Event time before which no more is expected of the sensors that are awake."""
    awake_us, lateness_us = FOREVER, spec.lateness_us
    for sensor in sensors:
        if not sensor.idle:
            own_us = sensor.newest_us - lateness_us[sensor.input]
            if own_us < awake_us:
                awake_us = own_us
    return awake_us


def idle_read_through_ms(sensors: Sequence[Sensor], read_through_ms: Mapping[int, int]) -> int:
    """Wall time that the inputs of all idle sensors are read through; ``FOREVER`` if none is."""
    return min((read_through_ms.get(s.input, NEVER) for s in sensors if s.idle), default=FOREVER)


def quickest_us(spec: AlignSpec, sensors: Sequence[Sensor]) -> int:
    """The watermark of the session's quickest sensor that is awake."""
    return max((sensor_watermark_us(spec, s) for s in sensors if not s.idle), default=NEVER)


def late_reason(
    spec: AlignSpec, start_us: int, limit_us: int, closed: int, *, trigger: bool
) -> LateReason | None:
    """Why an own window is closed to a record; ``limit_us`` is its sensor's watermark before it.

    ``trigger``: the record is a trigger, whose own window begins ``before_us`` before it. Any
    other record of a triggered pipeline is in whatever windows there are, of which ``closed``
    is the last that can have been closed.
    """
    if spec.trigger and not trigger:
        if start_us >= closed + spec.size_us:
            return None
        return "behind_sensor" if start_us < limit_us else "window_closed"
    own_us = start_us - spec.before_us if trigger else first_own_us(spec, start_us)
    if closing_bound_us(spec, own_us) <= limit_us:
        return "behind_sensor"
    return "window_closed" if own_us <= closed else None


def late_by_us(
    spec: AlignSpec, reason: LateReason, start_us: int, limit_us: int, closed: int
) -> int:
    """How far behind its limit a late record is; always more than 0."""
    limit = limit_us if reason == "behind_sensor" else closed + spec.size_us + spec.before_us
    return limit - start_us


def closed_to_us(spec: AlignSpec, start_us: int, limit_us: int, closed: int) -> int:
    """The newest window that is closed to a record and might use it, were it open."""
    if start_us >= limit_us:
        return closed
    span_us = spec.size_us + spec.overhang_us + spec.allowed_lateness_us
    return max(closed, limit_us - span_us)


def is_usable(spec: AlignSpec, rule: InputRule, start_us: int, limit_us: int, closed: int) -> bool:
    """Whether a window that is open to a record may use it."""
    last_us = last_window_us(spec, rule, start_us)
    return last_us > closed and closing_bound_us(spec, last_us) > limit_us


def falls_idle(
    spec: AlignSpec, sensor: Sensor, read_through_ms: int, now_ms: int, ended_ms: int
) -> bool:
    """Whether a sensor is silent and everything that its input had by then was read.

    ``ended_ms``: when the session was said to be over, ``NEVER`` if it was not.
    """
    until_ms = ended_ms if ended_ms != NEVER else sensor.wall_ms + patience_ms(spec, sensor)
    return until_ms <= now_ms and until_ms <= read_through_ms


def patience_ms(spec: AlignSpec, sensor: Sensor) -> int:
    """How long a sensor may be silent before it is idle."""
    rule = spec.inputs[sensor.input]
    unseen = sensor.newest_us == NEVER and sensor.first_us == FOREVER
    return 0 if unseen and not rule.expected else rule.idle_after_ms


def over_at_ms(spec: AlignSpec, last_ms: int, ended_ms: int) -> int:
    """Wall time from which on a session without a word is over."""
    return ended_ms if ended_ms != NEVER else last_ms + spec.session_timeout_ms


def next_deadline_ms(
    spec: AlignSpec, sensors: Sequence[Sensor], last_ms: int, ended_ms: int
) -> int:
    """Wall time through which an input has to be read before a look at the session tells more."""
    due = [s.wall_ms + patience_ms(spec, s) for s in sensors if not s.idle]
    if not due or ended_ms != NEVER:
        return over_at_ms(spec, last_ms, ended_ms)
    return min(due)
