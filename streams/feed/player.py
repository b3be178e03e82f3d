"""Playing samples into a pipeline's topics at the pace of the recording, or another."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, Protocol

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from schemas.envelope import session_end_headers
from schemas.pipeline import Pipeline
from streams.errors import BrokerUnreachable, FeedError
from streams.feed.delivery import Deliveries, FeedSummary, explain_end
from streams.feed.item import FeedItem
from streams.feed.pace import Pace, PlayClock, WallClock
from streams.feed.read_ahead import read_ahead
from streams.feed.wire import record_headers, record_key, record_timestamp_ms

#: What a feed needs of its producer unless the caller says otherwise. The linger makes few large
#: batches of many small samples, which is what keeps the embedded broker's fetches fast.
PRODUCER_DEFAULTS: Mapping[str, Any] = {
    "linger_ms": 25,
    "acks": "all",
    "max_batch_size": 1_000_000,
    "max_request_size": 16_000_000,
}
MAX_IN_FLIGHT = 2_000
MAX_IN_FLIGHT_BYTES = 32_000_000
PROGRESS_EVERY_S = 0.25
#: Longest sleep at a stretch: a failed delivery must not wait for the next vital sign.
_NAP_S = 0.5
#: Event time has no finer unit; a float's last digit must not make for one more sleep.
_RESOLUTION_S = 1e-6
TOPIC_TIMEOUT_S = 10.0

OnProgress = Callable[[FeedSummary], None]


class Producer(Protocol):
    """What the player asks of ``aiokafka.AIOKafkaProducer``."""

    async def start(self) -> None:
        """Connect."""

    async def stop(self) -> None:
        """Flush and disconnect."""

    async def partitions_for(self, topic: str) -> set[int]:
        """Partitions of a topic, awaited until known."""

    def send(
        self,
        topic: str,
        value: bytes,
        *,
        key: bytes | None,
        timestamp_ms: int,
        headers: list[tuple[str, bytes]],
    ) -> Awaitable[asyncio.Future[Any]]:
        """Hand one record over; the future is done when the broker has it."""


async def play(
    items: Iterable[FeedItem],
    *,
    kafka: Mapping[str, Any],
    pipeline: Pipeline,
    speed: float | None = 1.0,
    end_sessions: bool = False,
    clock: PlayClock | None = None,
    on_progress: OnProgress | None = None,
    open_producer: Callable[..., Producer] = AIOKafkaProducer,
) -> FeedSummary:
    """Send every sample when it is due; returns once the broker has acknowledged all.

    ``items`` come in ascending ``due_us``. ``kafka``: arguments of the producer, over
    ``PRODUCER_DEFAULTS``. ``speed``: 2 plays twice as fast as recorded, ``None`` as fast as the
    broker takes it. A sample that is behind schedule is sent at once and the lag reported.
    ``end_sessions``: once all is delivered, say on every input that was fed that its sessions are
    over, so that their last windows need not wait until their sensors count as idle.
    ``on_progress`` is called about four times a second and once at the end, failed or not.

    Each record's key is the session, its timestamp the event time, or what was recorded; a
    session's samples of one input stay in order. Raises ``FeedError`` for a file that breaks off,
    a topic that is missing or a sample that is too large to be sent, ``PublishError`` where the
    broker did not take one, ``BrokerUnreachable`` where none answers; what was sent before is
    delivered first.
    """
    if speed is not None and not speed > 0:
        raise FeedError(f"speed: expected a number above 0, got {speed}; leave it out for maximum")
    arguments = {**PRODUCER_DEFAULTS, **kafka}
    producer = open_producer(**arguments)
    try:
        await producer.start()
    except (KafkaConnectionError, OSError) as error:
        await producer.stop()
        raise BrokerUnreachable(
            f"expected a Kafka broker at {arguments.get('bootstrap_servers')}, got "
            f"{type(error).__name__}; check the address and that the broker runs"
        ) from None
    player = _Player(producer, pipeline, Pace(clock or WallClock(), speed), on_progress)
    try:
        await player.run(items)
        if end_sessions:
            await player.end_sessions()
    finally:
        await producer.stop()
    return player.summary()


class _Player:
    def __init__(
        self,
        producer: Producer,
        pipeline: Pipeline,
        pace: Pace,
        on_progress: OnProgress | None,
    ) -> None:
        self._producer = producer
        self._pipeline = pipeline
        self._pace = pace
        self._on_progress = on_progress
        self._deliveries = Deliveries(MAX_IN_FLIGHT, MAX_IN_FLIGHT_BYTES)
        self._reported_s = 0.0
        #: input -> its topic, once the broker has said that it is there.
        self._topics: dict[str, str] = {}
        #: input -> samples above its max_bytes; they are sent, and will be dead letters.
        self._oversized: dict[str, int] = {}
        #: (topic, session) of every sample.
        self._sessions: dict[tuple[str, str], None] = {}

    def summary(self) -> FeedSummary:
        """What has happened so far."""
        limits = self._pipeline.inputs
        return FeedSummary(
            samples=dict(self._deliveries.samples),
            bytes=self._deliveries.bytes,
            sent=self._deliveries.sent,
            failed=self._deliveries.failed,
            seconds=self._pace.seconds,
            lag_s=self._pace.lag_s,
            max_lag_s=self._pace.max_lag_s,
            sessions=tuple(sorted({session for _, session in self._sessions})),
            warnings=tuple(
                f"{name}: {count} samples are larger than max_bytes ({limits[name].max_bytes}) "
                "and will be dead letters; raise max_bytes or feed smaller ones"
                for name, count in self._oversized.items()
            ),
        )

    async def run(self, items: Iterable[FeedItem]) -> None:
        """Send all, or up to the first failure; either way nothing is left in flight."""
        try:
            async with aclosing(read_ahead(items)) as batches:
                async for batch in batches:
                    for item in batch:
                        await self._wait(item.due_us)
                        await self._send(item)
                        if self._deliveries.failure is not None:
                            raise self._deliveries.failure
        finally:
            await self._deliveries.settle()
            self._report(force=True)
        if self._deliveries.failure is not None:
            raise self._deliveries.failure

    async def end_sessions(self) -> None:
        """Say that the sessions are over."""
        await asyncio.gather(*(self._end(topic, session) for topic, session in self._sessions))

    async def _end(self, topic: str, session: str) -> None:
        try:
            future = await self._producer.send(
                topic,
                b"",
                key=session.encode(),
                timestamp_ms=time.time_ns() // 1_000_000,
                headers=session_end_headers(session, "sensorium/feed"),
            )
            await future
        except KafkaError as error:
            raise explain_end(error, session, topic) from None

    async def _wait(self, due_us: int) -> None:
        self._report()
        while (wait_s := self._pace.wait_s(due_us)) > _RESOLUTION_S:
            await self._pace.sleep(min(wait_s, _NAP_S))
            self._report()
            if self._deliveries.failure is not None:
                raise self._deliveries.failure

    def _report(self, *, force: bool = False) -> None:
        if self._on_progress is None:
            return
        now_s = self._pace.seconds
        if force or now_s - self._reported_s >= PROGRESS_EVERY_S:
            self._reported_s = now_s
            self._on_progress(self.summary())

    async def _send(self, item: FeedItem) -> None:
        topic = self._topics.get(item.input) or await self._find_topic(item.input)
        size = len(item.payload)
        if size > self._pipeline.inputs[item.input].max_bytes:
            self._oversized[item.input] = self._oversized.get(item.input, 0) + 1
        if item.session:
            self._sessions[topic, item.session] = None
        await self._deliveries.room(size)
        try:
            future = await self._producer.send(
                topic,
                item.payload,
                key=record_key(item),
                timestamp_ms=record_timestamp_ms(item),
                headers=record_headers(item, self._pipeline),
            )
        except KafkaError as error:
            self._deliveries.refuse(error, item, topic)
        else:
            self._deliveries.add(future, item, topic)

    async def _find_topic(self, name: str) -> str:
        if name not in self._pipeline.inputs:
            raise FeedError(
                f"expected an input of pipeline {self._pipeline.pipeline!r} "
                f"({', '.join(self._pipeline.inputs)}), got {name!r}; correct the feed"
            )
        topic = self._pipeline.topic(name)
        try:
            await asyncio.wait_for(self._producer.partitions_for(topic), TOPIC_TIMEOUT_S)
        except (TimeoutError, UnknownTopicOrPartitionError):
            raise FeedError(
                f"expected topic {topic!r} on the broker, got none; create the pipeline's topics"
            ) from None
        except KafkaError as error:
            raise FeedError(
                f"expected topic {topic!r} on the broker, got {type(error).__name__}; check the "
                "broker and what this user may do there"
            ) from None
        self._topics[name] = topic
        return topic
