"""Connects to Redis or Valkey as the settings say."""

from __future__ import annotations

from typing import Any

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError, ResponseError

from schemas.addresses import mask_url
from schemas.settings import RedisSettings
from streams.errors import StoreUnreachable


def connect_redis(settings: RedisSettings) -> redis.Redis:
    """A client with its own pool; nothing is sent yet.

    Commands are not retried by the client: a repeated script call would not be the same call.
    """
    options: dict[str, Any] = {
        "socket_timeout": settings.timeout_ms / 1000,
        "socket_connect_timeout": settings.timeout_ms / 1000,
        "retry": Retry(NoBackoff(), 0),
        "decode_responses": False,
        # RESP 2: the window scripts answer in it, and every Redis and Valkey speaks it.
        "protocol": 2,
    }
    if settings.username is not None:
        options["username"] = settings.username
    if settings.password is not None:
        options["password"] = settings.password.get_secret_value()
    if settings.url.startswith("rediss://") and settings.ssl_cafile is not None:
        options["ssl_ca_certs"] = str(settings.ssl_cafile)
    return redis.Redis.from_url(settings.url, **options)


async def check_redis(settings: RedisSettings) -> None:
    """Raise ``StoreUnreachable``, in one line, unless Redis answers and lets us in."""
    client = connect_redis(settings)
    where = mask_url(settings.url)
    try:
        await client.ping()
    except (AuthenticationError, ResponseError) as error:
        raise StoreUnreachable(
            f"Redis at {where} refused us ({error}); check SENSORIUM_REDIS__USERNAME and "
            "SENSORIUM_REDIS__PASSWORD"
        ) from None
    except (RedisError, OSError) as error:
        reason = " ".join(str(error).split())
        raise StoreUnreachable(
            f"no Redis answers at {where} ({reason}); start one or set SENSORIUM_REDIS__URL"
        ) from None
    finally:
        await client.aclose()


async def is_reachable(client: redis.Redis) -> bool:
    """Whether Redis answers a ping now."""
    try:
        return bool(await client.ping())
    except (RedisError, OSError):
        return False
