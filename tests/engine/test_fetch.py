"""aiokafka's own fetch result, made by hand, read by batch instead of by record."""

from __future__ import annotations

import gc
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition as WireTp
from aiokafka.consumer.fetcher import FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords

from streams.engine.chunks import Batch
from streams.engine.fetch import KeptRecords, read_by_batch

TP = WireTp("t", 0)
#: With and without the bytes at hand: a fetch may be under way when the engine starts.
KINDS = (KeptRecords, MemoryRecords)


def encoded(first_offset: int, values: list[bytes]) -> bytearray:
    builder = DefaultRecordBatchBuilder(2, 0, 0, -1, -1, -1, 1_000_000)
    for number, value in enumerate(values):
        builder.append(number, 1_700_000_000_000, b"k", value, [])
    batch = bytearray(builder.build())
    batch[:8] = first_offset.to_bytes(8, "big")  # a broker sets it; no checksum covers it
    return batch


class Assignment:
    """An assignment of one partition, which notes how far it was read."""

    active = True

    def __init__(self, position: int) -> None:
        self.state = SimpleNamespace(paused=False, position=position, consumed_to=self._consumed)

    def state_value(self, tp: WireTp) -> Any:
        return self.state

    def _consumed(self, position: int) -> None:
        self.state.position = position


def fetch_result(
    data: bytes, position: int, kind: type[MemoryRecords] = KeptRecords
) -> tuple[FetchResult, Assignment]:
    assignment = Assignment(position)
    records = PartitionRecords(TP, kind(data), None, position, None, None, True, 0)
    result = FetchResult(TP, assignment=assignment, partition_records=records, backoff=0)
    read_by_batch(result)
    return result, assignment


def values(batches: list[Batch]) -> list[list[bytes]]:
    return [[record.value for record in batch.records] for batch in batches]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fetch_is_taken_by_batch(kind: type[MemoryRecords]) -> None:
    result, _ = fetch_result(bytes(encoded(0, [b"a", b"b"]) + encoded(2, [b"c"])), 0, kind)
    assert values(result.getall()) == [[b"a", b"b"], [b"c"]]


def test_a_batch_of_the_old_format_has_its_own_checksum() -> None:
    builder = LegacyRecordBatchBuilder(1, 0, 1_000_000)
    builder.append(0, 1_700_000_000_000, b"k", b"old")
    intact = bytes(builder.build())
    assert values(fetch_result(intact, 0)[0].getall()) == [[b"old"]]
    with pytest.raises(CorruptRecordException, match="checksum"):
        fetch_result(intact.replace(b"old", b"odd"), 0)[0].getall()


def test_the_position_is_after_the_last_batch() -> None:
    result, assignment = fetch_result(bytes(encoded(5, [b"a", b"b"]) + encoded(7, [b"c"])), 5)
    result.getall()
    assert (assignment.state.position, result.has_more()) == (8, False)


def test_a_fetch_from_within_a_batch_says_where_it_begins() -> None:
    result, _ = fetch_result(bytes(encoded(0, [b"a", b"b", b"c"])), 2)
    assert [batch.from_offset for batch in result.getall()] == [2]


def test_a_result_that_is_prepared_twice_is_read_once() -> None:
    result, _ = fetch_result(bytes(encoded(0, [b"a"])), 0)
    read_by_batch(result)
    assert values(result.getall()) == [[b"a"]]


def test_what_was_fetched_before_a_seek_is_not_given_out() -> None:
    result, assignment = fetch_result(bytes(encoded(0, [b"a"])), 0)
    assignment.state.position = 9
    assert result.getall() == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("at", [17, 21, 40, -2])
def test_a_corrupt_batch_raises_and_the_whole_fetch_will_be_made_again(
    at: int, kind: type[MemoryRecords]
) -> None:
    broken = encoded(1, [b"spoilt"])
    broken[at] ^= 0xFF
    result, assignment = fetch_result(bytes(encoded(0, [b"a"]) + broken), 0, kind)
    with pytest.raises(CorruptRecordException, match="checksum"):
        result.getall()
    assert (result.getall(), result.has_more(), assignment.state.position) == ([], False, 0)


def test_a_fetch_that_was_read_leaves_no_cycle_for_the_garbage_collector() -> None:
    gc.collect()
    gc.disable()
    try:
        before = sum(type(o) is PartitionRecords for o in gc.get_objects())
        result, _ = fetch_result(bytes(encoded(0, [b"a"])), 0)
        result.getall()
        del result
        left = [o for o in gc.get_objects() if type(o) is PartitionRecords]
    finally:
        gc.enable()
    assert len(left) == before
