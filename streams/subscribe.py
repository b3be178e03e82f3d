"""Subscribing to results and events: ``async for event in subscribe_events("call", kafka=…)``.

Delivery is at least once; a crash of a worker repeats a result or event with the same id, and
this client drops such repeats by id.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from typing import Any, Protocol, TypeVar

import aiokafka
from aiokafka.errors import CommitFailedError, IllegalStateError

from schemas.errors import WireError
from schemas.event import Event
from schemas.object_events import ObjectEvent, SituationEvent, decode_any_event
from schemas.result import Result, decode_result
from schemas.settings import KafkaSettings
from streams.kafka_client import client_kwargs
from streams.topic_ends import assign_topics, ends_by_fetch, stop_consumer

log = logging.getLogger(__name__)

#: Ids remembered for dropping repeats: a crash repeats at most what one worker had in flight.
_REMEMBERED_IDS = 100_000
#: Longest wait for one fetch, ms; also how soon an iteration notices that it was cancelled.
_POLL_MS = 200


class _Identified(Protocol):
    @property
    def id(self) -> str: ...


T = TypeVar("T", bound=_Identified)


class RepeatFilter:
    """Knows the newest ids.

    >>> seen = RepeatFilter(2)
    >>> [seen.is_repeat(id_) for id_ in ("a", "b", "a", "c", "d", "a")]
    [False, False, True, False, False, False]
    """

    def __init__(self, capacity: int = _REMEMBERED_IDS) -> None:
        self._capacity = capacity
        self._ids: OrderedDict[str, None] = OrderedDict()

    def is_repeat(self, id_: str) -> bool:
        """Whether the id was seen before; remembers it."""
        if id_ in self._ids:
            return True
        self._ids[id_] = None
        if len(self._ids) > self._capacity:
            self._ids.popitem(last=False)
        return False


def subscribe_results(
    pipeline: str,
    *,
    kafka: KafkaSettings,
    from_beginning: bool = False,
    group: str | None = None,
    repeats: bool = False,
) -> AsyncGenerator[Result, None]:
    """Every result of a pipeline, each id once (with ``repeats``: as often as it was published).

    Without a group, reads all partitions from now on, or with ``from_beginning`` all there is. With
    one, shares them among the group's members and goes on where the group stopped; items of one
    fetch count as done once all of them were taken.

    Raises, at the first item: ``TopicError`` where there is no such topic and no group,
    ``BrokerUnreachable`` where the broker does not tell where it ends.
    """
    topic = f"{pipeline}.results"
    return _subscribe(topic, _result, kafka, from_beginning, group, repeats)


def subscribe_events(
    pipeline: str,
    *,
    kafka: KafkaSettings,
    from_beginning: bool = False,
    group: str | None = None,
    repeats: bool = False,
) -> AsyncGenerator[Event, None]:
    """Every change of an event of a task, each id once; see ``subscribe_results``."""
    topic = f"{pipeline}.events"
    return _subscribe(topic, _task_event, kafka, from_beginning, group, repeats)


def subscribe_object_events(
    pipeline: str,
    *,
    kafka: KafkaSettings,
    from_beginning: bool = False,
    group: str | None = None,
    repeats: bool = False,
) -> AsyncGenerator[ObjectEvent | SituationEvent, None]:
    """Every change of a tracked object and of a situation, each id once; see
    ``subscribe_results``.
    """
    topic = f"{pipeline}.events"
    return _subscribe(topic, _object_event, kafka, from_beginning, group, repeats)


def subscribe_every_event(
    pipeline: str,
    *,
    kafka: KafkaSettings,
    from_beginning: bool = False,
    group: str | None = None,
    repeats: bool = False,
) -> AsyncGenerator[Event | ObjectEvent | SituationEvent, None]:
    """Every change of any kind of event, each id once; see ``subscribe_results``."""
    topic = f"{pipeline}.events"
    return _subscribe(topic, _any_event, kafka, from_beginning, group, repeats)


async def _subscribe(
    topic: str,
    decode: Callable[[Any], T | None],
    kafka: KafkaSettings,
    from_beginning: bool,
    group: str | None,
    repeats: bool,
) -> AsyncGenerator[T, None]:
    consumer = aiokafka.AIOKafkaConsumer(
        **client_kwargs(kafka),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=kafka.fetch_max_wait_ms,
    )
    await consumer.start()
    try:
        skip_until = await _position(consumer, topic, from_beginning, group)
        seen = RepeatFilter()
        while True:
            batches = await consumer.getmany(timeout_ms=_POLL_MS)
            for tp, records in batches.items():
                for record in records:
                    if record.offset < skip_until.get(tp, 0):
                        continue
                    item = _decoded(decode, record)
                    if item is not None and (repeats or not seen.is_repeat(item.id)):
                        yield item
            if group is not None and batches:
                await _commit(consumer)
    finally:
        await stop_consumer(consumer)


async def _commit(consumer: aiokafka.AIOKafkaConsumer) -> None:
    try:
        await consumer.commit()
    except (CommitFailedError, IllegalStateError):
        # The group is being shared out anew: whoever gets the partition reads the batch again.
        log.info("a commit was refused in a rebalance; the batch will be read again")


async def _position(
    consumer: aiokafka.AIOKafkaConsumer, topic: str, from_beginning: bool, group: str | None
) -> dict[Any, int]:
    """Assign the topic; returns the first offset wanted where old records must be skipped."""
    if group is not None:
        consumer.subscribe([topic])
        return {}
    tps = assign_topics(consumer, [topic])
    await consumer.seek_to_beginning(*tps)
    if from_beginning:
        return {}
    ends = await ends_by_fetch(consumer, tps)
    for tp, end in ends.items():
        consumer.seek(tp, end)
    return ends


def _result(record: Any) -> Result:
    return decode_result(record.value or b"")


def _any_event(record: Any) -> Event | ObjectEvent | SituationEvent:
    type_ = dict(record.headers).get("ce_type", b"").decode(errors="replace")
    return decode_any_event(type_, record.value or b"")


def _task_event(record: Any) -> Event | None:
    found = _any_event(record)
    return found if isinstance(found, Event) else None


def _object_event(record: Any) -> ObjectEvent | SituationEvent | None:
    found = _any_event(record)
    return None if isinstance(found, Event) else found


def _decoded(decode: Callable[[Any], T | None], record: Any) -> T | None:
    try:
        return decode(record)
    except WireError as error:
        log.warning(
            "%s[%d]@%d is skipped: %s", record.topic, record.partition, record.offset, error
        )
        return None
