"""From what a store kept of a window to the window that is handed out; shared by both stores."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

import msgspec

from schemas.result import Cause
from streams.align.kept import DROPPED, INVALID, SAMPLE, Kept
from streams.align.matchers import match
from streams.align.rules import FOREVER, NEVER
from streams.align.spec import AlignSpec
from streams.align.types import SensorTally, Window, WindowSample

_ORDER = attrgetter("start_us", "sensor", "input", "offset")


class KnownSensor(NamedTuple):
    """A session's sensor: position of its input, name, earliest event time that it served."""

    input: int
    name: str
    first_us: int


class RawWindow(msgspec.Struct, frozen=True):
    """A window as kept, with all that the session keeps around it.

    ``idle``: positions in ``sensors`` that were idle when it closed.
    """

    session: str
    start_us: int
    completed_at_ms: int
    watermark_us: int
    idle: Sequence[int]
    sensors: Sequence[KnownSensor]
    records: Sequence[Kept]
    held: Sequence[Kept]
    triggers: Sequence[int]
    event_state: bytes
    revision: int
    cause: Cause
    final: bool


def assemble(spec: AlignSpec, shard: int, raw: RawWindow) -> Window:
    """Apply each input's matcher and tally every sensor.

    A sensor is tallied if it is declared, or was seen before the window's end, or left anything in
    the window. Records applied after the window closed cannot change that, so it does not matter
    when a window is handed out.
    """
    start_us = raw.start_us
    end_us = start_us + spec.size_us
    records: dict[tuple[int, str], list[Kept]] = {}
    for kept in raw.records:
        records.setdefault((kept.input, kept.sensor), []).append(kept)
    held: dict[tuple[int, str], list[Kept]] = {}
    for kept in raw.held:
        held.setdefault((kept.input, kept.sensor), []).append(kept)
    labels = _labels(spec, raw, records, end_us)
    samples: list[WindowSample] = []
    tallies: dict[str, SensorTally] = {}
    for at, label in labels.items():
        input, name, first_us = raw.sensors[at]
        rule = spec.inputs[input]
        mine = records.get((input, name), [])
        matched = match(spec, rule, start_us, mine, held.get((input, name), ()), raw.triggers)
        samples += [
            WindowSample(label, rule.name, one.offset, one.start_us, one.end_us, one.feature)
            for one in matched
        ]
        tallies[label] = _tally(rule.name, start_us, end_us, mine, seen=first_us < end_us)
    samples.sort(key=_ORDER)
    return Window(
        shard=shard,
        session=raw.session,
        start_us=start_us,
        end_us=end_us,
        samples=tuple(samples),
        tallies=tallies,
        completed_at_ms=raw.completed_at_ms,
        event_state=raw.event_state,
        revision=raw.revision,
        final=raw.final,
        cause=raw.cause,
        watermark_us=raw.watermark_us if NEVER < raw.watermark_us < FOREVER else None,
        idle=tuple(sorted(labels[at] for at in raw.idle if at in labels)),
    )


def _tally(
    input: str, start_us: int, end_us: int, kept: Sequence[Kept], *, seen: bool
) -> SensorTally:
    offsets: list[int] = []
    numbers: list[int] = []
    invalid = dropped = 0
    newest: Kept | None = None
    for one in kept:
        if start_us <= one.start_us < end_us and one.after_us < start_us:
            if one.kind == SAMPLE:
                offsets.append(one.offset)
                if newest is None or (one.start_us, one.offset) > (newest.start_us, newest.offset):
                    newest = one
            elif one.kind == INVALID:
                invalid += 1
            elif one.kind == DROPPED:
                dropped += 1
            else:
                continue
            if one.sequence != NEVER:
                numbers.append(one.sequence)
    offsets.sort()
    distinct = len(set(numbers))
    return SensorTally(
        input,
        len(offsets),
        invalid,
        dropped,
        seen,
        tuple(offsets),
        gaps=max(numbers) - min(numbers) + 1 - distinct if numbers else 0,
        repeats=len(numbers) - distinct,
        shift_us=newest.shift_us if newest else 0,
        drift_ppb=newest.drift_ppb if newest else 0,
    )


def _labels(
    spec: AlignSpec,
    raw: RawWindow,
    records: dict[tuple[int, str], list[Kept]],
    end_us: int,
) -> dict[int, str]:
    """Position of each sensor that the window tallies -> its label, in order of the labels.

    The label is the sensor's name, or ``input/name`` where another input has a better claim to the
    name: to have declared the sensor, then to come first in the pipeline file.
    """
    listed = [
        at
        for at, (input, name, first_us) in enumerate(raw.sensors)
        if first_us < end_us
        or name in spec.inputs[input].sensors
        or any(
            raw.start_us <= one.start_us < end_us and one.after_us < raw.start_us
            for one in records.get((input, name), ())
        )
    ]
    owner: dict[str, int] = {}
    for at in listed:
        input, name, _ = raw.sensors[at]
        owner[name] = min(owner.get(name, input), input)
    owner |= {s: n for n, rule in enumerate(spec.inputs) for s in rule.sensors if s in owner}
    labels = {
        at: name if owner[name] == input else f"{spec.inputs[input].name}/{name}"
        for at, (input, name, _) in ((at, raw.sensors[at]) for at in listed)
    }
    return dict(sorted(labels.items(), key=lambda item: item[1]))
