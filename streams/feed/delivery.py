"""What became of the samples that were handed to the producer: counts, bounds, first failure."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from aiokafka.errors import (
    InvalidTimestampError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    UnknownTopicOrPartitionError,
)

from streams.errors import FeedError, PublishError, StreamError
from streams.feed.item import FeedItem


@dataclass(frozen=True, slots=True)
class FeedSummary:
    """A feed so far, or as a whole.

    ``samples``: acknowledged by the broker, by ``input/sensor``; ``bytes``: of their payloads.
    ``sent``: handed to the producer, ``failed``: refused or given up. ``seconds``: since the first
    sample. ``lag_s``: how far the newest sample was behind its schedule, ``max_lag_s`` the most.
    ``warnings``: one line each, for a person. ``sessions``: of what was sent, sorted.
    """

    samples: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    sent: int = 0
    failed: int = 0
    seconds: float = 0.0
    lag_s: float = 0.0
    max_lag_s: float = 0.0
    warnings: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()

    @property
    def delivered(self) -> int:
        """Samples acknowledged by the broker, of all sensors."""
        return sum(self.samples.values())


def explain(error: BaseException, item: FeedItem, topic: str) -> StreamError:
    """A producer's error as one of ours, with what to do about it."""
    where = f"sample {item.sequence} of {item.input}/{item.sensor} to topic {topic!r}"
    size = len(item.payload)
    if isinstance(error, (MessageSizeTooLargeError, RecordListTooLargeError)):
        return FeedError(
            f"{where}: expected a record that broker and producer take, got {size} bytes; "
            "raise the broker's message.max.bytes or feed smaller samples"
        )
    if isinstance(error, UnknownTopicOrPartitionError):
        return FeedError(f"{where}: expected the topic, got none; create the pipeline's topics")
    if isinstance(error, InvalidTimestampError):
        return FeedError(
            f"{where}: expected a timestamp that the broker takes, got the event time "
            f"{item.start_us / 1e6:.3f} s since 1970; start nearer to now, play slower, or widen "
            "message.timestamp.after.max.ms"
        )
    return PublishError(
        f"{where}: expected the broker's acknowledgement, got {type(error).__name__}; "
        "check that the broker runs"
    )


def explain_end(error: BaseException, session: str, topic: str) -> PublishError:
    """A producer's error about the end of a session as one of ours."""
    return PublishError(
        f"end of session {session!r} on topic {topic!r}: expected the broker's acknowledgement, "
        f"got {type(error).__name__}; its samples are delivered, and its last windows close once "
        "its sensors have been silent for idle_after"
    )


class Deliveries:
    """Samples in flight, at most ``max_records`` and about ``max_bytes`` of payload."""

    def __init__(self, max_records: int, max_bytes: int) -> None:
        self._max_records = max_records
        self._max_bytes = max_bytes
        self._changed = asyncio.Event()
        #: input/sensor -> acknowledged samples.
        self.samples: dict[str, int] = {}
        self.bytes = 0
        self.sent = 0
        self.failed = 0
        self.failure: StreamError | None = None
        self._in_flight = 0
        self._in_flight_bytes = 0

    def _full(self, size: int) -> bool:
        return self._in_flight >= self._max_records or (
            self._in_flight > 0 and self._in_flight_bytes + size > self._max_bytes
        )

    async def room(self, size: int) -> None:
        """Return once ``size`` more bytes may be sent, or something failed."""
        while self._full(size) and self.failure is None:
            self._changed.clear()
            await self._changed.wait()

    def add(self, future: asyncio.Future[Any], item: FeedItem, topic: str) -> None:
        """Take charge of one sample that was handed to the producer."""
        self.sent += 1
        self._in_flight += 1
        self._in_flight_bytes += len(item.payload)
        future.add_done_callback(partial(self._settled, item, topic))

    def refuse(self, error: BaseException, item: FeedItem, topic: str) -> None:
        """Note a sample that the producer did not take."""
        self.sent += 1
        self._fail(error, item, topic)

    def _fail(self, error: BaseException, item: FeedItem, topic: str) -> None:
        self.failed += 1
        if self.failure is None:
            self.failure = explain(error, item, topic)

    def _settled(self, item: FeedItem, topic: str, future: asyncio.Future[Any]) -> None:
        size = len(item.payload)
        self._in_flight -= 1
        self._in_flight_bytes -= size
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is None:
            key = f"{item.input}/{item.sensor}"
            self.samples[key] = self.samples.get(key, 0) + 1
            self.bytes += size
        else:
            self._fail(error, item, topic)
        self._changed.set()

    async def settle(self) -> None:
        """Return once every sample has been acknowledged or has failed."""
        while self._in_flight:
            self._changed.clear()
            await self._changed.wait()
