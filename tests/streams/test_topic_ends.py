"""Where topics end, and what happens where no broker says so."""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.errors import BrokerUnreachable
from streams.topic_ends import ends_by_fetch

PARTITIONS = [TopicPartition("call.audio", 0), TopicPartition("call.audio", 1)]


class _Consumer:
    """Its broker tells of the first partition only."""

    def highwater(self, partition: TopicPartition) -> int | None:
        return 5 if partition == PARTITIONS[0] else None

    async def getmany(self, timeout_ms: int) -> dict[Any, Any]:
        await asyncio.sleep(0)
        return {}


async def test_a_partition_that_no_broker_tells_of_is_an_error_in_the_end() -> None:
    silent = cast(AIOKafkaConsumer, _Consumer())
    with pytest.raises(BrokerUnreachable, match=r"expected the end of call.audio\[1\]"):
        await ends_by_fetch(silent, PARTITIONS, stall_s=0.05)
