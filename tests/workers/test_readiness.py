"""When a worker says that it is ready."""

from __future__ import annotations

from typing import cast

from redis.asyncio import Redis

from workers.readiness import Readiness


class Answering:
    """What of Redis is asked."""

    async def ping(self) -> bool:
        return True


async def states(readiness: Readiness) -> dict[str, bool]:
    return {name: await holds() for name, holds in readiness.conditions().items()}


async def test_a_worker_is_not_ready_before_its_model_is_warm() -> None:
    readiness = Readiness(cast(Redis, Answering()))
    readiness.shards_usable = lambda: True
    assert await states(readiness) == {"model": False, "partitions": True, "redis": True}
    readiness.model_warm = True
    assert all((await states(readiness)).values())


async def test_a_worker_without_shards_is_not_ready() -> None:
    readiness = Readiness(cast(Redis, Answering()))
    readiness.model_warm = True
    assert (await states(readiness))["partitions"] is False
