"""Both window stores behind one fixture, and a Redis of the alignment tests' own to wipe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from schemas.settings import RedisSettings
from streams.align.memory import MemoryBackend, MemoryStore
from streams.align.redis_store import RedisStore
from streams.align.spec import AlignSpec
from streams.align.store import WindowStore
from streams.redis_client import connect_redis
from streams.stack import embedded_stack


@dataclass
class World:
    """Makes stores that share one state, as workers do, and loses that state on demand."""

    store: Callable[[AlignSpec], WindowStore]
    wipe: Callable[[], Awaitable[None]]


@pytest.fixture(scope="session")
def own_redis() -> Iterator[str]:
    with embedded_stack(kafka=False) as stack:
        yield stack.redis_url


@pytest.fixture
async def client(own_redis: str) -> AsyncIterator[Redis]:
    """A connection to a Redis that is empty and may be wiped."""
    connection = connect_redis(RedisSettings(url=own_redis))
    await connection.flushdb()
    yield connection
    await connection.aclose()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.integration)])
def world(request: pytest.FixtureRequest, client: Redis) -> World:
    if request.param == "redis":

        async def flush() -> None:
            await client.flushdb()

        return World(lambda spec: RedisStore(spec, client), flush)
    backend = MemoryBackend()

    async def forget_all() -> None:
        backend.wipe()

    return World(lambda spec: MemoryStore(spec, backend), forget_all)
