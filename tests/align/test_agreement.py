"""What Redis keeps agrees with a core that never left its memory, step by step, on whatever
hypothesis thinks of: a worker takes the shard over again and again from what was written.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from schemas.sample import SessionEnd
from schemas.settings import RedisSettings
from streams.align import tenancy
from streams.align.memory import MemoryBackend, MemoryStore
from streams.align.redis_store import RedisStore
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.align.types import DROPPED, Applied, Batch, Entry, Window
from streams.redis_client import connect_redis
from tests.align.worlds import SENSORS, SESSIONS, Past, keys, outcome, specs

INPUTS = tuple(SENSORS)
#: Without the explain phase, which takes a minute.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)

records = st.tuples(
    st.sampled_from(SESSIONS),
    st.integers(0, 1),
    st.one_of(st.integers(-60, 90), st.integers(-400, 400)),
    st.integers(0, 40),
    st.sampled_from((b"", b"one", b"\x00\xff", None, b"more" * 9)),
    st.sampled_from((0, 0, 0, 1)),
    st.one_of(st.none(), st.integers(0, 9)),
)
caught_up = st.sets(st.sampled_from(INPUTS))
steps = st.one_of(
    st.tuples(
        st.just("apply"),
        st.sampled_from(INPUTS),
        st.lists(records, max_size=8),
        st.integers(0, 120),
        caught_up,
        st.one_of(st.none(), st.none(), st.none(), st.sampled_from(SESSIONS)),
    ),
    st.tuples(st.just("apply again"), st.sampled_from(INPUTS), st.integers(1, 6)),
    st.tuples(st.just("tick"), caught_up, st.sampled_from((10, 60, 500))),
    st.tuples(st.just("tick"), st.just(set(INPUTS)), st.sampled_from((60, 1_500))),
    st.tuples(st.just("lease"), st.integers(1, 4), st.sampled_from((50, 1_000))),
    st.tuples(st.just("ack"), st.integers(0, 4)),
    st.tuples(st.just("ack late")),
    st.tuples(st.just("claim"), st.sampled_from(("w1", "w2"))),
    st.tuples(st.just("take over"), st.sampled_from(("w1", "w2"))),
    st.tuples(st.just("take over"), st.sampled_from(("w1", "w2"))),
    st.tuples(st.just("restore")),
)


class Driver:
    """Does each step to both stores and holds their answers to each other."""

    def __init__(self, spec: AlignSpec, client: Redis) -> None:
        self.cut = {rule.name for rule in spec.inputs if rule.matcher == "overlap"}
        self.next_store = lambda: RedisStore(spec, client)
        self.stores: list[WindowStore] = [MemoryStore(spec, MemoryBackend()), self.next_store()]
        self.now_ms = 1_000
        self.time_us = 0
        self.owner = "w1"
        self.log: dict[str, list[Entry]] = {name: [] for name in INPUTS}
        self.read: dict[str, int] = dict.fromkeys(INPUTS, 0)
        self.out: list[Window] = []
        self.late: list[tuple[str, int]] = []
        self.past = Past()

    async def both(self, method: str, *args: Any) -> Any:
        first, second = [await outcome(getattr(store, method)(0, *args)) for store in self.stores]
        assert first == second, f"{method}{args}\n  core:  {first}\n  redis: {second}"
        return first

    async def apply(
        self,
        input: str,
        entries: list[Entry],
        read_to_end: Collection[str] = (),
        ended: str | None = None,
    ) -> None:
        last = entries[-1].offset + 1 if entries else self.read[input]
        ends = [SessionEnd(ended, last)] if ended is not None else []
        batch = Batch(
            input,
            last + len(ends),
            entries,
            ends,
            dict.fromkeys(read_to_end, self.now_ms),
            {ended: b"note"} if ended else {},
        )
        if ends:
            self.log[input].append(Entry("nobody", "end", last, 0, 0, None))
        applied = await self.both("apply", batch, self.now_ms)
        assert isinstance(applied, Applied)
        self.read[input] = max(self.read[input], batch.next_offset)
        self.late += [(late.input, late.offset) for late in applied.late]
        assert all(late.late_by_us > 0 for late in applied.late)
        event("late", str(bool(applied.late)))

    async def step(self, name: str, *args: Any) -> None:
        self.now_ms += 1
        match name, args:
            case "apply", (input, rows, ahead_us, read_to_end, ended):
                self.time_us += ahead_us
                log, entries = self.log[input], []
                for session, at, delta_us, length_us, feature, part, sequence in rows:
                    sensor = SENSORS[input][at % len(SENSORS[input])]
                    start_us = self.time_us + delta_us
                    cut = bool(part and entries and entries[-1].session == session)
                    cut = cut and input in self.cut and entries[-1].feature is not None
                    if cut:
                        sensor = entries[-1].sensor
                        start_us = max(start_us, entries[-1].end_us)
                    offset = entries[-1].offset if cut else len(log)
                    entry = Entry(
                        session,
                        sensor,
                        offset,
                        start_us,
                        start_us + length_us,
                        feature or b"" if cut else feature,
                        DROPPED if part and feature is None and not cut else int(cut),
                        sequence,
                    )
                    entries.append(entry)
                    if not cut:
                        log.append(entry)
                unread = log[self.read[input] : (entries[0].offset if entries else None)]
                await self.apply(input, unread + entries, read_to_end, ended)
            case "apply again", (input, count):
                await self.apply(input, self.log[input][-count:])
            case "tick", (caught_up, passed_ms):
                self.now_ms += passed_ms
                through = dict.fromkeys(caught_up, self.now_ms)
                await self.both("tick", through, self.now_ms)
            case "lease", (limit, lease_ms):
                windows = await self.both("lease", limit, self.now_ms, lease_ms)
                self.out += [window for window in windows if window.final]
                event("windows", str(min(len(windows), 3)))
                for window in windows:
                    event("cause", window.cause if not window.over else "over")
            case "ack", (count,):
                # What was not written yet is not to be committed: handing out begins with a write.
                await self.both("lease", 0, self.now_ms, 1)
                acked, self.out = self.out[:count], self.out[count:]
                states = {w.session: b"" if w.over else b"\xfe%d" % w.start_us for w in acked}
                kept = {w.session: b"\x00%d" % w.start_us for w in acked if not w.over}
                for window in acked:
                    model_state = kept.get(window.session, b"")
                    self.past.publish(window, states[window.session], model_state)
                self.past.committed = await self.both("ack", keys(acked), [], states, kept)
            case "ack late", ():
                await self.both("lease", 0, self.now_ms, 1)
                self.past.committed = await self.both("ack", [], self.late, {})
                self.late = []
            case "claim", (owner,):
                self.owner = owner
                await self.both("claim", owner)
            case "take over", (owner,):
                self.owner = owner
                await self.stores[1].forget(0)
                self.stores[1] = self.next_store()
                await self.both("claim", owner)
            case "restore", ():
                await self.both("restore", self.owner, self.past.restored())
                self.read = {name: self.past.committed.get(name, 0) for name in INPUTS}
                self.out, self.late = [], []


async def agree(url: str, spec: AlignSpec, script: list[tuple[Any, ...]]) -> None:
    client = connect_redis(RedisSettings(url=url))
    try:
        await client.flushdb()
        driver = Driver(spec, client)
        await driver.both("claim", "w1")
        for name, *args in script:
            await driver.step(name, *args)
        await driver.step("tick", set(INPUTS), 2_000)
        await driver.step("lease", 1_000, 10)
        await driver.step("ack", 1_000)
        await driver.step("tick", set(INPUTS), 2_000)
    finally:
        await client.aclose()


@settings(max_examples=300, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(
    spec=specs(),
    script=st.lists(steps, min_size=5, max_size=40),
    journal_bytes=st.sampled_from((0, 300, 64_000)),
)
def test_redis_agrees_with_the_core_after_every_step(
    own_redis: str, spec: AlignSpec, script: list[tuple[Any, ...]], journal_bytes: int
) -> None:
    """``journal_bytes``: with next to nothing sessions are saved at every write."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tenancy, "_LEAST_JOURNAL_BYTES", journal_bytes)
        patch.setattr(tenancy, "_JOURNAL_SHARE", 0)
        asyncio.run(agree(own_redis, spec, script))
