"""What both engines do with an aiokafka consumer: seek with a stamp, and commit exactly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from typing import cast

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as WireTp
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from streams.records import TopicPartition

_log = logging.getLogger(__name__)


async def seek_to_committed(
    consumer: AIOKafkaConsumer,
    stamps: dict[WireTp, int],
    tps: Collection[TopicPartition],
    generation: int,
) -> dict[TopicPartition, int]:
    """Fetch committed offsets (0 without one), seek to them and stamp what is fetched from there.

    Seek and stamp are one step of the consumer's loop, so no record read before the seek can bear
    the new stamp. A partition that is not assigned, or that a later call has stamped, is left out.
    """
    wire = [WireTp(*tp) for tp in tps]
    committed = await asyncio.gather(*(consumer.committed(tp) for tp in wire))
    offsets: dict[TopicPartition, int] = {}
    assigned = consumer.assignment()
    for tp, at in zip(wire, committed, strict=True):
        if tp in assigned and stamps.get(tp, 0) < generation:
            consumer.seek(tp, at or 0)
            stamps[tp] = generation
            offsets[TopicPartition(tp.topic, tp.partition)] = at or 0
    return offsets


async def commit_exactly(
    consumer: AIOKafkaConsumer, due: Mapping[TopicPartition, int]
) -> dict[TopicPartition, int]:
    """Commit the assigned ones of these offsets; returns what the broker confirmed.

    A rebalance under way or a broker in trouble is no error: the next interval tries again, and
    whatever stays uncommitted is read again.
    """
    assigned = consumer.assignment()
    offsets = {WireTp(*tp): at for tp, at in due.items() if WireTp(*tp) in assigned}
    if not offsets:
        return {}
    try:
        await consumer.commit(offsets)
    except (CommitFailedError, IllegalStateError):
        return {}
    except KafkaError as error:
        _log.warning("commit refused", extra={"error_class": type(error).__name__})
        return {}
    return {TopicPartition(tp.topic, tp.partition): at for tp, at in offsets.items()}


async def hold_back(consumer: AIOKafkaConsumer, tps: Collection[TopicPartition]) -> None:
    """Pause these of the assigned partitions, and resume all others."""
    held = {WireTp(tp.topic, tp.partition) for tp in tps}
    assigned = consumer.assignment()
    paused = consumer.paused() if assigned else set()
    consumer.pause(*(held & assigned) - paused)
    consumer.resume(*(paused - held))


def highwater_ms(consumer: AIOKafkaConsumer, tp: TopicPartition) -> int | None:
    """Wall time of the fetch response that told a partition's high watermark last, epoch ms."""
    try:
        return cast("int | None", consumer.last_poll_timestamp(WireTp(*tp)))
    except AssertionError:  # aiokafka's answer for a partition that is being taken away
        return None
