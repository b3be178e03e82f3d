"""From what a store kept of a window to the window that is handed out; shared by both stores."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import NamedTuple

from streams.align import rules
from streams.align.spec import AlignSpec
from streams.align.types import SensorTally, Window, WindowSample

_ORDER = attrgetter("start_us", "sensor", "input", "offset")


class Stored(NamedTuple):
    """One valid sample kept in a window.

    ``sensor``: position in the session's sensors. ``feature`` is ``None`` where the sample is
    only counted, because no candidate rule of its input gives it to this window.
    """

    sensor: int
    offset: int
    start_us: int
    end_us: int
    feature: bytes | None


class KnownSensor(NamedTuple):
    """A session's sensor: position of its input, name, end of the first window that had it."""

    input: int
    name: str
    first_end_us: int


@dataclass(frozen=True, slots=True)
class RawWindow:
    """A due window as kept. ``counts``: accepted, invalid, dropped of each sensor, one list."""

    session: str
    index: int
    completed_at_ms: int
    sensors: Sequence[KnownSensor]
    counts: Sequence[int]
    stored: Sequence[Stored]
    event_state: bytes


def assemble(spec: AlignSpec, shard: int, raw: RawWindow) -> Window:
    """Apply each input's matcher and tally every sensor.

    A sensor is tallied if it is declared, or was seen before the window's
    end, or left anything in the window. Records applied after the window closed cannot change
    that, so it does not matter when a window is handed out.
    """
    start_us = raw.index * spec.size_us
    end_us = rules.window_end_us(spec, raw.index)
    by_sensor: dict[int, list[Stored]] = {}
    for stored in raw.stored:
        by_sensor.setdefault(stored.sensor, []).append(stored)
    listed = [
        at
        for at, sensor in enumerate(raw.sensors)
        if sensor.first_end_us <= end_us
        or at in by_sensor
        or any(_counts(raw, at))
        or _declared(spec, sensor)
    ]
    labels = _labels(spec, [raw.sensors[at] for at in listed])
    samples: list[WindowSample] = []
    tallies: dict[str, SensorTally] = {}
    for at, label in sorted(zip(listed, labels, strict=True), key=lambda pair: pair[1]):
        sensor = raw.sensors[at]
        name = spec.inputs[sensor.input].name
        mine = by_sensor.get(at, ())
        matched = _matched(spec, sensor, raw.index, mine)
        samples += [
            WindowSample(label, name, offset, first_us, last_us, feature)
            for _, offset, first_us, last_us, feature in matched
            if feature is not None
        ]
        accepted, invalid, dropped = _counts(raw, at)
        tallies[label] = SensorTally(
            input=name,
            samples=accepted,
            invalid=invalid,
            dropped=dropped,
            seen=sensor.first_end_us <= end_us,
            offsets=tuple(
                sorted([offset for _, offset, at_us, _, _ in mine if start_us <= at_us < end_us])
            ),
        )
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
    )


def tally_input(spec: AlignSpec, label: str, recorded: str) -> tuple[int, str] | None:
    """The input position and sensor name behind a tally's label; ``None`` for an unknown input."""
    position = spec.position.get(recorded)
    if position is None:
        return None
    return position, label.removeprefix(f"{recorded}/")


def _counts(raw: RawWindow, at: int) -> tuple[int, int, int]:
    three = raw.counts[3 * at : 3 * at + 3]
    return (three[0], three[1], three[2]) if len(three) == 3 else (0, 0, 0)


def _declared(spec: AlignSpec, sensor: KnownSensor) -> bool:
    return sensor.name in spec.inputs[sensor.input].sensors


def _labels(spec: AlignSpec, sensors: Sequence[KnownSensor]) -> list[str]:
    """A sensor's name; ``input/name`` where another input has a better claim to it.

    The better claim is to have declared the sensor, then to come first in the pipeline file.
    """
    declared = {s: n for n, rule in enumerate(spec.inputs) for s in rule.sensors}
    owner: dict[str, int] = {}
    for sensor in sensors:
        owner[sensor.name] = min(owner.get(sensor.name, sensor.input), sensor.input)
    return [
        s.name
        if declared.get(s.name, owner[s.name]) == s.input
        else f"{spec.inputs[s.input].name}/{s.name}"
        for s in sensors
    ]


def _matched(
    spec: AlignSpec, sensor: KnownSensor, index: int, stored: Sequence[Stored]
) -> Iterable[Stored]:
    rule = spec.inputs[sensor.input]
    if rule.matcher == "collect":
        return stored
    return nearest(rules.reference_us(spec, rule, index), stored)


def nearest(reference_us: int, stored: Sequence[Stored]) -> Sequence[Stored]:
    """The candidate closest to the reference; a tie goes to the earlier, then the lower offset."""
    candidates = [s for s in stored if s.feature is not None]
    if not candidates:
        return ()
    return (min(candidates, key=lambda s: (abs(s.start_us - reference_us), s.start_us, s.offset)),)
