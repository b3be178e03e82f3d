"""What a session keeps: samples in tiles, and the values that ``hold`` holds."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from streams.align import rules
from streams.align.rules import FOREVER
from streams.align.spec import AlignSpec
from streams.align.types import DROPPED, PART, SAMPLE, Entry

#: Bytes that a kept record costs beside its feature; a store that counts them counts these too.
OVERHEAD_BYTES = 52


class Run(msgspec.Struct, array_like=True, gc=False):
    """Records of one sensor, kept together, in order of arrival.

    ``after_us``: the newest window that was closed when they came; they are for later ones.
    ``plain``: all are whole samples without a sequence number, as most are.
    """

    input: int
    sensor: str
    after_us: int
    records: list[Entry]
    plain: bool = False


def newest_numbered(runs: Iterable[Run], window_us: int = FOREVER) -> Entry | None:
    """Of the records of one sensor, the newest with a sequence number, of those that came before
    the window was closed.
    """
    numbered = [
        record
        for run in runs
        if run.after_us < window_us
        for record in run.records
        if record.sequence is not None and record.kind != PART
    ]
    return max(numbered, key=by_time, default=None)


def by_time(record: Entry) -> tuple[int, int]:
    """A record's place among others of its sensor."""
    return record.start_us, record.offset


def size_of(record: Entry) -> int:
    """Bytes of one record that count against the caps."""
    return len(record.feature or b"") + OVERHEAD_BYTES


def run_of(input: int, after_us: int, record: Entry) -> Run:
    """A run of one record."""
    plain = record.feature is not None and not record.part and record.sequence is None
    return Run(input, record.sensor, after_us, [record], plain)


class Tile(msgspec.Struct, array_like=True):
    """Records with an event time in [index, index + 1) * ``tile_us``, in order of arrival.

    ``until_us``: latest start of a window that may use a record of the tile.
    ``after_us``: the newest window that was closed to the record with the most windows open.
    ``accepted``: position of a sensor -> records counted against ``max_samples_per_window``.
    ``lowest``: input position -> lowest offset that the tile keeps from being committed.
    ``latest``: position of a sensor -> where in ``runs`` the run is that its next record may join.
    """

    index: int
    until_us: int
    after_us: int = FOREVER
    size: int = 0
    accepted: dict[int, int] = msgspec.field(default_factory=dict)
    lowest: dict[int, int] = msgspec.field(default_factory=dict)
    runs: list[Run] = msgspec.field(default_factory=list)
    latest: dict[int, int] = msgspec.field(default_factory=dict)

    def keep(self, input: int, at: int, record: Entry, after_us: int, until_us: int) -> None:
        """Add a record of the sensor at a position."""
        self.latest.pop(at, None)
        self.runs.append(run_of(input, after_us, record))
        self.size += size_of(record)
        self.until_us = max(self.until_us, until_us)
        self.after_us = min(self.after_us, after_us)
        self.lowest[input] = min(self.lowest.get(input, record.offset), record.offset)
        if record.kind == SAMPLE:
            self.accepted[at] = self.accepted.get(at, 0) + 1

    def drop_oldest(self, input: int) -> Entry | None:
        """Take the bytes of the sample of an input that came first; returns it as it was, ``None``
        where there is no sample.
        """
        for run in self.runs:
            for position, record in enumerate(run.records if run.input == input else ()):
                if record.feature:
                    run.records[position] = dropped(record)
                    run.plain = False
                    self.size -= len(record.feature)
                    return record
        return None


def dropped(record: Entry) -> Entry:
    """What is kept of a record for which there is no room."""
    return msgspec.structs.replace(record, feature=None, part=DROPPED)


def forget_held(spec: AlignSpec, held: Iterable[Run], acked_us: int) -> list[Run]:
    """What of a sensor's held samples, in order of time, a later window may still choose.

    Every later window ends after ``acked_us`` + size. A sample is out when a newer one is before
    that end and open to those windows, or when it is too old for them.
    """
    horizon_us = acked_us + spec.size_us
    left: list[Run] = []
    for kept in held:
        (record,) = kept.records
        if record.start_us + spec.inputs[kept.input].max_age_us < horizon_us:
            continue
        if record.start_us <= horizon_us and kept.after_us <= acked_us:
            left = []
        left.append(kept)
    return left


def window_after(
    spec: AlignSpec, tiles: Mapping[int, Tile], order: Sequence[int], after_us: int
) -> int | None:
    """Start of the next grid window after one; ``order``: the tiles' indices, ascending.

    A record makes its own windows exist, except those that were closed when it came.
    """
    first = (after_us + spec.tile_us) // spec.tile_us
    found: int | None = None
    for at in range(bisect_left(order, first), len(order)):
        tile = tiles[order[at]]
        last_us = tile.index * spec.tile_us
        if found is not None and rules.first_own_us(spec, last_us) >= found:
            break
        if last_us > tile.after_us:
            open_us = (tile.after_us // spec.tile_us + 1) * spec.tile_us
            own_us = max(after_us + spec.tile_us, rules.first_own_us(spec, last_us), open_us)
            found = own_us if found is None else min(found, own_us)
    return found
