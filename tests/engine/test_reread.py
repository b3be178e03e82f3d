"""One record read again by its coordinates, from a real broker."""

from __future__ import annotations

import pytest

from schemas.settings import KafkaSettings
from streams.engine.reread import read_record
from streams.errors import BrokerUnreachable
from streams.records import TopicPartition
from streams.stack.component import free_port
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration


async def test_the_record_at_an_offset_comes_back_as_it_was(ground: Ground) -> None:
    tp = ground.tp(0, 1)
    await ground.produce(tp, [b"value-%d" % number for number in range(50)])
    record = await read_record(ground.kafka, tp, 41)
    assert record is not None
    assert (record.offset, record.key, record.value) == (41, b"k", b"value-41")
    assert (record.topic, record.partition) == tp


async def test_an_offset_that_the_broker_does_not_have_gives_none(ground: Ground) -> None:
    tp = ground.tp(0, 0)
    await ground.produce(tp, [b"v"] * 3)
    assert await read_record(ground.kafka, tp, 3, timeout_s=10) is None


async def test_no_broker_is_an_error_within_the_time_out() -> None:
    kafka = KafkaSettings(bootstrap=f"127.0.0.1:{free_port()}")
    with pytest.raises(BrokerUnreachable, match="expected record 3 of t"):
        await read_record(kafka, TopicPartition("t", 0), 3, timeout_s=2)
