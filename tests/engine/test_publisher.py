from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from aiokafka.partitioner import DefaultPartitioner

from streams.engine.publisher import BATCH_BYTES, Publisher
from streams.errors import PublishError
from streams.records import OutRecord
from tests.engine.conftest import Ground

pytestmark = pytest.mark.integration


@pytest.fixture
async def publisher(ground: Ground) -> AsyncIterator[Publisher]:
    publisher = Publisher(ground.kafka, "test")
    await publisher.start()
    yield publisher
    await publisher.stop()


def numbered(topic: str, count: int, size: int, partition: int | None = 0) -> list[OutRecord]:
    return [
        OutRecord(topic, b"k", b"%d" % number + b"x" * size, (), partition)
        for number in range(count)
    ]


async def test_a_partition_keeps_its_order_over_many_batches(
    ground: Ground, publisher: Publisher
) -> None:
    records = numbered(ground.output, 40, BATCH_BYTES // 3)
    await publisher.publish(records)
    assert [r.value for r in await ground.read_output(40)] == [r.value for r in records]


async def test_partitions_that_alternate_each_keep_their_order(
    ground: Ground, publisher: Publisher
) -> None:
    records = [
        OutRecord(ground.output, b"k", b"%d" % number, (), number % 2) for number in range(400)
    ]
    await publisher.publish(records)
    found = await ground.read_output(400)
    for partition in (0, 1):
        of_one = [r.value for r in found if r.partition == partition]
        assert of_one == [b"%d" % number for number in range(partition, 400, 2)]


async def test_a_record_larger_than_a_batch_goes_between_its_neighbours(
    ground: Ground, publisher: Publisher
) -> None:
    values = [b"before", b"x" * (3 * BATCH_BYTES), b"after"]
    await publisher.publish([OutRecord(ground.output, b"k", value, (), 0) for value in values])
    assert [r.value for r in await ground.read_output(3)] == values


async def test_the_key_decides_the_partition_as_in_every_kafka_client(
    ground: Ground, publisher: Publisher
) -> None:
    keys = [b"session-%d" % number for number in range(40)]
    await publisher.publish([OutRecord(ground.output, key, b"v") for key in keys])
    expected = {key: DefaultPartitioner()(key, [0, 1], [0, 1]) for key in keys}
    assert {r.key: r.partition for r in await ground.read_output(40)} == expected


async def test_a_timestamp_is_kept_to_the_millisecond(ground: Ground, publisher: Publisher) -> None:
    times_ms = [1_700_000_000_123, 1, 1_700_000_000_122]
    await publisher.publish(
        [OutRecord(ground.output, b"k", b"v", (), 0, time_ms) for time_ms in times_ms]
    )
    assert [r.timestamp_ms for r in await ground.read_output(3)] == times_ms


async def test_a_record_without_a_timestamp_has_the_present_one(
    ground: Ground, publisher: Publisher
) -> None:
    before_ms = time.time_ns() // 1_000_000
    await publisher.publish([OutRecord(ground.output, b"k", b"v", (), 0)])
    (record,) = await ground.read_output(1)
    assert record.timestamp_ms is not None
    assert before_ms <= record.timestamp_ms <= time.time_ns() // 1_000_000


async def test_a_key_without_a_value_stays_so(ground: Ground, publisher: Publisher) -> None:
    await publisher.publish([OutRecord(ground.output, b"gone", None, (), 0)])
    (record,) = await ground.read_output(1)
    assert (record.key, record.value) == (b"gone", None)


async def test_headers_arrive_in_order_and_may_repeat(ground: Ground, publisher: Publisher) -> None:
    headers = (("b", b"1"), ("a", b"2"), ("b", b"3"))
    await publisher.publish([OutRecord(ground.output, b"k", b"v", headers, 0)])
    (record,) = await ground.read_output(1)
    assert tuple(record.headers) == headers


async def test_an_error_names_the_topic_and_the_cause(ground: Ground, publisher: Publisher) -> None:
    with pytest.raises(PublishError, match=f"{ground.output}: MessageSizeTooLargeError") as error:
        await publisher.publish(
            [
                *numbered(ground.output, 3, 10),
                OutRecord(ground.output, b"k", b"x" * 17_000_000, (), 0),
            ]
        )
    assert "expected 4 records to be acknowledged, got 1 errors" in str(error.value)
    assert type(error.value.__cause__).__name__ == "MessageSizeTooLargeError"


async def test_a_partition_that_does_not_exist_fails_all_its_records_and_no_other(
    ground: Ground, publisher: Publisher
) -> None:
    with pytest.raises(PublishError, match="got 3 errors"):
        await publisher.publish(
            [*numbered(ground.output, 3, 10, partition=7), *numbered(ground.output, 2, 10)]
        )
    assert len(await ground.read_output(2)) == 2


async def test_what_is_not_bytes_is_an_error_of_that_record_alone(
    ground: Ground, publisher: Publisher
) -> None:
    wrong = OutRecord(ground.output, b"k", "text", (), 0)  # type: ignore[arg-type]
    with pytest.raises(PublishError, match=r"got 1 errors.*TypeError"):
        await publisher.publish([wrong, *numbered(ground.output, 1, 10)])
    assert len(await ground.read_output(1)) == 1


async def test_nothing_to_publish_asks_no_broker(ground: Ground) -> None:
    await Publisher(ground.kafka, "never started").publish([])
