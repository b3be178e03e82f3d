"""Batches, windows and the spec as bytes, as the Lua scripts read and write them.

Numbers and names travel as msgpack, which Redis has built in (``cmsgpack``). It reads no binary
type and marks every string as text, so raw bytes go beside it, end to end, with their lengths in
the msgpack. A sample is packed once, here, and comes back in its windows as it was sent.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import msgspec

from streams.align import rules
from streams.align.assemble import KnownSensor, RawWindow, Stored
from streams.align.rules import MAX_EVENT_TIME_US, LateReason, Sensor
from streams.align.session import closed_index, restored_sensors
from streams.align.spec import AlignSpec
from streams.align.types import Entry, Restored, WindowKey

#: Of a sample: offset, start_us, end_us, its sensor's number in the batch (from 1), 1 if it has
#: a feature and 0 if it is only counted, length of the feature in bytes; the feature follows.
_HEADER = struct.Struct("<qqqHHI")
#: Of what one batch gave a window: length of its samples in bytes, count of the batch's sensors;
#: per sensor its position in the session (from 1) follows, then the samples.
_CHUNK = struct.Struct("<IH")
_REASONS: tuple[LateReason, ...] = ("behind_sensor", "window_closed")

pack = msgspec.msgpack.encode
unpack = msgspec.msgpack.decode


def pack_spec(spec: AlignSpec) -> bytes:
    """The numbers that the scripts decide by."""
    return pack(
        {
            "size": spec.size_us,
            "overhang": spec.overhang_us,
            "max_open": spec.max_open_windows,
            "max_sensors": spec.max_sensors,
            "timeout": spec.session_timeout_ms,
            "digest": spec.digest,
            "inputs": [
                {
                    "name": rule.name,
                    "nearest": rule.matcher == "nearest",
                    "reference": rule.reference_us,
                    "tolerance": rule.tolerance_us,
                    "lateness": rule.lateness_us,
                    "idle_after": rule.idle_after_ms,
                    "expected": rule.expected,
                    "declared": rule.sensors,
                    "cap": rule.max_samples_per_window,
                }
                for rule in spec.inputs
            ],
        }
    )


def pack_batch(position: int, next_offset: int, entries: Sequence[Entry]) -> tuple[bytes, bytes]:
    """A batch of one input, grouped by session: its numbers, and its samples end to end.

    Per session: its name, the batch's sensors in it, and four integers per record (number of the
    sensor from 1, offset, start_us, length of header and feature, or 0 for an invalid one).
    """
    groups: dict[str, tuple[str, dict[str, int], list[int], list[bytes]]] = {}
    header = _HEADER.pack
    for entry in entries:
        start_us = entry.start_us
        if not -MAX_EVENT_TIME_US <= start_us <= MAX_EVENT_TIME_US:
            rules.check_event_time(start_us)
        group = groups.get(entry.session)
        if group is None:
            group = groups[entry.session] = (entry.session, {}, [], [])
        _, sensors, numbers, samples = group
        at = sensors.setdefault(entry.sensor, len(sensors) + 1)
        feature = entry.feature
        if feature is None:
            numbers += (at, entry.offset, start_us, 0)
        else:
            size = len(feature)
            numbers += (at, entry.offset, start_us, _HEADER.size + size)
            samples += (header(entry.offset, start_us, entry.end_us, at, 1, size), feature)
    rows = [(session, list(sensors), numbers) for session, sensors, numbers, _ in groups.values()]
    data = b"".join([part for *_, samples in groups.values() for part in samples])
    return pack((position + 1, next_offset, rows)), data


def pack_ack(
    spec: AlignSpec,
    windows: Sequence[WindowKey],
    late: Sequence[tuple[str, int]],
    event_states: Mapping[str, bytes],
) -> tuple[bytes, bytes]:
    """Windows by session with the length of its new event state or -1, late samples; the states."""
    groups: dict[str, list[int]] = {}
    for key in windows:
        groups.setdefault(key.session, []).append(rules.own_window(spec, key.start_us))
    rows = [
        (s, indices, len(event_states[s]) if s in event_states else -1)
        for s, indices in groups.items()
    ]
    data = b"".join(event_states.get(session, b"") for session in groups)
    return pack((rows, late)), data


def pack_restored(spec: AlignSpec, past: Restored) -> tuple[bytes, bytes]:
    """Sessions as the scripts keep them, done offsets, committed offsets; the event states."""
    sessions = [
        (
            session.session,
            closed_index(spec, session.closed_through_us),
            [_sensor_row(sensor) for sensor in restored_sensors(spec, session)],
            len(session.event_state),
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
        sensor.first_end_us,
    )


def unpack_windows(answer: Sequence[bytes]) -> list[RawWindow]:
    """A lease's answer: rows in msgpack, then each window's samples and event state, if any."""
    parts = iter(answer)
    windows: list[RawWindow] = []
    for session, index, fields, sensors, has_state in unpack(next(parts)):
        _, _, completed_at_ms, _, *counts = fields
        windows.append(
            RawWindow(
                session=session,
                index=index,
                completed_at_ms=completed_at_ms,
                sensors=[KnownSensor(s[0] - 1, s[1], s[5]) for s in sensors],
                counts=counts,
                stored=_samples(next(parts)),
                event_state=next(parts) if has_state else b"",
            )
        )
    return windows


def _samples(data: bytes) -> list[Stored]:
    stored: list[Stored] = []
    at = 0
    while at < len(data):
        length, sensors = _CHUNK.unpack_from(data, at)
        at += _CHUNK.size
        positions = struct.unpack_from(f"<{sensors}H", data, at)
        at += 2 * sensors
        end = at + length
        while at < end:
            offset, start_us, end_us, sensor, kept, size = _HEADER.unpack_from(data, at)
            at += _HEADER.size
            feature = data[at : at + size] if kept else None
            stored.append(Stored(positions[sensor - 1] - 1, offset, start_us, end_us, feature))
            at += size
    return stored


def late_reason(code: int) -> LateReason:
    """The reason behind a script's number."""
    return _REASONS[code]
