"""The Lua scripts agree with the in-memory core, step by step, on whatever hypothesis thinks of."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from schemas.settings import RedisSettings
from streams.align.memory import MemoryBackend, MemoryStore
from streams.align.redis_store import RedisStore
from streams.align.spec import AlignSpec
from streams.align.types import Applied, Entry, Window, WindowStore
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
    st.sampled_from((b"", b"one", b"\x00\xff", None)),
)
steps = st.one_of(
    st.tuples(
        st.just("apply"),
        st.sampled_from(INPUTS),
        st.lists(records, max_size=8),
        st.integers(0, 120),
    ),
    st.tuples(st.just("apply again"), st.sampled_from(INPUTS), st.integers(1, 6)),
    st.tuples(st.just("tick"), st.sets(st.sampled_from(INPUTS)), st.sampled_from((10, 60, 500))),
    st.tuples(st.just("tick"), st.just(set(INPUTS)), st.sampled_from((60, 1_500))),
    st.tuples(st.just("lease"), st.integers(1, 4), st.sampled_from((50, 1_000))),
    st.tuples(st.just("ack"), st.integers(0, 4)),
    st.tuples(st.just("ack late")),
    st.tuples(st.just("claim"), st.sampled_from(("w1", "w2"))),
    st.tuples(st.just("restore")),
)


class Driver:
    """Does each step to both stores and holds their answers to each other."""

    def __init__(self, *stores: WindowStore) -> None:
        self.stores = stores
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
        assert first == second, (method, args)
        return first

    async def apply(self, input: str, entries: list[Entry]) -> None:
        next_offset = entries[-1].offset + 1 if entries else self.read[input]
        applied = await self.both("apply", input, next_offset, entries, self.now_ms)
        assert isinstance(applied, Applied)
        self.read[input] = max(self.read[input], next_offset)
        self.late += [(late.input, late.offset) for late in applied.late]
        assert all(late.late_by_us > 0 for late in applied.late)
        event("late", str(bool(applied.late)))

    async def step(self, name: str, *args: Any) -> None:
        self.now_ms += 1
        match name, args:
            case "apply", (input, rows, ahead_us):
                self.time_us += ahead_us
                log, entries = self.log[input], []
                for session, at, delta_us, length_us, feature in rows:
                    sensor = SENSORS[input][at % len(SENSORS[input])]
                    start_us = self.time_us + delta_us
                    entries.append(
                        Entry(session, sensor, len(log), start_us, start_us + length_us, feature)
                    )
                    log.append(entries[-1])
                unread = log[self.read[input] : -len(entries) or None]
                await self.apply(input, unread + entries)
            case "apply again", (input, count):
                await self.apply(input, self.log[input][-count:])
            case "tick", (caught_up, passed_ms):
                self.now_ms += passed_ms
                await self.both("tick", caught_up, self.now_ms)
            case "lease", (limit, lease_ms):
                windows = await self.both("lease", limit, self.now_ms, lease_ms)
                self.out += windows
                event("windows", str(min(len(windows), 3)))
            case "ack", (count,):
                acked, self.out = self.out[:count], self.out[count:]
                states = {w.session: b"\xfe%d" % w.start_us for w in acked}
                for window in acked:
                    self.past.publish(window, states[window.session])
                self.past.committed = await self.both("ack", keys(acked), [], states)
            case "ack late", ():
                self.past.committed = await self.both("ack", [], self.late, {})
                self.late = []
            case "claim", (owner,):
                self.owner = owner
                await self.both("claim", owner)
            case "restore", ():
                await self.both("restore", self.owner, self.past.restored())
                self.read = {name: self.past.committed.get(name, 0) for name in INPUTS}
                self.out, self.late = [], []


async def agree(url: str, spec: AlignSpec, script: list[tuple[Any, ...]]) -> None:
    client = connect_redis(RedisSettings(url=url))
    try:
        await client.flushdb()
        driver = Driver(MemoryStore(spec, MemoryBackend()), RedisStore(spec, client))
        await driver.both("claim", "w1")
        for name, *args in script:
            await driver.step(name, *args)
        await driver.step("tick", set(INPUTS), 2_000)
        await driver.step("lease", 1_000, 10)
        await driver.step("ack", 1_000)
        await driver.step("tick", set(INPUTS), 2_000)
    finally:
        await client.aclose()


@settings(max_examples=150, phases=PHASES, suppress_health_check=[HealthCheck.too_slow])
@given(spec=specs(), script=st.lists(steps, min_size=5, max_size=40))
def test_scripts_agree_with_the_core_after_every_step(
    own_redis: str, spec: AlignSpec, script: list[tuple[Any, ...]]
) -> None:
    asyncio.run(agree(own_redis, spec, script))
