"""State that another version left in Redis is dropped, not misread."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from streams.align.keys import shard_keys
from streams.align.redis_store import RedisStore
from tests.align.worlds import apply, entry, rule, spec_of

SPEC = spec_of(rule("video", sensors=("cam",)))


@pytest.mark.integration
async def test_state_of_another_layout_is_dropped_when_its_shard_is_claimed(client: Redis) -> None:
    meta, journal, saves = shard_keys("test", 0)
    await client.hset(
        meta, mapping={"ver": 3, "spec": "other", "entries": 1, "saves": 1, "a:video": 7}
    )
    await client.rpush(journal, b"packed otherwise")
    await client.hset(saves, "a", b"packed otherwise")
    claim = await RedisStore(spec_of(rule("video")), client).claim(0, "w")
    assert (claim.fresh, dict(claim.applied)) == (True, {})
    assert await client.keys("*") == [meta.encode()]


@pytest.mark.integration
async def test_state_that_cannot_be_read_is_dropped_when_its_shard_is_claimed(
    client: Redis,
) -> None:
    _, journal, _ = shard_keys("test", 0)
    store = RedisStore(SPEC, client)
    await store.claim(0, "w")
    await apply(store, "video", 1, [entry(0, 50)], 1)
    await store.forget(0)
    await client.lset(journal, 0, b"\xc1 is no msgpack")
    next_store = RedisStore(SPEC, client)
    assert (await next_store.claim(0, "next")).fresh
    assert (await apply(next_store, "video", 1, [entry(0, 50)], 2)).open_windows == 1
