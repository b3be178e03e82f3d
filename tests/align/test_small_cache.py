"""A store that remembers next to nothing hands out what one that remembers all does."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis

from streams.align import redis_store
from streams.align.redis_store import RedisStore
from streams.align.tile_cache import TileCache
from tests.align.worlds import apply, content, drain, entry, rule, spec_of

SPEC = spec_of(rule("video", sensors=("cam",)), every_us=50)


@pytest.mark.integration
@pytest.mark.parametrize("max_bytes", [0, 3, 7])
async def test_windows_are_the_same_whatever_is_remembered(
    client: Redis, monkeypatch: pytest.MonkeyPatch, max_bytes: int
) -> None:
    async def windows() -> list[object]:
        await client.flushdb()
        store = RedisStore(SPEC, client)
        await store.claim(0, "w")
        entries = [entry(n, n * 20, feature=b"%03d" % n) for n in range(40)]
        await apply(store, "video", 40, entries, 1)
        return [content(window) for window in await drain(store, 0, 1)]

    all_remembered = await windows()
    monkeypatch.setattr(redis_store, "TileCache", lambda: TileCache(max_bytes))
    assert await windows() == all_remembered
    assert len(all_remembered) > 10
