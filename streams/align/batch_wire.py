"""A batch of records as bytes, and back: grouped by session, sensor and tile, once.

What costs time per record is here and in ``decode_element``; the script that takes a batch looks
at runs of records of one tile, not at records, as long as none of them can be late.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import msgspec

from streams.align import rules
from streams.align.kept import INVALID, OVERHEAD_BYTES, PART, SAMPLE, Kept
from streams.align.rules import FOREVER, MAX_EVENT_TIME_US, NEVER
from streams.align.spec import AlignSpec
from streams.align.types import Batch, Entry
from streams.align.wire import pack, pack_through, unpack

#: Of a record: offset, start_us, end_us, sequence (``NEVER``: none), shift_us, drift_ppb, its
#: sensor's number in the batch (from 1), kind, a byte of padding, length of the feature in bytes;
#: the feature follows.
_HEADER = struct.Struct("<qqqqqiHBxI")
assert _HEADER.size == OVERHEAD_BYTES
_LENGTH = struct.Struct("<H")


class SentRun(msgspec.Struct, gc=False):
    """A run of one tile as it was sent: what the element in Redis holds."""

    tile: int
    names: Sequence[str]
    records: list[tuple[int, Entry]]


class SentGroup(msgspec.Struct, gc=False):
    """A session's part of a batch."""

    session: str
    runs: list[SentRun]


def pack_batch(spec: AlignSpec, batch: Batch) -> tuple[bytes, bytes, list[SentGroup]]:
    """Numbers, raw bytes, and what was sent by session; the layout is told in ``apply.lua``.

    Raises ``ValueError`` for an event time past ``MAX_EVENT_TIME_US``.
    """
    position = spec.position[batch.input]
    rule = spec.inputs[position]
    tile_us = spec.tile_us
    by_session: dict[str, list[Entry]] = {}
    for entry in batch.entries:
        found = by_session.get(entry.session)
        if found is None:
            by_session[entry.session] = [entry]
        else:
            found.append(entry)
    ends: dict[str, list[int]] = {}
    for end in batch.ends:
        ends.setdefault(end.session, []).append(end.offset)
        by_session.setdefault(end.session, [])
    groups: list[object] = []
    sent: list[SentGroup] = []
    data: list[bytes] = []
    pack_header = _HEADER.pack
    for session, entries in by_session.items():
        numbers: dict[str, int] = {}
        #: Per sensor: earliest, latest, farthest behind, earliest valid start.
        stats: list[list[int]] = []
        runs: dict[int, list[tuple[int, Entry]]] = {}
        for entry in entries:
            start_us = entry.start_us
            number = numbers.get(entry.sensor)
            if number is None:
                if not -MAX_EVENT_TIME_US <= start_us <= MAX_EVENT_TIME_US:
                    rules.check_event_time(start_us)
                number = numbers[entry.sensor] = len(stats) + 1
                stats.append([start_us, start_us, 0, FOREVER])
            stat = stats[number - 1]
            if start_us > stat[1]:
                stat[1] = start_us
            elif start_us < stat[1]:
                behind_us = stat[1] - start_us
                if behind_us > stat[2]:
                    stat[2] = behind_us
                if start_us < stat[0]:
                    stat[0] = start_us
            if entry.feature is not None and start_us < stat[3]:
                stat[3] = start_us
            tile = start_us // tile_us
            run = runs.get(tile)
            if run is None:
                runs[tile] = [(number, entry)]
            else:
                run.append((number, entry))
        for stat in stats:
            if not (stat[0] >= -MAX_EVENT_TIME_US and stat[1] <= MAX_EVENT_TIME_US):
                rules.check_event_time(max(stat[0], stat[1], key=abs))
        names = list(numbers)
        packed_names = pack(names)
        prefix = _LENGTH.pack(len(packed_names)) + packed_names
        flat: list[int] = []
        for tile, records in runs.items():
            size = 0
            counts = [0] * len(names)
            data.append(prefix)
            latest_us = NEVER
            for number, entry in records:
                feature = entry.feature
                sequence = entry.sequence
                length = 0
                if feature is None:
                    kind = INVALID
                else:
                    length = len(feature)
                    if entry.part:
                        kind = PART
                    else:
                        kind = SAMPLE
                        counts[number - 1] += 1
                start_us = entry.start_us
                if start_us > latest_us:
                    latest_us = start_us
                data.append(
                    pack_header(
                        entry.offset,
                        start_us,
                        entry.end_us,
                        NEVER if sequence is None else sequence,
                        entry.shift_us,
                        entry.drift_ppb,
                        number,
                        kind,
                        length,
                    )
                )
                if length:
                    data.append(feature or b"")
                    size += length
            size += OVERHEAD_BYTES * len(records)
            flat += (
                tile,
                len(prefix) + size,
                rules.last_window_us(spec, rule, latest_us),
                min([entry.offset for _, entry in records]),
                size,
                *counts,
            )
        groups.append(
            (
                session,
                min([entry.offset for entry in entries], default=0),
                names,
                [n for stat in stats for n in stat[:3]],
                flat,
                [stat[3] for stat in stats],
                ends.get(session, ()),
            )
        )
        sent.append(SentGroup(session, [SentRun(t, names, r) for t, r in runs.items()]))
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


def kept_of(position: int, run: SentRun, after_us: int) -> list[Kept]:
    """What Redis keeps of a run that was taken as a whole."""
    names = run.names
    kept: list[Kept] = []
    for number, entry in run.records:
        feature, sequence = entry.feature, entry.sequence
        kept.append(
            Kept(
                position,
                names[number - 1],
                entry.offset,
                entry.start_us,
                entry.end_us,
                feature or b"",
                INVALID if feature is None else PART if entry.part else SAMPLE,
                NEVER if sequence is None else sequence,
                entry.shift_us,
                entry.drift_ppb,
                after_us,
            )
        )
    return kept


def decode_element(position: int, element: bytes, after_us: int) -> list[Kept]:
    """What an element in Redis holds."""
    (length,) = _LENGTH.unpack_from(element)
    at = _LENGTH.size + length
    names: list[str] = unpack(element[_LENGTH.size : at])
    kept: list[Kept] = []
    while at < len(element):
        header = _HEADER.unpack_from(element, at)
        offset, start_us, end_us, sequence, shift_us, drift_ppb, number, kind, size = header
        at += _HEADER.size
        feature = element[at : at + size]
        at += size
        kept.append(
            Kept(
                position,
                names[number - 1],
                offset,
                start_us,
                end_us,
                feature,
                kind,
                sequence,
                shift_us,
                drift_ppb,
                after_us,
            )
        )
    return kept
