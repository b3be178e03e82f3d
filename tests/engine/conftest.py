from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as WireTp

from schemas.settings import KafkaSettings
from streams.engine.app import FaustEngine
from streams.engine.base import BaseEngine
from streams.engine.loop import AiokafkaEngine
from streams.engine.settings import ChunkLimits, EngineSettings
from streams.kafka_client import client_kwargs, producer_kwargs
from streams.records import OutRecord, TopicPartition
from streams.stack import Stack
from streams.topics import TopicPlan, ensure_topics


@dataclass(frozen=True)
class Ground:
    """Topics and a group of one test, and what is needed to look at them from outside."""

    kafka: KafkaSettings
    inputs: tuple[str, ...]
    output: str
    group: str
    partitions: int

    def settings(self, **changes: object) -> EngineSettings:
        fields = {
            "topics": self.inputs,
            "partitions": self.partitions,
            "group_id": self.group,
            "kafka": self.kafka,
            "chunk": ChunkLimits(max_records=10),
            **changes,
        }
        return EngineSettings(**fields)

    def tp(self, topic: int, partition: int) -> TopicPartition:
        return TopicPartition(self.inputs[topic], partition)

    async def produce(self, tp: TopicPartition, values: Sequence[bytes]) -> None:
        producer = AIOKafkaProducer(
            **producer_kwargs(self.kafka, "test", linger_ms=5, max_request_bytes=1_000_000)
        )
        async with producer:
            sent = [
                await producer.send(tp.topic, value, key=b"k", partition=tp.partition)
                for value in values
            ]
            await asyncio.gather(*sent)

    async def committed(self, tp: TopicPartition) -> int | None:
        consumer = AIOKafkaConsumer(
            **client_kwargs(self.kafka), group_id=self.group, enable_auto_commit=False
        )
        consumer.assign([WireTp(*tp)])
        async with consumer:
            return await consumer.committed(WireTp(*tp))

    async def read_output(self, count: int, timeout_s: float = 10.0) -> list[OutRecord]:
        """The output topic's records from the start, once at least ``count`` are there."""
        consumer = AIOKafkaConsumer(
            self.output, **client_kwargs(self.kafka), auto_offset_reset="earliest"
        )
        found: list[OutRecord] = []
        async with asyncio.timeout(timeout_s), consumer:
            while len(found) < count:
                for records in (await consumer.getmany(timeout_ms=100)).values():
                    found += [
                        OutRecord(r.topic, r.key, r.value, r.headers, r.partition, r.timestamp)
                        for r in records
                    ]
        return found


@pytest.fixture
def kafka(stack: Stack) -> KafkaSettings:
    # Apache Kafka refuses sessions below 6 s; only the embedded broker takes 2 s.
    session_ms = 6000 if os.environ.get("SENSORIUM_KAFKA__BOOTSTRAP") else 2000
    return KafkaSettings(
        bootstrap=stack.kafka_bootstrap, session_timeout_ms=session_ms, commit_interval_ms=50
    )


@pytest.fixture
def ground(kafka: KafkaSettings, unique_name: Callable[[str], str]) -> Ground:
    name = unique_name("engine")
    inputs, output = (f"{name}.a", f"{name}.b"), f"{name}.out"
    ensure_topics(kafka, [TopicPlan(topic, 2) for topic in (*inputs, output)])
    return Ground(kafka, inputs, output, name, 2)


@pytest.fixture(params=[FaustEngine, AiokafkaEngine], ids=["faust", "aiokafka"])
def each_engine(request: pytest.FixtureRequest) -> type[BaseEngine]:
    """Both engines at every run: the promises that the oracle is there for."""
    return request.param


@pytest.fixture(
    params=[FaustEngine, pytest.param(AiokafkaEngine, marks=pytest.mark.slow)],
    ids=["faust", "aiokafka"],
)
def engine_class(request: pytest.FixtureRequest) -> type[BaseEngine]:
    """Both engines, the oracle only with ``-m slow``: a group takes a second to form."""
    return request.param


@pytest.fixture
def eventually() -> Callable[[Callable[[], Awaitable[object]], object], Awaitable[None]]:
    """Ask until the answer is the expected one; the last answer is in the failure's message."""

    async def ask(question: Callable[[], Awaitable[object]], expected: object) -> None:
        got: object = None
        try:
            async with asyncio.timeout(10):
                while (got := await question()) != expected:  # noqa: ASYNC110 - asks a broker
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"expected {expected!r} within 10 s, last got {got!r}")

    return ask
