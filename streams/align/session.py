"""One session as the core keeps it: its sensors, tiles and windows."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort

import msgspec

from schemas.result import Cause
from streams.align import rules
from streams.align.kept import Run, Tile, window_after
from streams.align.rules import FOREVER, NAMELESS, NEVER, Sensor
from streams.align.spec import AlignSpec


class Closing(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Windows up to ``through_us`` closed at ``at_ms``, with this watermark and idle sensors."""

    through_us: int
    at_ms: int
    watermark_us: int
    idle: tuple[int, ...]


class Revision(msgspec.Struct, array_like=True, gc=False):
    """An open window's results so far: the next one's number, how far it has come, and why a
    result is to be made, if one is.
    """

    number: int = 0
    seen_by_watermark: bool = False
    cause: Cause | None = None


class Counts(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What a session adds to its shard's totals beside its bytes: due windows that are not out on
    lease, open tiles, and 1 where its bytes are more than one session may keep.
    """

    due: int = 0
    open: int = 0
    full: int = 0


class Session(msgspec.Struct, array_like=True):
    """Windows are named by their start. Those up to ``acked`` are done, up to ``closed`` due.

    All of it is a function of the records and moments that the session was given: a session that
    was saved goes on as it was, but for ``leased``, which dies with the worker.
    """

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
    done: set[int] = msgspec.field(default_factory=set)
    #: Its events are to be closed, and then it is forgotten.
    over: bool = False
    #: A sensor turned up or came back since this was last looked at.
    woke: bool = False
    #: The watermark that counts, and one that waits for what was in the reader's hands then.
    watermark_us: int = NEVER
    waiting: tuple[int, int] | None = None
    event_state: bytes = b""
    model_state: bytes = b""
    size: int = 0
    #: Tiles by index, and their indices in ascending order.
    tiles: dict[int, Tile] = msgspec.field(default_factory=dict)
    order: list[int] = msgspec.field(default_factory=list)
    #: Starts of triggered windows that are open, due or lately done, ascending.
    triggers: list[int] = msgspec.field(default_factory=list)
    #: Position of a sensor -> what ``hold`` holds of it, by (start, offset).
    held: dict[int, list[Run]] = msgspec.field(default_factory=dict)
    revisions: dict[int, Revision] = msgspec.field(default_factory=dict)
    closings: list[Closing] = msgspec.field(default_factory=list)
    #: Closed windows that are not acknowledged, ascending.
    due: list[int] = msgspec.field(default_factory=list)
    #: No window closes before the watermark is here; a bound, not always the next one's.
    closes_us: int = FOREVER
    #: No tile is needless before the watermark is here or a window is acknowledged.
    forgets_us: int = NEVER
    #: ``rules.first_whole_tile`` as of ``closed``.
    whole_from: int = NEVER
    #: (input, name) of a sensor -> its position.
    places: dict[tuple[int, str], int] = msgspec.field(default_factory=dict)
    #: Input -> lowest offset that something of the session still needs; where something was
    #: forgotten since it was last looked at (``lowest_is_old``) it may be higher by now.
    lowest: dict[int, int] = msgspec.field(default_factory=dict)
    lowest_is_old: bool = False
    #: What the shard's totals have of the session.
    counted: Counts = Counts()
    counted_size: int = 0

    @classmethod
    def begin(cls, spec: AlignSpec, name: str, now_ms: int) -> Session:
        """A session of which no sensor was seen."""
        first = rules.first_sensors(spec)
        session = cls(name, [Sensor(*sensor, wall_ms=now_ms) for sensor in first], now_ms)
        session.places = places_of(session.sensors)
        return session

    # -- windows ------------------------------------------------------------------------------

    def window_after(self, spec: AlignSpec, after_us: int) -> int | None:
        """Start of the first window after one."""
        if spec.trigger:
            at = bisect_right(self.triggers, after_us)
            return self.triggers[at] if at < len(self.triggers) else None
        return window_after(spec, self.tiles, self.order, after_us)

    def closing_of(self, window: int) -> Closing:
        """How a due window closed."""
        return next(one for one in self.closings if one.through_us >= window)

    def early(self) -> list[int]:
        """Open windows of which a result is to be made."""
        return sorted(w for w, revision in self.revisions.items() if revision.cause is not None)

    def open_tiles(self, spec: AlignSpec) -> int:
        """Tiles of which a window may still close."""
        return len(self.order) - bisect_left(self.order, rules.first_open_tile(spec, self.closed))

    def counts(self, spec: AlignSpec) -> Counts:
        """What the session adds to its shard's totals now."""
        due = self.due
        return Counts(
            len(due) if self.leased == NEVER else len(due) - bisect_right(due, self.leased),
            self.open_tiles(spec) if self.order else 0,
            int(self.size > spec.max_session_bytes),
        )

    # -- sensors and tiles --------------------------------------------------------------------

    def meet(self, spec: AlignSpec, input: int, name: str) -> int | None:
        """Position of a sensor that is new to the session; ``None`` where it has its fill."""
        at = self.places.pop((input, NAMELESS), None)
        if at is not None:
            self.sensors[at].name = name
        elif len(self.sensors) < spec.max_sensors:
            at = len(self.sensors)
            self.sensors.append(Sensor(input, name))
        else:
            return None
        self.places[input, name] = at
        return at

    def tile(self, spec: AlignSpec, index: int, until_us: int) -> Tile | None:
        """The tile of an index, ``None`` where one more would be too many."""
        tile = self.tiles.get(index)
        if tile is None:
            if self.open_tiles(spec) >= spec.max_open_windows:
                return None
            tile = self.tiles[index] = Tile(index, until_us)
            if not self.order or index > self.order[-1]:
                self.order.append(index)
            else:
                insort(self.order, index)
                self.forgets_us = NEVER
        return tile

    def may_close_from(self, spec: AlignSpec, index: int) -> None:
        """Windows that a tile's records belong to may be open now."""
        first_us = rules.first_own_us(spec, index * spec.tile_us)
        self.closes_us = min(self.closes_us, rules.closing_bound_us(spec, first_us))

    def end(self, input: int, now_ms: int) -> None:
        """The sensors of an input are done; so is the session, once all that it had are."""
        self.done.add(input)
        for sensor in self.sensors:
            if sensor.input == input:
                sensor.idle = True
        seen = {s.input for s in self.sensors if s.newest_us != NEVER or s.first_us != FOREVER}
        if seen <= self.done:
            self.ended_ms = now_ms

    def all_idle(self) -> bool:
        """Whether no sensor is awake."""
        return all(s.idle for s in self.sensors)

    def find_lowest(self) -> None:
        """Look at ``lowest`` again."""
        self.lowest_is_old = False
        lowest: dict[int, int] = {}
        for tile in self.tiles.values():
            for input, offset in tile.lowest.items():
                if offset < lowest.get(input, FOREVER):
                    lowest[input] = offset
        for at, held in self.held.items():
            input = self.sensors[at].input
            for run in held:
                lowest[input] = min(lowest.get(input, FOREVER), run.records[0].offset)
        self.lowest = lowest


def places_of(sensors: list[Sensor]) -> dict[tuple[int, str], int]:
    """(input, name) of each sensor -> its position."""
    return {(sensor.input, sensor.name): at for at, sensor in enumerate(sensors)}
