"""The port between the stream engine and the domain.

The engine (Faust, or a plain aiokafka loop in tests) moves records; the domain decides. Nothing of
either engine's types appears here, and the domain reads no clock: ``now_ms`` is passed in.

Order of effects, which is the at-least-once promise:
1. ``Processor.on_chunk`` takes a chunk in (its samples become durable in the window store);
2. the processor awaits ``Engine.publish`` for whatever became due;
3. only then it marks those windows done in the store;
4. and calls ``Engine.commit_through`` with what is finished.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from streams.records import Chunk, OutRecord, Record, TopicPartition


class Engine(Protocol):
    """What the domain may ask of the engine."""

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Return once the broker has acknowledged every record.

        Raises ``streams.errors.PublishError`` when one could not be delivered; then nothing that
        depends on it may be acknowledged.
        """

    def commit_through(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        """Note, per input partition, the offset before which all is finished.

        The engine commits exactly these, at its commit interval, on revocation and on stop; it
        ignores partitions it no longer owns and values that go backwards.
        """

    def generation(self, tp: TopicPartition) -> int | None:
        """Present generation of an owned partition; ``None`` when it is not ours."""

    def end_offset(self, tp: TopicPartition) -> int | None:
        """High watermark seen in the newest fetch response; ``None`` before the first."""

    def end_known_ms(self, tp: TopicPartition) -> int | None:
        """Wall time of that response, epoch milliseconds; ``None`` before the first.

        It stands still while the partition is held back or the broker does not answer: what came
        since is not known. Ask for it before ``end_offset``, which may move on in between.
        """

    def hold_back(self, tps: Collection[TopicPartition]) -> None:
        """Read these partitions, and no others, no further until told otherwise. What is fetched
        already is still delivered; partitions that are not ours are ignored.
        """

    async def read_record(self, tp: TopicPartition, offset: int) -> Record | None:
        """One record of an input again, ``None`` where the broker does not keep it any more.

        Raises ``streams.errors.BrokerUnreachable`` where no answer comes in time.
        """

    async def rewind(self, partition: int) -> dict[TopicPartition, int]:
        """Read one partition number of every input again from its committed offset.

        Returns the offsets gone back to. Chunks read before carry an older generation.
        """


class Processor(Protocol):
    """The domain, as the engine drives it. No method may raise for bad input.

    Calls for one topic partition never overlap; calls for different ones may.
    """

    async def start(self, engine: Engine) -> None:
        """Called once, before the first assignment."""

    async def on_assigned(self, committed: Mapping[TopicPartition, int], generation: int) -> None:
        """Partitions newly ours, with their committed offsets (0 where nothing is committed).

        Awaited before the first chunk of any of them is delivered.
        """

    async def on_revoked(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions no longer ours; in-flight work for them must take no more effect."""

    async def on_chunk(self, chunk: Chunk) -> None:
        """Take one chunk in; returning is the signal that the next may come (backpressure)."""

    async def on_tick(self, now_ms: int) -> None:
        """Called every ``tick_interval_ms`` with the wall clock, epoch milliseconds."""

    async def drain(self) -> None:
        """Called on SIGTERM after the last chunk: finish and publish what is due, then return."""
