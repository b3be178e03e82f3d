"""What ``/readyz`` of a worker asks for."""

from __future__ import annotations

from collections.abc import Callable

from redis.asyncio import Redis

from streams.health import Conditions
from streams.redis_client import is_reachable


class Readiness:
    """Ready: the model has run every shape of batch once, shards are usable, Redis answers.

    ``model_warm`` and ``shards_usable`` are set by the worker as it starts: until then it is not.
    """

    def __init__(self, redis: Redis) -> None:
        self.model_warm = False
        self.shards_usable: Callable[[], bool] = lambda: False
        self._redis = redis

    def conditions(self) -> Conditions:
        """By the names that the body of ``/readyz`` has."""
        return {"model": self._model, "partitions": self._partitions, "redis": self._redis_answers}

    async def _model(self) -> bool:
        return self.model_warm

    async def _partitions(self) -> bool:
        return self.shards_usable()

    async def _redis_answers(self) -> bool:
        return await is_reachable(self._redis)
