"""What every worker of a pipeline says of its model, in Redis: for people, never for decisions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

import msgspec
from redis.asyncio import Redis
from redis.exceptions import RedisError

from schemas.settings import RedisSettings
from streams.redis_client import connect_redis

log = logging.getLogger(__name__)

#: What a worker said is believed for so long; one says it at every look into the registry, and at
#: least every `POST_EVERY_S`. Ten times that, so that a busy worker or a clock that is a little
#: off does not hide it.
_BELIEVED_MS = 60_000
POST_EVERY_S = 6.0
#: A board that nobody writes to any more is forgotten after a day.
_KEPT_S = 86_400


class Refusal(msgspec.Struct, frozen=True):
    """A version that a worker did not take. ``at_ms``: epoch milliseconds."""

    version: str
    reason: str
    at_ms: int


class Notice(msgspec.Struct, frozen=True):
    """What one worker serves since ``since_ms``, and what it refuses at present."""

    worker: str
    model: str
    version: str
    digest: str
    since_ms: int
    refused: Refusal | None
    at_ms: int = 0


_decoder = msgspec.json.Decoder(Notice)


def board_key(pipeline: str) -> str:
    """The hash with a notice per worker."""
    return f"sensorium:{pipeline}:models"


class Board:
    """The notices of one pipeline's workers. A Redis that is away costs nothing but them."""

    def __init__(
        self,
        redis: Redis,
        pipeline: str,
        *,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._redis = redis
        self._key = board_key(pipeline)
        self._clock_ms = clock_ms

    async def post(self, notice: Notice) -> None:
        """Say it again or anew."""
        stamped = msgspec.structs.replace(notice, at_ms=self._clock_ms())
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.hset(self._key, notice.worker, msgspec.json.encode(stamped))
                pipe.expire(self._key, _KEPT_S)
                await pipe.execute()
        except (RedisError, OSError) as error:
            log.debug("no notice of the model: %s", type(error).__name__)

    async def withdraw(self, worker: str) -> None:
        """The worker ends."""
        try:
            await self._redis.hdel(self._key, worker)
        except (RedisError, OSError) as error:
            log.debug("the notice of the model stays: %s", type(error).__name__)

    async def read(self) -> list[Notice]:
        """The notices of workers that are there, by name; those of dead ones are removed. Raises
        the client's errors.
        """
        notices, dead = [], []
        for worker, text in (await self._redis.hgetall(self._key)).items():
            try:
                notice = _decoder.decode(text)
            except msgspec.MsgspecError:
                continue  # of another release
            if self._clock_ms() - notice.at_ms <= _BELIEVED_MS:
                notices.append(notice)
            else:
                dead.append(worker)
        if dead:
            await self._redis.hdel(self._key, *dead)
        return sorted(notices, key=lambda one: one.worker)


async def read_boards(settings: RedisSettings, pipelines: Iterable[str]) -> list[Notice]:
    """The notices of these pipelines' workers. Raises the client's errors."""
    redis = connect_redis(settings)
    try:
        return [notice for name in pipelines for notice in await Board(redis, name).read()]
    finally:
        await redis.aclose()
