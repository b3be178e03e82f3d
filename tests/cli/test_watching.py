"""Limits, silence and sessions of `results` and `events`, and how a row reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass

import pytest

from schemas.result import ModelRef, Quality, Result, SensorUse, TaskResult, Timings, WindowSpan
from workers.cli.failures import WorkFailed
from workers.cli.rows import result_row
from workers.cli.watching import watch


@dataclass(frozen=True)
class Item:
    session: str
    number: int


class Source:
    """Gives its items, then nothing for ever; knows whether it was closed."""

    def __init__(self, *sessions: str) -> None:
        self._items = [Item(session, number) for number, session in enumerate(sessions)]
        self.closed = False

    async def items(self) -> AsyncGenerator[Item, None]:
        try:
            for item in self._items:
                yield item
            await asyncio.Event().wait()
        finally:
            self.closed = True


async def watched(
    source: Source,
    *,
    sessions: frozenset[str] = frozenset(),
    limit: int | None = None,
    timeout_s: float | None = None,
) -> list[Item]:
    shown: list[Item] = []
    await watch(source.items(), shown.append, sessions=sessions, limit=limit, timeout_s=timeout_s)
    return shown


async def test_it_ends_at_the_limit() -> None:
    source = Source("a", "b", "a")
    assert [item.number for item in await watched(source, limit=2)] == [0, 1]
    assert source.closed


async def test_the_limit_counts_only_the_sessions_asked_for() -> None:
    shown = await watched(Source("a", "b", "a"), sessions=frozenset("a"), limit=2)
    assert [item.number for item in shown] == [0, 2]


async def test_silence_ends_it() -> None:
    source = Source("a", "b")
    assert len(await watched(source, timeout_s=0.05)) == 2
    assert source.closed


async def test_silence_before_the_limit_is_a_failure() -> None:
    with pytest.raises(WorkFailed, match=r"expected 3, got 2 when nothing came for 0\.05 s"):
        await watched(Source("a", "b"), limit=3, timeout_s=0.05)


def test_a_row_says_what_is_missing_and_why() -> None:
    absent = SensorUse("transcript", "text", 0, 0, 0, 0, 0.0, None, "idle", [])
    there = SensorUse("audio", "audio", 10, 10, 0, 0, 1.0, 0.0, None, [(0, 9)])
    row = result_row(
        Result(
            id="i",
            pipeline="call",
            session="c-1",
            window=WindowSpan("2026-03-01T12:00:02.000Z", "2026-03-01T12:00:04.000Z"),
            revision=0,
            final=True,
            tasks={"mood": TaskResult("angry", {"calm": 0.1, "angry": 0.9})},
            modalities={"audio": 1.0},
            sensors={"mic": there, "asr": absent},
            quality=Quality(0.5, 0.0, ["asr"]),
            model=ModelRef("m", "1", "d"),
            timings=Timings(5_000, 0.0, 0.0),
        ),
        now_ms=5_040,
    )
    assert row == (
        "c-1", "12:00:02.000 +2s", "mood: angry 90%", "audio █", "50%", "asr (idle)", "40 ms",
    )  # fmt: skip
