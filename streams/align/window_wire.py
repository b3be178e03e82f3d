"""A lease's answer: which windows, with which tiles, and what goes with them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from streams.align.assemble import KnownSensor, RawWindow
from streams.align.batch_wire import decode_records
from streams.align.kept import Run
from streams.align.spec import AlignSpec
from streams.align.types import Window
from streams.align.wire import CAUSES, unpack

_END_OF_SESSION = -1


class Row(msgspec.Struct, gc=False):
    """One window of a lease. ``cause``: 0 for a final result; ``tiles``: index, elements."""

    session: str
    start_us: int
    completed_at_ms: int
    watermark_us: int
    idle: Sequence[int]
    sensors: Sequence[KnownSensor]
    tiles: Sequence[tuple[int, int]]
    triggers: Sequence[int]
    revision: int
    cause: int
    held: list[Run]
    event_state: bytes

    @property
    def over(self) -> bool:
        """Whether this is no window but the end of its session."""
        return self.cause == _END_OF_SESSION


def unpack_rows(answer: Sequence[bytes]) -> list[Row]:
    """The rows of a lease's answer; its layout is told in ``lease.lua``."""
    parts = iter(answer)
    rows: list[Row] = []
    for session, flat, triggers, windows in unpack(next(parts)):
        event_state = next(parts)
        each = iter(flat)
        sensors = [KnownSensor(*sensor) for sensor in zip(each, each, each, strict=True)]
        for window, completed_at_ms, watermark_us, idle, tiles, revision, cause, held in windows:
            rows.append(
                Row(
                    session,
                    window,
                    completed_at_ms,
                    int(watermark_us),
                    [at - 1 for at in idle] if idle else (),
                    sensors,
                    list(zip(tiles[::2], tiles[1::2], strict=True)),
                    triggers,
                    revision,
                    cause,
                    [
                        decode_records(input, session, next(parts), int(after_us))
                        for input, after_us in held
                    ]
                    if held
                    else [],
                    event_state,
                )
            )
    return rows


def raw_window(row: Row, tiles: Sequence[tuple[int, Sequence[Run]]]) -> RawWindow:
    """The window with what its tiles hold."""
    return RawWindow(
        row.session,
        row.start_us,
        row.completed_at_ms,
        row.watermark_us,
        row.idle,
        row.sensors,
        tiles,
        row.held,
        row.triggers,
        row.event_state,
        row.revision,
        CAUSES[row.cause],
        row.cause == 0,
    )


def end_of_session(spec: AlignSpec, shard: int, row: Row) -> Window:
    """The end of a session as it is handed out."""
    return Window(
        shard=shard,
        session=row.session,
        start_us=row.start_us,
        end_us=row.start_us + spec.size_us,
        samples=(),
        tallies={},
        completed_at_ms=row.completed_at_ms,
        event_state=row.event_state,
        over=True,
    )
