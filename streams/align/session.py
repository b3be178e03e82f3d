"""One session in memory: its sensors and windows, and what one record does to them."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.align import rules
from streams.align.assemble import KnownSensor, RawWindow, Stored, tally_input
from streams.align.rules import FOREVER, NAMELESS, NEVER, LateReason, Sensor
from streams.align.spec import AlignSpec
from streams.align.types import Entry, RestoredSession

ACCEPTED, INVALID, DROPPED = range(3)


@dataclass(slots=True)
class KeptWindow:
    """An open or due window. ``own``: a record has its own time in it.

    ``counts``: accepted, invalid, dropped per position in the session's sensors.
    ``lowest``: input position -> lowest offset that this window keeps from being committed.
    """

    own: bool = False
    completed_at_ms: int = 0
    counts: dict[int, list[int]] = field(default_factory=dict)
    stored: list[Stored] = field(default_factory=list)
    lowest: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. ``late``: reason and distance. ``unplaced``: dropped nowhere."""

    late: tuple[LateReason, int] | None = None
    unplaced: bool = False
    #: The sensor was unknown or idle before: the session's deadline may now be nearer.
    woke: bool = False


@dataclass(slots=True)
class Session:
    """Windows by index; those up to ``closed`` are due, the others open."""

    name: str
    sensors: list[Sensor]
    last_ms: int
    closed: int = NEVER
    #: Newest window that is out on lease; ``NEVER`` without a lease.
    leased: int = NEVER
    event_state: bytes = b""
    windows: dict[int, KeptWindow] = field(default_factory=dict)

    @classmethod
    def begin(cls, spec: AlignSpec, name: str, now_ms: int) -> Session:
        """A session of which no sensor was seen."""
        first = rules.first_sensors(spec)
        return cls(name, [Sensor(*sensor, wall_ms=now_ms) for sensor in first], now_ms)

    @classmethod
    def restored(cls, spec: AlignSpec, past: RestoredSession) -> Session:
        """A session as its results tell it; silence counts from the first look at it."""
        sensors = restored_sensors(spec, past)
        closed = closed_index(spec, past.closed_through_us)
        return cls(past.session, sensors, NEVER, closed=closed, event_state=past.event_state)

    def due(self) -> list[int]:
        """Closed windows that are not acknowledged yet, in order."""
        return sorted(k for k in self.windows if k <= self.closed)

    def open(self) -> list[int]:
        """Windows that still take samples, in order."""
        return sorted(k for k in self.windows if k > self.closed)

    def sensor_at(self, input: int, name: str) -> int | None:
        """Position of a sensor."""
        for at, sensor in enumerate(self.sensors):
            if sensor.input == input and sensor.name == name:
                return at
        return None

    def take(
        self, spec: AlignSpec, input: int, entry: Entry, now_ms: int, *, done: bool
    ) -> Outcome:
        """Take one record in; ``done``: a published result has it, so it only serves neighbours."""
        at = self.sensor_at(input, entry.sensor)
        woke = at is None or self.sensors[at].idle
        if at is None:
            at = self._meet(spec, input, entry.sensor)
            if at is None:
                return Outcome(unplaced=True)
        sensor = self.sensors[at]
        limit_us = rules.sensor_watermark_us(spec, sensor)
        sensor.newest_us = max(sensor.newest_us, entry.start_us)
        sensor.wall_ms = self.last_ms = now_ms
        sensor.idle = False

        own = rules.own_window(spec, entry.start_us)
        reason = rules.closed_to(spec, own, limit_us, self.closed)
        if reason is not None and not done:
            if entry.feature is None:
                return Outcome(woke=woke)
            late_by_us = rules.late_by_us(spec, reason, entry.start_us, limit_us, self.closed)
            return Outcome(late=(reason, late_by_us), woke=woke)
        return Outcome(unplaced=not self._place(spec, at, entry, limit_us, done), woke=woke)

    def _meet(self, spec: AlignSpec, input: int, name: str) -> int | None:
        """Position of a sensor that is new to the session; ``None`` where it has its fill."""
        at = self.sensor_at(input, NAMELESS)
        if at is not None:
            self.sensors[at].name = name
            return at
        if len(self.sensors) >= spec.max_sensors:
            return None
        self.sensors.append(Sensor(input, name))
        return len(self.sensors) - 1

    def _place(self, spec: AlignSpec, at: int, entry: Entry, limit_us: int, done: bool) -> bool:
        sensor = self.sensors[at]
        rule = spec.inputs[sensor.input]
        own = rules.own_window(spec, entry.start_us)
        candidates = (
            [
                k
                for k in rules.candidate_windows(spec, rule, entry.start_us)
                if (k != own or not done)
                and rules.closed_to(spec, k, limit_us, self.closed) is None
            ]
            if entry.feature is not None
            else []
        )
        targets = set(candidates) if done else {own, *candidates}
        new = sum(k not in self.windows for k in targets)
        if new and len(self.open()) + new > spec.max_open_windows:
            if done or own not in self.windows:
                return False
            self._count(own, at, entry, DROPPED)
            return True
        if entry.feature is None:
            if not done:
                self._count(own, at, entry, INVALID)
            return True
        if not done:
            kept = self.windows.get(own)
            accepted = kept.counts.get(at, [0])[ACCEPTED] if kept else 0
            if accepted >= rule.max_samples_per_window:
                self._count(own, at, entry, DROPPED)
                return True
            self._count(own, at, entry, ACCEPTED)
        end_us = rules.window_end_us(spec, own)
        sensor.first_end_us = min(sensor.first_end_us, end_us)
        for k in sorted(targets):
            feature = entry.feature if k in candidates else None
            kept = self._keep(k, sensor.input, entry.offset)
            kept.stored.append(Stored(at, entry.offset, entry.start_us, entry.end_us, feature))
        return True

    def _count(self, own: int, at: int, entry: Entry, kind: int) -> None:
        kept = self._keep(own, self.sensors[at].input, entry.offset)
        kept.own = True
        kept.counts.setdefault(at, [0, 0, 0])[kind] += 1

    def _keep(self, index: int, input: int, offset: int) -> KeptWindow:
        kept = self.windows.setdefault(index, KeptWindow())
        kept.lowest.setdefault(input, offset)
        return kept

    def close(self, spec: AlignSpec, now_ms: int) -> None:
        """Close what the watermark has passed."""
        watermark_us = rules.session_watermark_us(spec, self.sensors)
        for k in self.open():
            if rules.closing_bound_us(spec, k) > watermark_us:
                break
            kept = self.windows[k]
            if kept.own:
                kept.completed_at_ms = now_ms
                self.closed = k
            else:
                del self.windows[k]

    def raw(self, index: int) -> RawWindow:
        """A due window as it is kept."""
        kept = self.windows[index]
        counts = [n for at in range(len(self.sensors)) for n in kept.counts.get(at, (0, 0, 0))]
        known = [KnownSensor(s.input, s.name, s.first_end_us) for s in self.sensors]
        return RawWindow(
            self.name, index, kept.completed_at_ms, known, counts, kept.stored, self.event_state
        )

    def all_idle(self) -> bool:
        """Whether no sensor is awake."""
        return all(s.idle for s in self.sensors)


def closed_index(spec: AlignSpec, closed_through_us: int) -> int:
    """The newest window that ends at or before a time."""
    return closed_through_us // spec.size_us - 1


def restored_sensors(spec: AlignSpec, past: RestoredSession) -> list[Sensor]:
    """Declared sensors, then what else the results name, by input and name."""
    seen: dict[tuple[int, str], int] = {}
    for label, (input, first_end_us) in past.sensors.items():
        if (known := tally_input(spec, label, input)) is not None:
            seen[known] = first_end_us
    with_sensors = {position for position, _ in seen}
    declared = [
        (position, name)
        for position, name in rules.first_sensors(spec)
        if name != NAMELESS or position not in with_sensors
    ]
    others = sorted(seen.keys() - set(declared))
    return [
        Sensor(position, name, first_end_us=seen.get((position, name), FOREVER))
        for position, name in [*declared, *others]
    ]
