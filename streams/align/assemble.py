"""From what a store kept of a window to the window that is handed out; shared by both stores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from operator import attrgetter, itemgetter
from typing import NamedTuple

import msgspec

from schemas.result import Cause
from streams.align.kept import Run, by_time
from streams.align.matchers import match, usable
from streams.align.rules import FOREVER, NEVER
from streams.align.spec import AlignSpec, InputRule
from streams.align.types import (
    DROPPED,
    INVALID,
    PART,
    SAMPLE,
    Entry,
    SensorTally,
    Window,
    WindowSample,
)

_ORDER = attrgetter("start_us", "sensor", "input", "offset")
_LABEL = itemgetter(1)


class KnownSensor(NamedTuple):
    """A session's sensor: position of its input, name, earliest event time that it served."""

    input: int
    name: str
    first_us: int


class RawWindow(msgspec.Struct, frozen=True):
    """A window as kept, with all that the session keeps around it.

    ``idle``: positions in ``sensors`` that were idle when it closed. ``tiles``: indices, and the
    runs that each tile keeps. ``numbers``: position of a sensor with numbered samples in the window
    -> the number of the one before them, where it is known.
    """

    session: str
    start_us: int
    completed_at_ms: int
    watermark_us: int
    idle: Sequence[int]
    sensors: Sequence[KnownSensor]
    tiles: Sequence[tuple[int, Sequence[Run]]]
    held: Sequence[Run]
    triggers: Sequence[int]
    numbers: Mapping[int, int]
    event_state: bytes
    model_state: bytes
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
    #: (input, sensor) -> its runs around the window.
    runs: dict[tuple[int, str], list[Run]] = {}
    for _, kept in raw.tiles:
        for run in kept:
            key = (run.input, run.sensor)
            found = runs.get(key)
            if found is None:
                runs[key] = [run]
            else:
                found.append(run)
    # What begins before it is no part of a later window.
    passes_us = NEVER if spec.trigger else start_us + spec.tile_us
    labels = _labels(spec, raw, runs, end_us)
    samples: list[WindowSample] = []
    tallies: dict[str, SensorTally] = {}
    for at, label in labels:
        input, name, first_us = raw.sensors[at]
        rule = spec.inputs[input]
        mine = runs.get((input, name), ())
        seen = first_us < end_us
        held = [run for run in raw.held if run.input == input and run.sensor == name]
        matched = match(spec, rule, start_us, mine, held, raw.triggers)
        own = [r for r in usable(mine, start_us) if start_us <= r.start_us < end_us]
        before = raw.numbers.get(at)
        tallies[label] = _tally(rule, own, seen=seen, before=before, passes_us=passes_us)
        input_name = rule.name
        samples += [
            WindowSample(label, input_name, r.offset, r.start_us, r.end_us, r.feature or b"")
            for r in matched
        ]
    samples.sort(key=_ORDER)
    idle: tuple[str, ...] = ()
    if raw.idle:
        named = dict(labels)
        idle = tuple(sorted([named[at] for at in raw.idle if at in named]))
    return Window(
        shard,
        raw.session,
        start_us,
        end_us,
        tuple(samples),
        tallies,
        raw.completed_at_ms,
        raw.event_state,
        raw.revision,
        raw.final,
        raw.cause,
        raw.watermark_us if NEVER < raw.watermark_us < FOREVER else None,
        idle,
        model_state=raw.model_state,
    )


def _tally(
    rule: InputRule, own: Sequence[Entry], *, seen: bool, before: int | None, passes_us: int
) -> SensorTally:
    kinds = [record.kind for record in own]
    offsets = sorted([r.offset for r, kind in zip(own, kinds, strict=True) if kind == SAMPLE])
    numbered = sorted(
        (r.start_us, r.offset, r.sequence)
        for r, kind in zip(own, kinds, strict=True)
        if kind != PART and r.sequence is not None
    )
    gaps, repeats = _count_numbers([number for _, _, number in numbered], before)
    passing = max([one for one in numbered if one[0] < passes_us], default=None)
    newest = max(
        [r for r, kind in zip(own, kinds, strict=True) if kind == SAMPLE], key=by_time, default=None
    )
    return SensorTally(
        rule.name,
        len(offsets),
        kinds.count(INVALID),
        kinds.count(DROPPED),
        seen,
        tuple(offsets),
        gaps,
        repeats,
        newest.shift_us if newest else 0,
        newest.drift_ppb if newest else 0,
        passing[2] if passing else before,
    )


def _count_numbers(numbers: Sequence[int], before: int | None) -> tuple[int, int]:
    """Sequence numbers, in order of event time, that are missing, and that came again; ``before``:
    the one before them.

    One that is above all of them says that the numbers began anew, or came in disorder. They began
    anew in the window, too, where all from one on are below all before it.
    """
    if not numbers:
        return 0, 0
    repeats = len(numbers) - len(set(numbers) - {before})
    first, *anew = _counts_of_their_own(numbers)
    if before is not None and before < max(first):
        first.add(before)
    gaps = sum(max(known) - min(known) + 1 - len(known) for known in (first, *anew))
    return gaps, repeats


def _counts_of_their_own(numbers: Sequence[int]) -> list[set[int]]:
    """The numbers of a window, apart wherever the sensor began to count anew."""
    highest_from = list(accumulate(reversed(numbers), max))[::-1]
    counts: list[set[int]] = []
    lowest = NEVER
    for number, highest in zip(numbers, highest_from, strict=True):
        if not counts or highest < lowest:
            counts.append(set())
            lowest = number
        counts[-1].add(number)
        lowest = min(lowest, number)
    return counts


def _labels(
    spec: AlignSpec,
    raw: RawWindow,
    runs: dict[tuple[int, str], list[Run]],
    end_us: int,
) -> list[tuple[int, str]]:
    """Position and label of each sensor that the window tallies, in order of the labels.

    The label is the sensor's name, or ``input/name`` where another input has a better claim to the
    name: to have declared the sensor, then to come first in the pipeline file.
    """
    start_us = raw.start_us
    listed = [
        (at, input, name)
        for at, (input, name, first_us) in enumerate(raw.sensors)
        if first_us < end_us
        or name in spec.inputs[input].sensors
        or any(
            start_us <= record.start_us < end_us
            for record in usable(runs.get((input, name), ()), start_us)
        )
    ]
    names = [name for _, _, name in listed]
    if len(set(names)) == len(names) and all(spec.owner.get(n, i) == i for _, i, n in listed):
        return sorted([(at, name) for at, _, name in listed], key=_LABEL)
    owner: dict[str, int] = {}
    for _, input, name in listed:
        owner[name] = min(owner.get(name, input), input)
    owner |= {name: input for name, input in spec.owner.items() if name in owner}
    return sorted(
        [
            (at, name if owner[name] == input else f"{spec.inputs[input].name}/{name}")
            for at, input, name in listed
        ],
        key=_LABEL,
    )
