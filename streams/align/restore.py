"""A session rebuilt from what its results tell, after Redis was lost."""

from __future__ import annotations

from streams.align import rules
from streams.align.rules import FOREVER, NAMELESS, NEVER, Sensor
from streams.align.session import Revision, Session, places_of
from streams.align.spec import AlignSpec
from streams.align.types import RestoredSession


def restored_session(spec: AlignSpec, past: RestoredSession) -> Session:
    """The session as it goes on; silence counts from the first look at it."""
    closed = closed_window(spec, past)
    sensors = restored_sensors(spec, past)
    return Session(
        past.session,
        sensors,
        last_ms=NEVER,
        closed=closed,
        acked=closed,
        event_state=past.event_state,
        model_state=past.model_state,
        revisions={start_us: Revision(number) for start_us, number in past.revisions.items()},
        whole_from=rules.first_whole_tile(spec, closed),
        places=places_of(sensors),
    )


def closed_window(spec: AlignSpec, past: RestoredSession) -> int:
    """Start of the session's newest final window."""
    return NEVER if past.closed_through_us is None else past.closed_through_us - spec.size_us


def restored_sensors(spec: AlignSpec, past: RestoredSession) -> list[Sensor]:
    """Declared sensors, then what else the results name, by input and name.

    The first window that had a sensor's sample stands for the sample: earlier windows are done.
    """
    seen: dict[tuple[int, str], int] = {}
    numbers: dict[tuple[int, str], int | None] = {}
    for label, (input, first_end_us) in past.sensors.items():
        if (known := tally_input(spec, label, input)) is not None:
            seen[known] = first_end_us - 1
            numbers[known] = past.numbers.get(label)
    with_sensors = {position for position, _ in seen}
    declared = [
        (position, name)
        for position, name in rules.first_sensors(spec)
        if name != NAMELESS or position not in with_sensors
    ]
    others = sorted(seen.keys() - set(declared))
    return [
        Sensor(*sensor, first_us=seen.get(sensor, FOREVER), number=numbers.get(sensor))
        for sensor in [*declared, *others]
    ]


def tally_input(spec: AlignSpec, label: str, recorded: str) -> tuple[int, str] | None:
    """The input position and sensor name behind a tally's label; ``None`` for an unknown input."""
    position = spec.position.get(recorded)
    if position is None:
        return None
    return position, label.removeprefix(f"{recorded}/")
