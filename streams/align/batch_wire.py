"""A batch of records as bytes, and back: grouped by session, sensor and tile, once.

What costs time per record is here; the script that takes a batch looks at runs of records of one
sensor and one tile, not at records, as long as none of them can be late.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from streams.align import rules
from streams.align.kept import OVERHEAD_BYTES, Run, run_of
from streams.align.rules import FOREVER, MAX_EVENT_TIME_US, NEVER
from streams.align.spec import AlignSpec, InputRule
from streams.align.types import DROPPED, INVALID, SAMPLE, Batch, Entry
from streams.align.wire import pack, pack_through

#: Of a record: offset, start_us, end_us, sequence (``NEVER``: none), shift_us, drift_ppb, kind,
#: three bytes of padding, length of the feature in bytes; the feature follows.
_HEADER = struct.Struct("<qqqqqiB3xI")
assert _HEADER.size == OVERHEAD_BYTES
_PREFIX = struct.Struct("<Bq")
_LENGTH = struct.Struct("<H")


class SentGroup(msgspec.Struct, gc=False):
    """A session's part of a batch: the tile of each run, and the run as it was sent."""

    session: str
    runs: list[tuple[int, Run]]


def pack_batch(spec: AlignSpec, batch: Batch) -> tuple[bytes, bytes, list[SentGroup]]:
    """Numbers, raw bytes, and what was sent by session; the layout is told in ``apply.lua``.

    Raises ``ValueError`` for an event time past ``MAX_EVENT_TIME_US``.
    """
    position = spec.position[batch.input]
    rule = spec.inputs[position]
    #: session -> sensor -> its records.
    by_session: dict[str, dict[str, list[Entry]]] = {}
    for entry in batch.entries:
        by_sensor = by_session.get(entry.session)
        if by_sensor is None:
            by_session[entry.session] = {entry.sensor: [entry]}
            continue
        found = by_sensor.get(entry.sensor)
        if found is None:
            by_sensor[entry.sensor] = [entry]
        else:
            found.append(entry)
    ends: dict[str, list[int]] = {}
    for end in batch.ends:
        ends.setdefault(end.session, []).append(end.offset)
        by_session.setdefault(end.session, {})
    groups: list[object] = []
    sent: list[SentGroup] = []
    data: list[bytes] = []
    for session, by_sensor in by_session.items():
        sensors: list[object] = []
        group = SentGroup(session, [])
        first_offset = FOREVER
        for name, entries in by_sensor.items():
            first_offset = min(first_offset, entries[0].offset)
            earliest_us, latest_us, behind_us, valid_us = _extent(entries)
            runs: list[int] = []
            for tile, records in _by_tile(entries, earliest_us, latest_us, spec.tile_us):
                run = run_of(position, name, NEVER, records)
                runs += _pack_run(spec, rule, tile, run, data)
                group.runs.append((tile, run))
            sensors.append((name, earliest_us, latest_us, behind_us, valid_us, runs))
        groups.append((session, first_offset, sensors, ends.get(session, ())))
        sent.append(group)
    notes = [(session, len(note)) for session, note in batch.notes.items()]
    data += batch.notes.values()
    payload = (
        position + 1,
        batch.next_offset,
        pack_through(spec, batch.read_through_ms),
        groups,
        notes,
    )
    return pack(payload), b"".join(data), sent


def _extent(entries: Sequence[Entry]) -> tuple[int, int, int, int]:
    """Earliest and latest start, how far a record at most lies behind the newest before it, and
    the earliest start of a valid one (``FOREVER``: none is).
    """
    starts = [entry.start_us for entry in entries]
    earliest_us, latest_us = min(starts), max(starts)
    if not (earliest_us >= -MAX_EVENT_TIME_US and latest_us <= MAX_EVENT_TIME_US):
        rules.check_event_time(max(earliest_us, latest_us, key=abs))
    newest_us, behind_us = starts[0], 0
    for start_us in starts:
        if start_us > newest_us:
            newest_us = start_us
        elif newest_us - start_us > behind_us:
            behind_us = newest_us - start_us
    valid = [entry.start_us for entry in entries if entry.feature is not None]
    return earliest_us, latest_us, behind_us, min(valid) if valid else FOREVER


def _by_tile(
    entries: list[Entry], earliest_us: int, latest_us: int, tile_us: int
) -> Sequence[tuple[int, list[Entry]]]:
    first = earliest_us // tile_us
    if first == latest_us // tile_us:
        return [(first, entries)]
    tiles: dict[int, list[Entry]] = {}
    for entry in entries:
        tile = entry.start_us // tile_us
        found = tiles.get(tile)
        if found is None:
            tiles[tile] = [entry]
        else:
            found.append(entry)
    return list(tiles.items())


def _pack_run(
    spec: AlignSpec, rule: InputRule, tile: int, run: Run, data: list[bytes]
) -> tuple[int, int, int, int, int, int]:
    """Add a run's bytes; returns its tile, bytes, last window that may use it, lowest offset,
    bytes that count, and samples that count.
    """
    records = run.records
    name = run.sensor.encode()
    data += (_LENGTH.pack(len(name)), name)
    header = _HEADER.pack
    if run.plain:
        counted = len(records)
        for r in records:
            feature = r.feature or b""
            data += (
                header(
                    r.offset,
                    r.start_us,
                    r.end_us,
                    NEVER,
                    r.shift_us,
                    r.drift_ppb,
                    SAMPLE,
                    len(feature),
                ),
                feature,
            )
    else:
        counted = sum([r.kind == SAMPLE for r in records])
        data += [_packed(r) for r in records]
    size = run.size + OVERHEAD_BYTES * len(records)
    latest_us = records[0].start_us if len(records) == 1 else max([r.start_us for r in records])
    return (
        tile,
        _LENGTH.size + len(name) + size,
        rules.last_window_us(spec, rule, latest_us),
        records[0].offset,
        size,
        counted,
    )


def _packed(record: Entry) -> bytes:
    feature = record.feature or b""
    header = _HEADER.pack(
        record.offset,
        record.start_us,
        record.end_us,
        NEVER if record.sequence is None else record.sequence,
        record.shift_us,
        record.drift_ppb,
        record.kind,
        len(feature),
    )
    return header + feature


def decode_element(session: str, prefix: bytes, element: bytes) -> Run:
    """What an element in Redis holds; ``prefix``: its input, and the window that was closed."""
    position, after_us = _PREFIX.unpack(prefix)
    return decode_records(position - 1, session, element, after_us)


def decode_records(position: int, session: str, element: bytes, after_us: int) -> Run:
    """Records of one sensor of the input at a position."""
    (length,) = _LENGTH.unpack_from(element)
    at = _LENGTH.size + length
    sensor = element[_LENGTH.size : at].decode()
    records: list[Entry] = []
    while at < len(element):
        header = _HEADER.unpack_from(element, at)
        offset, start_us, end_us, sequence, shift_us, drift_ppb, kind, size = header
        at += _HEADER.size
        kept = kind not in (INVALID, DROPPED)
        records.append(
            Entry(
                session,
                sensor,
                offset,
                start_us,
                end_us,
                element[at : at + size] if kept else None,
                kind if kind != INVALID else 0,
                None if sequence == NEVER else sequence,
                shift_us,
                drift_ppb,
            )
        )
        at += size
    return run_of(position, sensor, after_us, records)
