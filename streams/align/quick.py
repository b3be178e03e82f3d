"""Most records, many at once: those that can neither be late nor meet a cap.

A record goes this way where its sensor is awake and was seen, it is not behind the sensor's
watermark, no own window of its tile is closed, and there is room. Then ``taking.take`` would keep
it as it is, and whether the watermark moves after each record or once after the last makes no
difference: a window that closes in between has nothing of a record that is not late.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.align import rules
from streams.align.kept import OVERHEAD_BYTES, Run
from streams.align.rules import FOREVER, NEVER
from streams.align.session import Session
from streams.align.spec import AlignSpec
from streams.align.types import Entry


def takes_quickly(spec: AlignSpec, input: int) -> bool:
    """Whether records of an input can go this way at all."""
    rule = spec.inputs[input]
    is_trigger = spec.trigger is not None and spec.trigger[0] == input
    return rule.matcher != "hold" and rule.overload == "wait" and not is_trigger


class QuickTaker:
    """Takes records of one input of a shard; the numbers of the spec are looked up once."""

    def __init__(self, spec: AlignSpec, input: int) -> None:
        rule = spec.inputs[input]
        self._spec = spec
        self._input = input
        self._tile_us = spec.tile_us
        self._size_us = spec.size_us
        self._lateness_us = rule.lateness_us
        self._cap = rule.max_samples_per_window
        self._rule = rule
        #: Whether a window that begins after a record's tile may use it.
        self._reaches = rule.matcher == "nearest" or spec.trigger is not None
        #: A tile is one window: which others were closed when a record came does not matter.
        self._joins_always = spec.is_plain
        self._revises = spec.revises
        #: Name of a sensor -> where sessions have it; most have it where the last one had it.
        self._usual: dict[str, int] = {}

    def take(
        self,
        sessions: dict[str, Session],
        entries: Sequence[Entry],
        first: int,
        now_ms: int,
        touched: dict[str, Session],
        grown: set[str],
    ) -> int:
        """Take entries from position ``first`` on; returns the position of the first that has to
        be looked at rule by rule. Sessions that got any are added to ``touched``, and to ``grown``
        those that got more than one more record in a tile that had the input already.

        A live record finds its session's objects out of the processor's caches: what is looked at
        here is as little as can be.
        """
        input, tile_us, size_us = self._input, self._tile_us, self._size_us
        lateness_us, cap = self._lateness_us, self._cap
        usual, revises = self._usual, self._revises
        for position in range(first, len(entries)):
            entry = entries[position]
            name, start_us, feature = entry.session, entry.start_us, entry.feature
            session = sessions.get(name)
            if session is None or feature is None or entry.part:
                return position
            if revises and session.revisions:
                return position
            sensors, sensor_name = session.sensors, entry.sensor
            at = usual.get(sensor_name, 0)
            sensor = sensors[at] if at < len(sensors) else None
            if sensor is None or sensor.name != sensor_name or sensor.input != input:
                found = session.places.get((input, sensor_name))
                if found is None:
                    return position
                if len(usual) < self._spec.max_sensors:
                    usual[sensor_name] = found
                at, sensor = found, sensors[found]
            newest_us = sensor.newest_us
            if sensor.idle or newest_us == NEVER or start_us < newest_us - lateness_us:
                return position
            index = start_us // tile_us
            if index < session.whole_from:
                return position
            tile = session.tiles.get(index)
            if tile is None:
                tile = session.tile(self._spec, index, index * tile_us)
                if tile is None:
                    return position
            count = tile.accepted.get(at, 0)
            if count >= cap:
                return position
            tile.accepted[at] = count + 1
            closed = session.closed
            if closed < tile.after_us:
                tile.after_us = closed
                session.may_close_from(self._spec, index)
            place = tile.latest.get(at)
            run = None if place is None else tile.runs[place]
            if run is None or not (self._joins_always or run.after_us == closed):
                tile.latest[at] = len(tile.runs)
                tile.runs.append(Run(input, sensor_name, closed, [entry], entry.sequence is None))
                # Offsets only grow, so that the first record has the lowest.
                if input not in tile.lowest:
                    grown.add(name)
                    offset = entry.offset
                    tile.lowest[input] = offset
                    if offset < session.lowest.get(input, FOREVER):
                        session.lowest[input] = offset
            else:
                run.records.append(entry)
                if entry.sequence is not None:
                    run.plain = False
            size = len(feature) + OVERHEAD_BYTES
            tile.size += size
            session.size += size
            if self._reaches:
                until_us = rules.last_window_us(self._spec, self._rule, start_us)
                if until_us > tile.until_us:
                    tile.until_us = until_us
            if start_us > newest_us:
                sensor.newest_us = start_us
            if start_us < sensor.first_us:
                sensor.first_us = min(sensor.first_us, max(start_us, closed + size_us))
            sensor.wall_ms = now_ms
            touched[name] = session
        return len(entries)
