"""Reads a pipeline's results and its shadow's, side by side, and sums up how far they agree."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

from schemas.pipeline import Pipeline
from schemas.result import Result
from schemas.settings import KafkaSettings
from streams.agreement import Agreement, Pairing, Tally
from streams.kafka_client import client_kwargs
from streams.results_log import Logged, read_results
from streams.topics import check_partitions


async def agreement_of(pipeline: Pipeline, kafka: KafkaSettings) -> list[Agreement]:
    """Every pair of a final result and its shadow in the topics, from their beginning to their
    present end, by the two models and task. Memory is bounded: of results that the shadow dropped,
    only the newest are kept.

    Raises ``TopicError`` where one of the topics is not there.
    """
    topics = (pipeline.results_topic, pipeline.shadow_topic)
    expected = dict.fromkeys(topics, pipeline.partitions)
    await asyncio.to_thread(check_partitions, kafka, expected)
    tally, client = Tally(), client_kwargs(kafka)
    for partition in range(pipeline.partitions):
        await _add_partition(tally, topics, partition, client)
    return tally.agreements()


async def _add_partition(
    tally: Tally, topics: tuple[str, str], partition: int, client: Mapping[str, Any]
) -> None:
    """Both topics in turn, a result each: they were published in the same order."""
    primary, shadow = (read_results(topic, partition, client) for topic in topics)
    pairing, ended = Pairing(), [False, False]
    while not all(ended):
        for side, (results, add) in enumerate(
            ((primary, pairing.add_primary), (shadow, pairing.add_shadow))
        ):
            result = None if ended[side] else await _next(results)
            ended[side] = result is None
            if result is not None:
                for pair in add(result):
                    tally.add(*pair)


async def _next(results: AsyncIterator[Logged]) -> Result | None:
    logged = await anext(results, None)
    return None if logged is None else logged.result
