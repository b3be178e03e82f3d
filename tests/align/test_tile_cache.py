"""The memory of what this worker wrote: it serves a tile only as a whole."""

from __future__ import annotations

from functools import partial

import pytest
from redis.asyncio import Redis

from streams.align import redis_store
from streams.align.kept import Run, run_of
from streams.align.redis_store import RedisStore
from streams.align.tile_cache import TileCache
from streams.align.types import Batch, Window
from tests.align.worlds import apply, entry, rule, spec_of

CAMERA = rule("video", sensors=("cam",))


def run(offset: int, size: int = 10) -> Run:
    return run_of(0, "cam", 0, [entry(offset, 50, feature=bytes(size))])


def test_a_tile_is_served_when_it_has_as_many_elements_as_redis() -> None:
    cache = TileCache()
    cache.add("a", 0, run(0))
    cache.add("a", 0, run(1))
    assert cache.get("a", 0, 2) == [run(0), run(1)]


@pytest.mark.parametrize("elements", [0, 1, 3])
def test_a_tile_with_another_number_of_elements_is_not_served(elements: int) -> None:
    cache = TileCache()
    cache.add("a", 0, run(0))
    cache.add("a", 0, run(1))
    assert cache.get("a", 0, elements) is None


def test_a_tile_is_its_sessions_alone() -> None:
    cache = TileCache()
    cache.add("a", 0, run(0))
    assert (cache.get("b", 0, 1), cache.get("a", 1, 1)) == (None, None)


def test_what_is_read_back_replaces_what_was_known() -> None:
    cache = TileCache()
    cache.add("a", 0, run(0))
    cache.put("a", 0, [run(1), run(2)])
    assert cache.get("a", 0, 2) == [run(1), run(2)]


def test_a_dropped_tile_that_is_written_on_is_not_served() -> None:
    cache = TileCache()
    cache.add("a", 0, run(0))
    cache.drop("a", [0])
    cache.add("a", 0, run(1))
    assert cache.get("a", 0, 2) is None


def test_tiles_before_the_first_that_redis_has_are_forgotten() -> None:
    cache = TileCache()
    for tile in range(3):
        cache.add("a", tile, run(tile))
    cache.drop_before("a", 2)
    assert [cache.get("a", tile, 1) for tile in range(3)] == [None, None, [run(2)]]


def test_beyond_its_bytes_everything_is_forgotten() -> None:
    cache = TileCache(max_bytes=25)
    for tile in range(3):
        cache.add("a", tile, run(tile))
    assert [cache.get("a", tile, 1) for tile in range(3)] == [None, None, None]


def test_what_was_forgotten_makes_room() -> None:
    cache = TileCache(max_bytes=25)
    for tile in range(10):
        cache.add("a", tile, run(tile))
        cache.drop_before("a", tile)
    assert cache.get("a", 9, 1) == [run(9)]


def test_a_tile_that_grew_while_everything_was_forgotten_is_not_served() -> None:
    cache = TileCache(max_bytes=25)
    for offset in range(4):
        cache.add("a", 0, run(offset))
    assert cache.get("a", 0, 4) is None


@pytest.mark.integration
@pytest.mark.parametrize("max_bytes", [0, 15, 25, 45, 1_000])
async def test_windows_are_the_same_however_little_is_remembered(
    client: Redis, monkeypatch: pytest.MonkeyPatch, max_bytes: int
) -> None:
    async def windows() -> list[Window]:
        await client.flushdb()
        writer, reader = (RedisStore(spec_of(CAMERA), client) for _ in range(2))
        await writer.claim(0, "w1")
        first = [entry(n, at, feature=bytes(10)) for n, at in enumerate((10, 110, 210))]
        await apply(writer, "video", 3, first, 1)
        # The next owner has read none of the first three, and writes on in the newest tile.
        await reader.claim(0, "w2")
        rest = [entry(3, 220, feature=bytes(10)), entry(4, 310, feature=bytes(10))]
        await reader.apply(0, Batch("video", 5, rest, read_through_ms={"video": 2}), 2)
        await apply(reader, "video", 6, [entry(5, 900)], 3)
        return await reader.lease(0, 9, 4, 9)

    whole = await windows()
    assert [[one.offset for one in window.samples] for window in whole] == [[0], [1], [2, 3], [4]]
    monkeypatch.setattr(redis_store, "TileCache", partial(TileCache, max_bytes))
    assert await windows() == whole
