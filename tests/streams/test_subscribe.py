"""The subscriber: each id once, from the beginning, from now on, or where a group stopped."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing

import aiokafka
import msgspec
import pytest

from schemas.result import Result, encode_result
from schemas.settings import KafkaSettings
from streams.errors import TopicError
from streams.kafka_client import client_kwargs
from streams.results_log import read_results
from streams.stack import Stack
from streams.subscribe import subscribe_results
from streams.topics import TopicPlan, ensure_topics
from tests.schemas.test_contract import RESULT

pytestmark = pytest.mark.integration


@pytest.fixture
def kafka(stack: Stack) -> KafkaSettings:
    return KafkaSettings(bootstrap=stack.kafka_bootstrap, session_timeout_ms=2_000)


@pytest.fixture
def pipeline(kafka: KafkaSettings, unique_name: Callable[[str], str]) -> str:
    name = unique_name("p")
    ensure_topics(kafka, [TopicPlan(f"{name}.results", 2)])
    return name


async def publish(
    kafka: KafkaSettings, pipeline: str, *ids: str, body: bytes | None = None
) -> None:
    async with aiokafka.AIOKafkaProducer(**client_kwargs(kafka)) as producer:
        for id_ in ids:
            value = body or encode_result(msgspec.structs.replace(RESULT, id=id_))
            await producer.send_and_wait(f"{pipeline}.results", value, partition=0)


async def take(results: AsyncIterator[Result], count: int) -> list[str]:
    """Ids of the first results; gives up after a while."""
    ids = []
    async with asyncio.timeout(20), aclosing(results):  # type: ignore[type-var]
        async for result in results:
            ids.append(result.id)
            if len(ids) == count:
                break
    return ids


async def test_a_repeat_of_an_id_is_dropped(kafka: KafkaSettings, pipeline: str) -> None:
    await publish(kafka, pipeline, "a", "b", "a", "c")
    results = subscribe_results(pipeline, kafka=kafka, from_beginning=True)
    assert await take(results, 3) == ["a", "b", "c"]


async def test_repeats_come_when_asked_for(kafka: KafkaSettings, pipeline: str) -> None:
    await publish(kafka, pipeline, "a", "a")
    results = subscribe_results(pipeline, kafka=kafka, from_beginning=True, repeats=True)
    assert await take(results, 2) == ["a", "a"]


async def test_without_a_beginning_only_what_comes_is_seen(
    kafka: KafkaSettings, pipeline: str
) -> None:
    await publish(kafka, pipeline, "old")
    taking = asyncio.create_task(take(subscribe_results(pipeline, kafka=kafka), 1))
    number = 0
    while not taking.done():
        number += 1
        await publish(kafka, pipeline, f"new-{number}")
    (seen,) = await taking
    assert seen.startswith("new-")


async def test_a_group_goes_on_where_it_stopped(kafka: KafkaSettings, pipeline: str) -> None:
    await publish(kafka, pipeline, "a", "b")
    seen: list[str] = []
    async with asyncio.timeout(20):
        results = subscribe_results(pipeline, kafka=kafka, group="g")
        async with aclosing(results):  # type: ignore[type-var]
            async for result in results:
                seen.append(result.id)
                if result.id == "b":
                    await publish(kafka, pipeline, "c")
                if result.id == "c":
                    break
    await publish(kafka, pipeline, "d")
    again = await take(subscribe_results(pipeline, kafka=kafka, group="g"), 2)
    assert (seen, again) == (["a", "b", "c"], ["c", "d"])


async def test_a_topic_that_is_not_there_is_named(kafka: KafkaSettings) -> None:
    with pytest.raises(TopicError, match="nowhere"):
        await take(subscribe_results("nowhere", kafka=kafka), 1)


async def test_a_body_that_is_no_result_is_passed_over(kafka: KafkaSettings, pipeline: str) -> None:
    await publish(kafka, pipeline, "x", body=b"not json")
    await publish(kafka, pipeline, "a")
    assert await take(subscribe_results(pipeline, kafka=kafka, from_beginning=True), 1) == ["a"]


async def test_the_results_log_ends_at_the_partitions_present_end(
    kafka: KafkaSettings, pipeline: str
) -> None:
    await publish(kafka, pipeline, "a", "b")
    log = read_results(f"{pipeline}.results", 0, client_kwargs(kafka))
    assert [logged.result.id async for logged in log] == ["a", "b"]


async def test_the_results_log_of_an_empty_partition_is_empty(
    kafka: KafkaSettings, pipeline: str
) -> None:
    log = read_results(f"{pipeline}.results", 1, client_kwargs(kafka))
    assert [logged.result.id async for logged in log] == []
