"""Where topics end, and what happens where no broker says so."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.errors import BrokerUnreachable
from streams.topic_ends import ends_by_fetch, partition_to_end

PARTITIONS = [TopicPartition("call.audio", 0), TopicPartition("call.audio", 1)]


class _Consumer:
    """Its broker tells of the first partition only."""

    def highwater(self, partition: TopicPartition) -> int | None:
        return 5 if partition == PARTITIONS[0] else None

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[Any, Any]:
        await asyncio.sleep(0)
        return {}

    def assign(self, partitions: list[TopicPartition]) -> None:
        pass

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        pass

    async def position(self, partition: TopicPartition) -> int:
        return 3


async def test_a_partition_that_no_broker_tells_of_is_an_error_in_the_end() -> None:
    silent = cast(AIOKafkaConsumer, _Consumer())
    with pytest.raises(BrokerUnreachable, match=r"expected the end of call.audio\[1\]"):
        await ends_by_fetch(silent, PARTITIONS, stall_s=0.05)


@pytest.mark.parametrize("partition", PARTITIONS)
async def test_a_partition_that_stops_before_its_end_is_an_error_in_the_end(
    partition: TopicPartition,
) -> None:
    silent = cast(AIOKafkaConsumer, _Consumer())
    with pytest.raises(BrokerUnreachable, match=r"got nothing from offset 3 on within 0\.05 s"):
        async for _ in partition_to_end(silent, partition, stall_s=0.05):
            pass
