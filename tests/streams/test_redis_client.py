"""Reaching Redis, and saying in one line why not."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from schemas.settings import RedisSettings
from streams.errors import StoreUnreachable
from streams.redis_client import check_redis, connect_redis, is_reachable
from streams.stack import Stack


async def test_a_redis_that_answers_passes(stack: Stack) -> None:
    await check_redis(RedisSettings(url=stack.redis_url))


async def test_an_address_without_redis_is_one_line_without_the_password() -> None:
    settings = RedisSettings(url="redis://me:secret@127.0.0.1:1/0", timeout_ms=500)
    with pytest.raises(StoreUnreachable) as caught:
        await check_redis(settings)
    message = str(caught.value)
    assert "SENSORIUM_REDIS__URL" in message
    assert "secret" not in message
    assert "\n" not in message


async def test_a_wrong_password_is_told_apart_from_no_server(stack: Stack) -> None:
    settings = RedisSettings(
        url=stack.redis_url, username="nobody", password=SecretStr("wrong"), timeout_ms=500
    )
    with pytest.raises(StoreUnreachable, match="refused us"):
        await check_redis(settings)


async def test_reachability_is_a_yes_or_no(stack: Stack) -> None:
    here = connect_redis(RedisSettings(url=stack.redis_url))
    nowhere = connect_redis(RedisSettings(url="redis://127.0.0.1:1/0", timeout_ms=500))
    assert (await is_reachable(here), await is_reachable(nowhere)) == (True, False)
    await here.aclose()
    await nowhere.aclose()
