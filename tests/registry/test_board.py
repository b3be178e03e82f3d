"""What workers say of their models, in a real Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from redis.asyncio import Redis

from schemas.settings import load_settings
from streams.redis_client import connect_redis
from streams.stack import Stack
from workers.registry.board import Board, Notice, Refusal, board_key

pytestmark = pytest.mark.integration


class Clock:
    ms = 1_000_000


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def redis(stack: Stack) -> AsyncIterator[Redis]:
    client = connect_redis(load_settings(environ={"SENSORIUM_REDIS__URL": stack.redis_url}).redis)
    yield client
    await client.aclose()


@pytest.fixture
def board(redis: Redis, clock: Clock, unique_name: Callable[[str], str]) -> Board:
    return Board(redis, unique_name("p"), clock_ms=lambda: clock.ms)


def notice(worker: str, refused: Refusal | None = None) -> Notice:
    return Notice(worker, "call", "1", "00", 5, refused)


async def test_every_worker_has_one_notice_the_newest(board: Board) -> None:
    refusal = Refusal("2", "digest mismatch", 7)
    for one in (notice("b"), notice("a"), notice("b", refusal)):
        await board.post(one)
    found = await board.read()
    assert [(one.worker, one.refused) for one in found] == [("a", None), ("b", refusal)]


async def test_a_worker_that_withdraws_has_none(board: Board) -> None:
    await board.post(notice("a"))
    await board.withdraw("a")
    assert await board.read() == []


async def test_a_worker_that_fell_silent_is_forgotten(board: Board, clock: Clock) -> None:
    await board.post(notice("dead"))
    clock.ms += 61_000
    await board.post(notice("alive"))
    assert [one.worker for one in await board.read()] == ["alive"]
    clock.ms -= 61_000
    assert [one.worker for one in await board.read()] == ["alive"]


async def test_a_board_without_workers_ends_by_itself(
    redis: Redis, unique_name: Callable[[str], str]
) -> None:
    name = unique_name("p")
    await Board(redis, name).post(notice("a"))
    assert 0 < await redis.ttl(board_key(name)) <= 86_400


async def test_a_redis_that_is_away_is_no_error_of_the_worker() -> None:
    away = connect_redis(
        load_settings(environ={"SENSORIUM_REDIS__URL": "redis://127.0.0.1:1"}).redis
    )
    board = Board(away, "p")
    await board.post(notice("a"))
    await board.withdraw("a")
    await away.aclose()
