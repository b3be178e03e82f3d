"""The player: when samples are sent, what is sent, and what happens when it cannot be."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from aiokafka.errors import (
    InvalidTimestampError,
    KafkaConnectionError,
    KafkaTimeoutError,
    MessageSizeTooLargeError,
    UnknownTopicOrPartitionError,
)

from schemas.envelope import SESSION_END_TYPE, decode_sample
from schemas.pipeline import Pipeline
from streams.errors import BrokerUnreachable, FeedError, PublishError
from streams.feed.delivery import FeedSummary
from streams.feed.item import FeedItem
from streams.feed.player import MAX_IN_FLIGHT, play

T0_US = 1_769_846_400_000_000


class FakeClock:
    """Time that passes only by sleeping, or when a test lets it."""

    def __init__(self) -> None:
        self.time_s = 100.0
        self.slept: list[float] = []

    def now_s(self) -> float:
        return self.time_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time_s += seconds
        await asyncio.sleep(0)


@dataclass
class Sent:
    topic: str
    value: bytes
    key: bytes
    timestamp_ms: int
    headers: list[tuple[str, bytes]]
    at_s: float
    future: asyncio.Future[None]


@dataclass
class FakeProducer:
    """Acknowledges at once; ``refuse`` decides which sample fails, and how."""

    clock: FakeClock
    refuse: Callable[[int], Exception | None] = lambda index: None
    missing: tuple[str, ...] = ()
    acknowledge: bool = True
    unreachable: bool = False
    send_takes_s: float = 0.0
    sent: list[Sent] = field(default_factory=list)
    arguments: dict[str, Any] = field(default_factory=dict)
    stopped: bool = False
    someone_sent: asyncio.Event = field(default_factory=asyncio.Event)
    full: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self, **arguments: Any) -> FakeProducer:
        self.arguments = arguments
        return self

    async def start(self) -> None:
        if self.unreachable:
            raise KafkaConnectionError("nobody there")

    async def stop(self) -> None:
        self.stopped = True

    async def partitions_for(self, topic: str) -> set[int]:
        if topic in self.missing:
            raise UnknownTopicOrPartitionError
        return {0}

    async def send(self, topic: str, value: bytes, **record: Any) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        index = len(self.sent)
        self.sent.append(
            Sent(topic, value, at_s=self.clock.time_s - 100.0, future=future, **record)
        )
        self.clock.time_s += self.send_takes_s
        if (error := self.refuse(index)) is not None:
            future.set_exception(error)
        elif self.acknowledge:
            future.set_result(None)
        self.someone_sent.set()
        if len(self.sent) == MAX_IN_FLIGHT:
            self.full.set()
        await asyncio.sleep(0)
        return future


@pytest.fixture
def ward(make_pipeline: Callable[..., Pipeline]) -> Pipeline:
    return make_pipeline(vitals={"modality": "series", "max_bytes": 50}, notes={"modality": "text"})


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def item(
    index: int, *, due_s: float | None = None, size: int = 2, input: str = "vitals"
) -> FeedItem:
    start_us = T0_US + round((index if due_s is None else due_s) * 1e6)
    return FeedItem(
        session="bed-1",
        input=input,
        sensor=input,
        start_us=start_us,
        end_us=start_us + 250_500,
        content_type="application/json",
        payload=b"x" * size,
        sequence=index,
        due_us=start_us,
    )


async def run(
    items: Any, pipeline: Pipeline, producer: FakeProducer, speed: float | None = 1.0, **more: Any
) -> FeedSummary:
    return await play(
        items,
        kafka={"bootstrap_servers": "nowhere:1"},
        pipeline=pipeline,
        speed=speed,
        clock=producer.clock,
        open_producer=producer,
        **more,
    )


@pytest.mark.parametrize(
    ("speed", "at_s"), [(1.0, [0, 1, 2.5]), (2.0, [0, 0.5, 1.25]), (0.5, [0, 2, 5])]
)
async def test_samples_are_sent_when_due_at_each_speed(
    speed: float, at_s: list[float], ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock)
    items = [item(n, due_s=due_s) for n, due_s in enumerate((0, 1, 2.5))]
    await run(items, ward, producer, speed)
    assert [sent.at_s for sent in producer.sent] == pytest.approx(at_s)


async def test_at_maximum_speed_nothing_waits(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock)
    await run([item(n) for n in range(600)], ward, producer, None)
    assert clock.slept == []
    assert len(producer.sent) == 600


async def test_a_feed_that_falls_behind_says_by_how_much_and_catches_up(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock, send_takes_s=1.5)
    summary = await run([item(n) for n in range(3)] + [item(3, due_s=10.0)], ward, producer)
    assert [sent.at_s for sent in producer.sent] == pytest.approx([0.0, 1.5, 3.0, 10.0])
    assert summary.max_lag_s == pytest.approx(1.0)
    assert summary.lag_s == 0.0


async def test_a_record_is_what_the_envelope_reads_back(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock)
    sent_item = item(3)
    await run([sent_item], ward, producer)
    (sent,) = producer.sent

    sample = decode_sample(
        topic=sent.topic,
        partition=0,
        offset=0,
        timestamp_ms=sent.timestamp_ms,
        key=sent.key,
        value=sent.value,
        headers=sent.headers,
        input_name="vitals",
        spec=ward.inputs["vitals"],
        clock=ward.clock,
    )

    assert sent.topic == "ward.vitals"
    assert sent.timestamp_ms == sent_item.start_us // 1_000
    assert (sample.session, sample.sensor, sample.sequence) == ("bed-1", "vitals", 3)
    assert (sample.start_us, sample.end_us) == (sent_item.start_us, sent_item.end_us)
    assert sample.payload == sent_item.payload


async def test_ids_differ_between_samples_and_repeat_between_runs(
    ward: Pipeline, clock: FakeClock
) -> None:
    ids = []
    for _ in range(2):
        producer = FakeProducer(clock)
        await run([item(0), item(1), item(0, input="notes")], ward, producer, None)
        ids.append([dict(sent.headers)["ce_id"] for sent in producer.sent])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 3


async def test_the_summary_counts_what_was_acknowledged(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock)
    items = [item(0), item(1), item(1, input="notes", size=7)]
    summary = await run(items, ward, producer)
    assert summary.samples == {"vitals/vitals": 2, "notes/notes": 1}
    assert (summary.delivered, summary.sent, summary.failed, summary.bytes) == (3, 3, 0, 11)
    assert summary.seconds == pytest.approx(1.0)


async def test_a_sample_above_max_bytes_is_sent_with_a_warning(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock)
    summary = await run([item(0, size=50), item(1, size=51)], ward, producer)
    assert summary.delivered == 2
    (warning,) = summary.warnings
    assert warning.startswith("vitals: 1 samples are larger than max_bytes (50)")


async def test_progress_is_told_now_and_then_and_at_the_end(
    ward: Pipeline, clock: FakeClock
) -> None:
    told: list[FeedSummary] = []
    producer = FakeProducer(clock)
    items = [item(n, due_s=n / 100) for n in range(300)]
    await run(items, ward, producer, on_progress=told.append)
    assert 8 <= len(told) <= 14
    assert told[-1].delivered == 300


@pytest.mark.parametrize(
    ("error", "kind", "complaint"),
    [
        (MessageSizeTooLargeError(), FeedError, "sample 1 of vitals/vitals .*message.max.bytes"),
        (InvalidTimestampError(), FeedError, "expected a timestamp that the broker takes"),
        (UnknownTopicOrPartitionError(), FeedError, "expected the topic"),
        (KafkaTimeoutError(), PublishError, "acknowledgement, got KafkaTimeoutError"),
    ],
)
async def test_a_delivery_that_fails_stops_the_feed_and_says_why(
    error: Exception,
    kind: type[Exception],
    complaint: str,
    ward: Pipeline,
    clock: FakeClock,
) -> None:
    told: list[FeedSummary] = []
    producer = FakeProducer(clock, refuse=lambda index: error if index == 1 else None)
    with pytest.raises(kind, match=complaint):
        await run([item(n) for n in range(100)], ward, producer, on_progress=told.append)
    assert producer.stopped
    assert len(producer.sent) < 5
    assert (told[-1].failed, told[-1].delivered) == (1, len(producer.sent) - 1)


async def test_a_failure_is_not_slept_over(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock, refuse=lambda index: KafkaTimeoutError())
    with pytest.raises(PublishError):
        await run([item(0), item(1, due_s=3_600.0)], ward, producer)
    assert sum(clock.slept) <= 1.0


async def test_a_missing_topic_is_named(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock, missing=("ward.vitals",))
    with pytest.raises(FeedError, match=r"expected topic 'ward\.vitals' on the broker"):
        await run([item(0)], ward, producer)
    assert producer.stopped


async def test_an_input_that_the_pipeline_lacks_is_named(ward: Pipeline, clock: FakeClock) -> None:
    with pytest.raises(FeedError, match="got 'camera'"):
        await run([item(0, input="camera")], ward, FakeProducer(clock))


async def test_a_broker_that_does_not_answer_is_named(ward: Pipeline, clock: FakeClock) -> None:
    producer = FakeProducer(clock, unreachable=True)
    with pytest.raises(BrokerUnreachable, match="nowhere:1"):
        await run([item(0)], ward, producer)
    assert producer.stopped


async def test_arguments_of_the_caller_win_over_the_defaults(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock)
    await play(
        [],
        kafka={"bootstrap_servers": "b:1", "linger_ms": 40},
        pipeline=ward,
        open_producer=producer,
    )
    assert producer.arguments["linger_ms"] == 40
    assert producer.arguments["acks"] == "all"


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
async def test_a_speed_that_leads_nowhere_is_refused(
    speed: float, ward: Pipeline, clock: FakeClock
) -> None:
    with pytest.raises(FeedError, match="speed: expected"):
        await run([], ward, FakeProducer(clock), speed)


async def test_a_file_that_breaks_off_delivers_what_came_before(
    ward: Pipeline, clock: FakeClock
) -> None:
    def broken() -> Iterator[FeedItem]:
        yield item(0)
        yield item(1)
        raise FeedError("film.avi: cut short")

    producer = FakeProducer(clock)
    with pytest.raises(FeedError, match="cut short"):
        await run(broken(), ward, producer)
    assert len(producer.sent) == 2
    assert producer.stopped


async def test_in_flight_samples_are_bounded_until_some_are_acknowledged(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock, acknowledge=False)
    playing = asyncio.create_task(
        run([item(n) for n in range(MAX_IN_FLIGHT + 10)], ward, producer, None)
    )
    async with asyncio.timeout(30):
        await producer.full.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(producer.sent) == MAX_IN_FLIGHT
        while not playing.done():
            for sent in producer.sent:
                if not sent.future.done():
                    sent.future.set_result(None)
            await asyncio.sleep(0)
    assert playing.result().delivered == MAX_IN_FLIGHT + 10


async def test_files_are_read_off_the_event_loop_and_closed(
    ward: Pipeline, clock: FakeClock
) -> None:
    threads: set[int] = set()
    closed = threading.Event()

    def source() -> Iterator[FeedItem]:
        try:
            for index in range(1_000):
                threads.add(threading.get_ident())
                yield item(index)
        finally:
            closed.set()

    producer = FakeProducer(clock, refuse=lambda index: KafkaTimeoutError())
    with pytest.raises(PublishError):
        await run(source(), ward, producer, None)
    assert threading.get_ident() not in threads
    assert closed.is_set()


async def test_a_cancelled_feed_closes_its_files_and_its_producer(
    ward: Pipeline, clock: FakeClock
) -> None:
    closed = threading.Event()

    def source() -> Iterator[FeedItem]:
        try:
            yield item(0)
            yield item(1, due_s=1e6)
        finally:
            closed.set()

    class Standstill(FakeClock):
        async def sleep(self, seconds: float) -> None:
            await asyncio.Event().wait()

    producer = FakeProducer(Standstill())
    playing = asyncio.create_task(run(source(), ward, producer))
    async with asyncio.timeout(30):
        await producer.someone_sent.wait()
        playing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await playing
    assert closed.is_set()
    assert producer.stopped


# -- ends of sessions ----------------------------------------------------------------------------


def ends(producer: FakeProducer) -> list[tuple[int, str, bytes]]:
    """Place in the order of sending, topic and key of every record that ends a session."""
    return [
        (place, sent.topic, sent.key)
        for place, sent in enumerate(producer.sent)
        if dict(sent.headers)["ce_type"] == SESSION_END_TYPE.encode()
    ]


def of_session(session: str, index: int, input: str = "vitals") -> FeedItem:
    return replace(item(index, input=input), session=session)


async def test_after_all_samples_each_session_ends_once_on_each_input_that_it_was_fed_on(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock)
    items = [
        of_session("bed-1", 0),
        of_session("bed-2", 1),
        of_session("bed-1", 2),
        of_session("bed-1", 3, "notes"),
    ]
    await run(items, ward, producer, end_sessions=True)
    assert ends(producer) == [
        (4, "ward.vitals", b"bed-1"),
        (5, "ward.vitals", b"bed-2"),
        (6, "ward.notes", b"bed-1"),
    ]


async def test_unless_asked_for_no_session_is_said_to_be_over(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock)
    await run([item(0)], ward, producer)
    assert ends(producer) == []


async def test_no_session_ends_when_a_sample_could_not_be_delivered(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock, refuse=lambda index: KafkaTimeoutError() if index else None)
    with pytest.raises(PublishError):
        await run([item(0), item(1)], ward, producer, None, end_sessions=True)
    assert ends(producer) == []


async def test_no_session_ends_when_a_file_breaks_off(ward: Pipeline, clock: FakeClock) -> None:
    def broken() -> Iterator[FeedItem]:
        yield item(0)
        raise FeedError("film.avi: cut short")

    producer = FakeProducer(clock)
    with pytest.raises(FeedError):
        await run(broken(), ward, producer, end_sessions=True)
    assert ends(producer) == []


async def test_ends_of_sessions_are_not_counted_as_samples(
    ward: Pipeline, clock: FakeClock
) -> None:
    summary = await run([item(0)], ward, FakeProducer(clock), end_sessions=True)
    assert (summary.sent, summary.delivered) == (1, 1)


async def test_an_end_that_the_broker_does_not_take_is_an_error_that_says_so(
    ward: Pipeline, clock: FakeClock
) -> None:
    producer = FakeProducer(clock, refuse=lambda index: KafkaTimeoutError() if index else None)
    with pytest.raises(PublishError, match=r"end of session 'bed-1' on topic 'ward\.vitals'"):
        await run([item(0)], ward, producer, end_sessions=True)
    assert producer.stopped
