"""What a session keeps: samples in tiles, and the values that ``hold`` holds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from streams.align import rules
from streams.align.rules import FOREVER
from streams.align.spec import AlignSpec

#: Kinds of what is kept of a record: a sample, a further part of one, and two that are only
#: counted.
SAMPLE, PART, INVALID, DROPPED = range(4)
#: Bytes that a kept record costs beside its feature; a store that counts them counts these too.
OVERHEAD_BYTES = 52


class Kept(NamedTuple):
    """What is kept of one record. Invalid and dropped ones have no bytes in ``feature``.

    ``after_us``: the newest window that was closed when the record came; it is for later ones.
    """

    input: int
    sensor: str
    offset: int
    start_us: int
    end_us: int
    feature: bytes
    kind: int
    sequence: int
    shift_us: int
    drift_ppb: int
    after_us: int

    @property
    def size(self) -> int:
        """Bytes that count against the caps."""
        return len(self.feature) + OVERHEAD_BYTES


@dataclass(slots=True)
class Tile:
    """Records with an event time in [index, index + 1) * ``tile_us``, in order of arrival.

    ``until_us``: latest start of a window that may use a record of the tile.
    ``after_us``: the newest window that was closed to the record with the most windows open.
    ``accepted``: (input, sensor) -> records counted against ``max_samples_per_window``.
    ``lowest``: input position -> lowest offset that the tile keeps from being committed.
    """

    index: int
    until_us: int
    after_us: int = FOREVER
    size: int = 0
    accepted: dict[tuple[int, str], int] = field(default_factory=dict)
    lowest: dict[int, int] = field(default_factory=dict)
    records: list[Kept] = field(default_factory=list)

    def keep(self, kept: Kept, until_us: int) -> None:
        """Add a record."""
        self.records.append(kept)
        self.size += kept.size
        self.until_us = max(self.until_us, until_us)
        self.after_us = min(self.after_us, kept.after_us)
        self.lowest[kept.input] = min(self.lowest.get(kept.input, kept.offset), kept.offset)
        if kept.kind == SAMPLE:
            sensor = (kept.input, kept.sensor)
            self.accepted[sensor] = self.accepted.get(sensor, 0) + 1

    def drop_oldest(self, input: int) -> int:
        """Take the bytes of the sample of an input that came first; returns how many, 0 where
        there is no sample.
        """
        for position, kept in enumerate(self.records):
            if kept.input == input and kept.feature:
                self.records[position] = kept._replace(feature=b"", kind=DROPPED)
                self.size -= len(kept.feature)
                return len(kept.feature)
        return 0


def forget_held(spec: AlignSpec, held: Iterable[Kept], acked_us: int) -> list[Kept]:
    """What of a sensor's held samples, in order of time, a later window may still choose.

    Every later window ends after ``acked_us`` + size. A sample is out when a newer one is before
    that end and open to those windows, or when it is too old for them.
    """
    horizon_us = acked_us + spec.size_us
    left: list[Kept] = []
    for kept in held:
        if kept.start_us + spec.inputs[kept.input].max_age_us < horizon_us:
            continue
        if kept.start_us <= horizon_us and kept.after_us <= acked_us:
            left = []
        left.append(kept)
    return left


def window_after(spec: AlignSpec, tiles: Iterable[Tile], after_us: int) -> int | None:
    """Start of the next grid window after one; ``tiles`` in ascending order.

    A record makes its own windows exist, except those that were closed when it came.
    """
    first = (after_us + spec.tile_us) // spec.tile_us
    found: int | None = None
    for tile in tiles:
        last_us = tile.index * spec.tile_us
        if found is not None and rules.first_own_us(spec, last_us) >= found:
            break
        if tile.index >= first and last_us > tile.after_us:
            open_us = (tile.after_us // spec.tile_us + 1) * spec.tile_us
            own_us = max(after_us + spec.tile_us, rules.first_own_us(spec, last_us), open_us)
            found = own_us if found is None else min(found, own_us)
    return found
