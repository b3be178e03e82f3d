"""One session in memory: its sensors, tiles and windows, and what one record does to them."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.result import Cause
from streams.align import rules
from streams.align.kept import Run, Tile, dropped, run_of, size_of, window_after
from streams.align.rules import FOREVER, NAMELESS, NEVER, LateReason, Sensor
from streams.align.spec import AlignSpec
from streams.align.types import Entry


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one record. ``late``: reason and distance. ``unplaced``: dropped nowhere."""

    late: tuple[LateReason, int] | None = None
    unplaced: bool = False


@dataclass(frozen=True, slots=True)
class Closing:
    """Windows up to ``through_us`` closed at ``at_ms``, with this watermark and idle sensors."""

    through_us: int
    at_ms: int
    watermark_us: int
    idle: tuple[int, ...]


@dataclass(slots=True)
class Revision:
    """An open window's results so far: the next one's number, how far it has come, and why a
    result is to be made, if one is.
    """

    number: int = 0
    seen_by_watermark: bool = False
    cause: Cause | None = None


@dataclass(slots=True)
class Session:
    """Windows are named by their start. Those up to ``acked`` are done, up to ``closed`` due."""

    name: str
    sensors: list[Sensor]
    last_ms: int
    closed: int = NEVER
    acked: int = NEVER
    #: Newest window that is out on lease; ``NEVER`` without a lease.
    leased: int = NEVER
    #: When the session was said to be over; ``NEVER`` unless nothing came since.
    ended_ms: int = NEVER
    #: Inputs that were said to be done with the session.
    done: set[int] = field(default_factory=set)
    #: Its events are to be closed, and then it is forgotten.
    over: bool = False
    #: A sensor turned up or came back since this was last looked at.
    woke: bool = False
    #: The watermark that counts, and one that waits for what was in the reader's hands then.
    watermark_us: int = NEVER
    waiting: tuple[int, int] | None = None
    event_state: bytes = b""
    size: int = 0
    #: Tiles by index, and their indices in ascending order.
    tiles: dict[int, Tile] = field(default_factory=dict)
    order: list[int] = field(default_factory=list)
    #: Starts of triggered windows that are open, due or lately done, ascending.
    triggers: list[int] = field(default_factory=list)
    #: (input, sensor) -> what ``hold`` holds, by (start, offset).
    held: dict[tuple[int, str], list[Run]] = field(default_factory=dict)
    revisions: dict[int, Revision] = field(default_factory=dict)
    closings: list[Closing] = field(default_factory=list)

    @classmethod
    def begin(cls, spec: AlignSpec, name: str, now_ms: int) -> Session:
        """A session of which no sensor was seen."""
        first = rules.first_sensors(spec)
        return cls(name, [Sensor(*sensor, wall_ms=now_ms) for sensor in first], now_ms)

    # -- windows ------------------------------------------------------------------------------

    def window_after(self, spec: AlignSpec, after_us: int) -> int | None:
        """Start of the first window after one."""
        if spec.trigger:
            at = bisect_right(self.triggers, after_us)
            return self.triggers[at] if at < len(self.triggers) else None
        return window_after(spec, self.tiles, self.order, after_us)

    def due(self, spec: AlignSpec, after_us: int | None = None) -> list[int]:
        """Closed windows that are not acknowledged yet, in order."""
        found: list[int] = []
        window = self.window_after(spec, self.acked if after_us is None else after_us)
        while window is not None and window <= self.closed:
            found.append(window)
            window = self.window_after(spec, window)
        return found

    def closing_of(self, window: int) -> Closing:
        """How a due window closed."""
        return next(one for one in self.closings if one.through_us >= window)

    def early(self) -> list[int]:
        """Open windows of which a result is to be made."""
        return sorted(w for w, revision in self.revisions.items() if revision.cause is not None)

    def open_tiles(self, spec: AlignSpec) -> int:
        """Tiles of which a window may still close."""
        return len(self.order) - bisect_left(self.order, rules.first_open_tile(spec, self.closed))

    # -- one record ---------------------------------------------------------------------------

    def sensor_at(self, input: int, name: str) -> int | None:
        """Position of a sensor."""
        for at, sensor in enumerate(self.sensors):
            if sensor.input == input and sensor.name == name:
                return at
        return None

    def take(
        self, spec: AlignSpec, input: int, entry: Entry, now_ms: int, *, done: bool
    ) -> Outcome:
        """Take one record in; ``done``: a published result has it, it only serves others."""
        at = self.sensor_at(input, entry.sensor)
        if at is None:
            at = self._meet(spec, input, entry.sensor)
            if at is None:
                return Outcome(unplaced=True)
            self.woke = True
        sensor, rule = self.sensors[at], spec.inputs[input]
        limit_us = rules.sensor_watermark_us(spec, sensor)
        sensor.newest_us = max(sensor.newest_us, entry.start_us)
        sensor.wall_ms = self.last_ms = now_ms
        self.woke = self.woke or sensor.idle
        sensor.idle = self.over = False
        self.ended_ms = NEVER
        self.done.discard(input)

        trigger = spec.trigger == (input, entry.sensor) and entry.feature is not None
        reason = rules.late_reason(spec, entry.start_us, limit_us, self.closed, trigger=trigger)
        usable = rules.is_usable(spec, rule, entry.start_us, limit_us, self.closed)
        if rule.matcher == "hold" and entry.feature is not None:
            held = self.held.get((input, entry.sensor), [])
            serves = not held or (entry.start_us, entry.offset) > _time(held[-1])
            usable = usable or serves
            reason = None if serves else reason
        late = None
        if reason is not None and not done:
            if entry.feature is None:
                return Outcome()
            by_us = rules.late_by_us(spec, reason, entry.start_us, limit_us, self.closed)
            late = (reason, by_us)
        if not usable:
            return Outcome(late=late)
        if not self._place(spec, at, entry, limit_us, trigger=trigger, is_late=late is not None):
            return Outcome(late=late, unplaced=late is None)
        return Outcome(late=late)

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

    def _place(
        self,
        spec: AlignSpec,
        at: int,
        entry: Entry,
        limit_us: int,
        *,
        trigger: bool,
        is_late: bool,
    ) -> bool:
        """Keep a record; False where there is no room to count it even."""
        sensor = self.sensors[at]
        rule = spec.inputs[sensor.input]
        hold = rule.matcher == "hold"
        after_us = (
            self.closed if hold else rules.closed_to_us(spec, entry.start_us, limit_us, self.closed)
        )
        if rules.is_usable(spec, rule, entry.start_us, limit_us, self.closed):
            until_us = rules.last_window_us(spec, rule, entry.start_us)
            tile = self._tile(spec, entry.start_us, until_us)
            if tile is None:
                return False
            if trigger and not self._add_trigger(spec, entry.start_us, limit_us):
                return False
            if entry.feature is not None and not self._has_room(spec, tile, sensor, entry):
                if is_late:
                    return False
                entry = dropped(entry)
            tile.keep(sensor.input, entry, after_us, until_us)
            self.size += size_of(entry)
            self._revise_late(spec, entry.start_us)
        if entry.feature is not None:
            serves_us = after_us + spec.size_us
            sensor.first_us = min(sensor.first_us, max(entry.start_us, serves_us))
            if hold:
                self.size += size_of(entry)
                held = self.held.setdefault((sensor.input, entry.sensor), [])
                insort(held, run_of(sensor.input, entry.sensor, after_us, [entry]), key=_time)
        return True

    def _tile(self, spec: AlignSpec, start_us: int, until_us: int) -> Tile | None:
        """The tile of an event time, ``None`` where one more would be too many."""
        index = rules.tile_of(spec, start_us)
        tile = self.tiles.get(index)
        if tile is None:
            if self.open_tiles(spec) >= spec.max_open_windows:
                return None
            tile = self.tiles[index] = Tile(index, until_us)
            insort(self.order, index)
        return tile

    def _add_trigger(self, spec: AlignSpec, start_us: int, limit_us: int) -> bool:
        window = start_us - spec.before_us
        is_closed = window <= self.closed or rules.closing_bound_us(spec, window) <= limit_us
        if is_closed or window in self.triggers:
            return True
        if len(self.triggers) - bisect_right(self.triggers, self.closed) >= spec.max_open_windows:
            return False
        insort(self.triggers, window)
        return True

    def _has_room(self, spec: AlignSpec, tile: Tile, sensor: Sensor, entry: Entry) -> bool:
        """Whether the caps allow one more sample, after the oldest were dropped for it."""
        rule = spec.inputs[sensor.input]
        accepted = tile.accepted.get((sensor.input, sensor.name), 0)
        if not entry.part and accepted >= rule.max_samples_per_window:
            return False
        if rule.overload == "wait":
            return True
        size = size_of(entry)
        oldest = rule.overload == "drop_oldest"
        while tile.size + size > spec.max_window_bytes:
            if not (oldest and self._drop_oldest(spec, sensor.input, [tile.index])):
                return False
        while self.size + size > spec.max_session_bytes:
            if not (oldest and self._drop_oldest(spec, sensor.input, self.order)):
                return False
        return True

    def _drop_oldest(self, spec: AlignSpec, input: int, tiles: Sequence[int]) -> bool:
        for index in tiles:
            if rules.is_whole_tile(spec, index, self.closed):
                size = self.tiles[index].drop_oldest(input)
                if size:
                    self.size -= size
                    return True
        return False

    def _revise_late(self, spec: AlignSpec, start_us: int) -> None:
        if not spec.on_late:
            return
        for window, revision in self.revisions.items():
            holds = window <= start_us < window + spec.size_us
            if holds and window > self.closed and revision.seen_by_watermark:
                revision.cause = revision.cause or "late"

    def end(self, input: int, now_ms: int) -> None:
        """The sensors of an input are done; so is the session, once all that it had are."""
        self.done.add(input)
        for sensor in self.sensors:
            if sensor.input == input:
                sensor.idle = True
        seen = {s.input for s in self.sensors if s.newest_us != NEVER or s.first_us != FOREVER}
        if seen <= self.done:
            self.ended_ms = now_ms

    def lowest(self, input: int) -> int | None:
        """Lowest offset of an input that something of this session still needs."""
        kept = [t.lowest[input] for t in self.tiles.values() if input in t.lowest]
        kept += [
            one.records[0].offset
            for (i, _), held in self.held.items()
            if i == input
            for one in held
        ]
        return min(kept, default=None)

    def all_idle(self) -> bool:
        """Whether no sensor is awake."""
        return all(s.idle for s in self.sensors)


def _time(held: Run) -> tuple[int, int]:
    (record,) = held.records
    return record.start_us, record.offset
