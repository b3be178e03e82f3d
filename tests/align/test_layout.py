"""State that another version left in Redis is dropped, not misread."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from streams.align.keys import shard_prefix
from streams.align.redis_store import RedisStore
from tests.align.worlds import rule, spec_of


@pytest.mark.integration
async def test_state_of_another_layout_is_dropped_when_its_shard_is_claimed(client: Redis) -> None:
    prefix = shard_prefix("test", 0)
    await client.hset(prefix + "meta", mapping={"ver": 3, "spec": "other", "a:video": 7})
    await client.zadd(prefix + "deadlines", {"a": 1})
    await client.hset(prefix + "s:a", "st", b"packed otherwise")
    claim = await RedisStore(spec_of(rule("video")), client).claim(0, "w")
    assert (claim.fresh, dict(claim.applied)) == (True, {})
    assert await client.keys("*") == [(prefix + "meta").encode()]
