"""Crashes, takeovers and lost state, of both stores."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from schemas.settings import RedisSettings
from streams.align import redis_store, tenancy
from streams.align.memory import MemoryBackend, MemoryStore
from streams.align.redis_store import RedisStore
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.align.types import Entry, Restored, Window
from streams.errors import Fenced, StateLost, StoreUnreachable
from streams.redis_client import connect_redis
from streams.stack import embedded_stack
from tests.align.conftest import World
from tests.align.worlds import Past, apply, content, drain, entry, keys, rule, spec_of, tick

SPEC = spec_of(rule("video", sensors=("cam",)))


async def _due(store: WindowStore) -> None:
    """A window is due, and known to the next owner."""
    await apply(store, "video", 2, [entry(0, 50), entry(1, 300)], 1)
    await tick(store, [], 1)


async def test_the_first_claim_of_a_shard_is_fresh(world: World) -> None:
    claim = await world.store(SPEC).claim(0, "w1")
    assert (claim.fresh, claim.applied) == (True, {})


async def test_a_takeover_learns_what_was_already_applied(world: World) -> None:
    first = world.store(SPEC)
    await first.claim(0, "w1")
    await _due(first)
    claim = await world.store(SPEC).claim(0, "w2")
    assert (claim.fresh, claim.applied) == (False, {"video": 2})


async def test_the_former_owner_is_fenced(world: World) -> None:
    first = world.store(SPEC)
    await first.claim(0, "w1")
    await world.store(SPEC).claim(0, "w2")
    with pytest.raises(Fenced, match="w2"):
        await _due(first)


async def test_the_former_owner_cannot_restore_either(world: World) -> None:
    first = world.store(SPEC)
    await first.claim(0, "w1")
    await world.store(SPEC).claim(0, "w2")
    with pytest.raises(Fenced):
        await first.restore(0, "w1", Restored())


async def test_a_forgotten_shard_is_out_of_bounds(world: World) -> None:
    store = world.store(SPEC)
    await store.claim(0, "w1")
    await store.forget(0)
    with pytest.raises(Fenced):
        await _due(store)


async def test_a_takeover_voids_leases_at_once(world: World) -> None:
    first, second = world.store(SPEC), world.store(SPEC)
    await first.claim(0, "w1")
    await _due(first)
    leased = await first.lease(0, 9, 10, 1_000_000)
    await second.claim(0, "w2")
    assert await second.lease(0, 9, 11, 1_000) == leased


async def test_a_wiped_store_is_noticed(world: World) -> None:
    store = world.store(SPEC)
    await store.claim(0, "w1")
    await world.wipe()
    with pytest.raises(StateLost):
        await _due(store)


async def test_state_that_someone_else_moved_on_is_not_trusted(world: World) -> None:
    first, twin = world.store(SPEC), world.store(SPEC)
    await first.claim(0, "w1")
    await twin.claim(0, "w1")
    with pytest.raises(StateLost, match="version"):
        await _due(first)


async def test_a_restored_shard_reports_what_is_before_its_past_as_late(world: World) -> None:
    store = world.store(SPEC)
    await store.claim(0, "w1")
    past = Past()
    await _due(store)
    (window,) = await drain(store, 0, 1)
    past.publish(window, b"kept")
    past.committed = {"video": 1}
    await world.wipe()
    await store.restore(0, "w1", past.restored())
    applied = await apply(store, "video", 4, [entry(2, 60), entry(3, 900)], 1)
    assert [late.reason for late in applied.late] == ["window_closed"]


async def test_a_restored_sensor_was_seen_and_its_event_state_is_kept(world: World) -> None:
    store = world.store(spec_of(rule("video", sensors=("cam",)), rule("audio", idle_after_ms=50)))
    past = Past()
    await store.claim(0, "w1")
    await apply(store, "audio", 1, [entry(0, 10, sensor="mic")], 1)
    await apply(store, "audio", 2, [entry(1, 300, sensor="mic")], 1)
    await _due(store)
    (window,) = await drain(store, 0, 1)
    past.publish(window, b"kept")
    await world.wipe()
    await store.restore(0, "w1", past.restored())
    await apply(store, "video", 9, [entry(8, 500)], 1)
    await tick(store, ["video", "audio"], 10)
    await tick(store, ["video", "audio"], 9_000)
    (window,) = await store.lease(0, 9, 9_000, 9)
    assert (window.tallies["mic"].seen, window.event_state) == (True, b"kept")


async def test_restored_sensors_are_given_time_before_they_count_as_silent(world: World) -> None:
    store = world.store(spec_of(rule("video", sensors=("cam",)), rule("audio")))
    past = Past()
    await store.claim(0, "w1")
    await apply(store, "audio", 2, [entry(0, 10, sensor="mic"), entry(1, 300, sensor="mic")], 1)
    await _due(store)
    past.publish((await drain(store, 0, 1))[0], b"")
    await world.wipe()
    await store.restore(0, "w1", past.restored())
    await apply(store, "video", 9, [entry(8, 500)], 1_000_000)
    assert await tick(store, ["video", "audio"], 1_000_001) == 0
    assert await tick(store, ["video", "audio"], 1_000_200) == 1


# -- a crash at any moment changes no result -----------------------------------------------------

INPUTS = ("video", "audio", "lidar")
CRASH_SPEC = spec_of(
    rule("video", sensors=("cam",), max_samples_per_window=4),
    rule("audio", sensors=("mic",), lateness_us=60),
    rule("lidar", sensors=("top",), matcher="nearest", reference_us=50, tolerance_us=90),
)


def recording(seed: int, size: int = 60) -> dict[str, list[Entry]]:
    """Records per input, out of order by more than the lateness now and then."""
    rnd = random.Random(seed)
    log: dict[str, list[Entry]] = {}
    for rule_ in CRASH_SPEC.inputs:
        clock = {session: rnd.randrange(50) for session in ("a", "b")}
        log[rule_.name] = []
        for offset in range(size):
            session = rnd.choice(("a", "b"))
            clock[session] += rnd.randrange(40)
            start_us = clock[session] - (rnd.randrange(90) if rnd.random() < 0.2 else 0)
            feature = b"%d" % offset if rnd.random() < 0.95 else None
            log[rule_.name].append(
                entry(offset, start_us, sensor=rule_.sensors[0], session=session, feature=feature)
            )
    return log


async def play(
    store: WindowStore, log: dict[str, list[Entry]], rnd: random.Random, *, crashes: bool
) -> dict[tuple[str, int], Window]:
    """Read a recording as a worker does, with or without losing the store on the way.

    Fails where a window that is published twice differs, or a commit passes an unpublished one.
    """
    read = dict.fromkeys(INPUTS, 0)
    committed = dict(read)
    published: dict[tuple[str, int], Window] = {}
    past = Past()
    await store.claim(0, "w")
    while any(read[name] < len(log[name]) for name in INPUTS):
        name = rnd.choice(INPUTS)
        chunk = log[name][read[name] : read[name] + rnd.randint(1, 9)]
        if chunk:
            read[name] = chunk[-1].offset + 1
            applied = await apply(store, name, read[name], chunk, 1)
            await store.ack(0, [], [(late.input, late.offset) for late in applied.late], {})
        leased = await store.lease(0, rnd.randint(1, 3), 1, 1_000)
        for window in leased:
            twin = published.setdefault((window.session, window.start_us), content(window))
            assert twin == content(window)
            past.publish(window, b"")
        if crashes and rnd.random() < 0.1:
            past.committed = dict(committed)
            await store.restore(0, "w", past.restored())
            read = dict(committed)
            continue
        committed = await store.ack(0, keys(leased), [], {})
        committed = {input: committed.get(input, 0) for input in INPUTS}
        past.committed = dict(committed)
    for window in await drain(store, 0, 1):
        twin = published.setdefault((window.session, window.start_us), content(window))
        assert twin == content(window)
    return published


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32))
def test_losing_the_store_at_any_moment_changes_no_result(seed: int) -> None:
    async def run() -> None:
        log = recording(seed)
        calm = await play(
            MemoryStore(CRASH_SPEC, MemoryBackend()), log, random.Random(0), crashes=False
        )
        rough = await play(
            MemoryStore(CRASH_SPEC, MemoryBackend()), log, random.Random(seed), crashes=True
        )
        assert rough == calm
        assert len(calm) > 4

    asyncio.run(run())


@pytest.mark.integration
async def test_losing_redis_at_any_moment_changes_no_result(client: Redis) -> None:
    for seed in range(8):
        log = recording(seed)
        calm = await play(
            MemoryStore(CRASH_SPEC, MemoryBackend()), log, random.Random(0), crashes=False
        )
        await client.flushdb()
        rough = await play(RedisStore(CRASH_SPEC, client), log, random.Random(seed), crashes=True)
        assert rough == calm


# -- Redis alone ---------------------------------------------------------------------------------


@pytest.mark.integration
@pytest.mark.parametrize(("key", "journal_bytes"), [("journal", 64_000), ("saves", 0)])
async def test_half_a_state_counts_as_none_for_the_next_worker(
    client: Redis, monkeypatch: pytest.MonkeyPatch, key: str, journal_bytes: int
) -> None:
    monkeypatch.setattr(tenancy, "_LEAST_JOURNAL_BYTES", journal_bytes)
    monkeypatch.setattr(tenancy, "_JOURNAL_SHARE", 0)
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    for n in range(6):
        await apply(store, "video", n + 1, [entry(n, 10 * n, session="ab"[n % 2])], 1)
        await tick(store, [], 1)
    assert await client.delete(f"sensorium:{{test:0}}:{key}") == 1
    assert (await RedisStore(SPEC, client).claim(0, "next")).fresh


@pytest.mark.integration
@pytest.mark.parametrize(("key", "journal_bytes"), [("journal", 64_000), ("saves", 0)])
async def test_half_a_state_is_noticed_by_its_owner(
    client: Redis, monkeypatch: pytest.MonkeyPatch, key: str, journal_bytes: int
) -> None:
    monkeypatch.setattr(tenancy, "_LEAST_JOURNAL_BYTES", journal_bytes)
    monkeypatch.setattr(tenancy, "_JOURNAL_SHARE", 0)
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    for n in range(6):
        await apply(store, "video", n + 1, [entry(n, 10 * n, session="ab"[n % 2])], 1)
        await tick(store, [], 1)
    assert await client.delete(f"sensorium:{{test:0}}:{key}") == 1
    await apply(store, "video", 7, [entry(6, 90)], 1)
    with pytest.raises(StateLost):
        await tick(store, [], 1)


@pytest.mark.integration
async def test_a_shard_whose_write_failed_has_to_be_claimed_again(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await client.flushdb()
    with pytest.raises(StateLost):
        await _due(store)
    with pytest.raises(StateLost):
        await store.lease(0, 9, 1, 9)


@pytest.mark.integration
async def test_windows_whose_acknowledgement_was_not_written_are_handed_out_again_as_they_were(
    client: Redis,
) -> None:
    store, next_store = RedisStore(SPEC, client), RedisStore(SPEC, client)
    await store.claim(0, "w")
    await _due(store)
    leased = await store.lease(0, 9, 1, 9)
    await store.ack(0, keys(leased), [], {})
    await next_store.claim(0, "next")
    assert await next_store.lease(0, 9, 1, 9) == leased


@pytest.mark.integration
@pytest.mark.parametrize("ends", ["forget", "settle", "tick"])
async def test_an_acknowledgement_is_written_when_the_shard_is_given_up_settled_or_looked_at(
    client: Redis, ends: str
) -> None:
    store, next_store = RedisStore(SPEC, client), RedisStore(SPEC, client)
    await store.claim(0, "w")
    await _due(store)
    await store.ack(0, keys(await store.lease(0, 9, 1, 9)), [], {})
    await (store.tick(0, {}, 1) if ends == "tick" else getattr(store, ends)(0))
    await next_store.claim(0, "next")
    assert await next_store.lease(0, 9, 1, 9) == []


@pytest.mark.integration
async def test_what_was_not_written_is_not_to_be_committed(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await apply(store, "video", 5, [], 1)
    assert await store.ack(0, [], [], {}) == {"video": 0}
    assert await store.settle(0) == {"video": 5}


@pytest.mark.integration
async def test_a_write_that_failed_by_itself_is_told_to_whoever_comes_next(
    client: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redis_store, "_UNWRITTEN_BYTES", 0)
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await client.flushdb()
    await apply(store, "video", 1, [entry(0, 50)], 1)
    with pytest.raises(StateLost):
        await apply(store, "video", 2, [entry(1, 50)], 1)
    with pytest.raises(StateLost):
        await tick(store, [], 1)


@pytest.mark.integration
async def test_the_journal_stays_in_proportion_to_what_the_sessions_hold(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    sizes = []
    for n in range(400):
        feature = b"x" * 1_000
        await apply(store, "video", n + 1, [entry(n, 20 * n, feature=feature)], n)
        await drain(store, 0, n)
        sizes.append(await client.memory_usage("sensorium:{test:0}:journal") or 0)
    # A session of some seven open samples of 1 kB.
    assert max(sizes) < 64_000 + 2 * 20_000


@pytest.mark.integration
async def test_windows_of_another_size_are_not_gone_on_with(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await _due(store)
    other = AlignSpec("test", 200, SPEC.inputs)
    assert (await RedisStore(other, client).claim(0, "w2")).fresh
    assert await client.keys("*") == [b"sensorium:{test:0}:meta"]


@pytest.mark.integration
async def test_a_published_and_expired_shard_leaves_no_window_keys(client: Redis) -> None:
    store = RedisStore(spec_of(rule("video", sensors=("cam",)), session_timeout_ms=50), client)
    await store.claim(0, "w")
    await _due(store)
    await tick(store, ["video"], 5_000)
    await drain(store, 0, 5_000)
    await tick(store, ["video"], 6_000)
    left = {key.decode().rpartition("}:")[2] for key in await client.keys("*")}
    assert left == {"meta", "saves"}
    assert await client.hgetall("sensorium:{test:0}:saves") != {}
    assert len(await client.hvals("sensorium:{test:0}:saves")) == 1


@pytest.mark.integration
async def test_every_key_has_the_shards_hash_tag_and_a_time_to_live(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await apply(store, "video", 3, [entry(0, 50), entry(1, 300), entry(2, 20)], 1)
    await tick(store, [], 1)
    names = await client.keys("*")
    assert len(names) > 1
    assert all(name.startswith(b"sensorium:{test:0}:") for name in names)
    assert {name: await client.ttl(name) > 0 for name in names} == dict.fromkeys(names, True)


@pytest.mark.integration
async def test_a_server_that_forgot_the_scripts_gets_them_again(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await client.script_flush()
    assert await tick(store, [], 1) == 0


@pytest.mark.integration
async def test_a_server_that_is_gone_is_unreachable_which_is_retriable() -> None:
    with embedded_stack(kafka=False) as stack:
        client = connect_redis(RedisSettings(url=stack.redis_url))
        store = RedisStore(SPEC, client)
        await store.claim(0, "w")
    with pytest.raises(StoreUnreachable) as caught:
        await _due(store)
    assert caught.value.retriable
    await client.aclose()


@pytest.mark.integration
async def test_calls_for_one_shard_may_overlap(client: Redis) -> None:
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await asyncio.gather(*(tick(store, [], 1) for _ in range(20)))
