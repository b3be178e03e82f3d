"""Spec, acknowledgements and a shard's past as bytes, as the Lua scripts read them.

Numbers and names travel as msgpack, which Redis has built in (``cmsgpack``). It reads no binary
type and marks every string as text, so raw bytes go beside it, end to end, with their lengths in
the msgpack. How a batch and what is kept of it travel is in ``batch_wire``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from schemas.result import Cause
from streams.align.restore import closed_window, restored_sensors
from streams.align.rules import NEVER, LateReason, Sensor
from streams.align.spec import AlignSpec, last_use_us
from streams.align.types import Restored, WindowKey

_REASONS: tuple[LateReason, ...] = ("behind_sensor", "window_closed")
#: A script's number for why a result is made; 0 is the final one.
CAUSES: tuple[Cause, ...] = ("watermark", "early", "watermark", "late")

pack = msgspec.msgpack.encode
unpack = msgspec.msgpack.decode


def pack_spec(spec: AlignSpec) -> bytes:
    """The numbers that the scripts decide by."""
    return pack(
        {
            "tile": spec.tile_us,
            "size": spec.size_us,
            "overhang": spec.overhang_us,
            "allowed": spec.allowed_lateness_us,
            "early": -1 if spec.early_after_us is None else spec.early_after_us,
            "on_late": spec.on_late,
            "revises": spec.revises,
            "trigger": (spec.trigger and (spec.trigger[0] + 1, spec.trigger[1])) or False,
            "before": spec.before_us,
            "backward": spec.backward_us,
            "max_open": spec.max_open_windows,
            "max_sensors": spec.max_sensors,
            "max_window": spec.max_window_bytes,
            "max_session": spec.max_session_bytes,
            "timeout": spec.session_timeout_ms,
            "digest": spec.digest,
            "inputs": [
                {
                    "name": rule.name,
                    "matcher": rule.matcher,
                    # Whether a batch of it may be taken without looking at every record.
                    "plain": rule.matcher != "hold"
                    and (spec.trigger is None or spec.trigger[0] != position),
                    "ahead": last_use_us(spec, rule, 0),
                    "max_age": rule.max_age_us,
                    "lateness": rule.lateness_us,
                    "idle_after": rule.idle_after_ms,
                    "expected": rule.expected,
                    "declared": rule.sensors,
                    "cap": rule.max_samples_per_window,
                    "overload": rule.overload,
                }
                for position, rule in enumerate(spec.inputs)
            ],
        }
    )


def pack_through(spec: AlignSpec, read_through_ms: Mapping[str, int]) -> list[int]:
    """Per input the wall time that it is read through."""
    return [read_through_ms.get(rule.name, NEVER) for rule in spec.inputs]


def pack_ack(
    windows: Sequence[WindowKey],
    late: Sequence[tuple[str, int]],
    event_states: Mapping[str, bytes],
) -> tuple[bytes, bytes, list[str]]:
    """Per session its newest window, whether it is over and the length of its new event state
    or -1; late samples; the states end to end; the sessions in that order.
    """
    newest: dict[tuple[str, bool], int] = {}
    for key in windows:
        named = (key.session, key.over)
        newest[named] = max(newest.get(named, NEVER), key.start_us)
    rows = [
        (
            session,
            start_us,
            int(over),
            len(event_states.get(session, b"")) if session in event_states else -1,
        )
        for (session, over), start_us in newest.items()
    ]
    data = b"".join([event_states.get(session, b"") for session, *_ in rows])
    return pack((rows, late)), data, [session for session, *_ in rows]


def pack_restored(spec: AlignSpec, past: Restored) -> tuple[bytes, bytes]:
    """Sessions as the scripts keep them, done offsets, committed offsets; the event states."""
    sessions = [
        (
            session.session,
            closed_window(spec, session),
            [_sensor_row(sensor) for sensor in restored_sensors(spec, session)],
            len(session.event_state),
            [(start_us, number, 0, 0) for start_us, number in session.revisions.items()],
        )
        for session in past.sessions
    ]
    done = [(input, list(offsets)) for input, offsets in past.done.items()]
    data = b"".join(session.event_state for session in past.sessions)
    return pack((sessions, done, list(past.committed.items()))), data


def _sensor_row(sensor: Sensor) -> tuple[int, str, int, int, int, int]:
    return (
        sensor.input + 1,
        sensor.name,
        sensor.newest_us,
        sensor.wall_ms,
        int(sensor.idle),
        sensor.first_us,
    )


def late_reason(code: int) -> LateReason:
    """The reason behind a script's number."""
    return _REASONS[code]
