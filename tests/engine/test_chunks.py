from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine.chunks import Batch, Fetched, chunks, split, take_turns
from streams.engine.settings import ChunkLimits
from streams.records import Chunk, Record, TopicPartition

TP = TopicPartition("a", 1)


@dataclass
class Wire:
    offset: int
    value: bytes | None = b"v"
    key: bytes | None = None
    timestamp: int | None = 7
    headers: tuple[tuple[str, bytes | None], ...] = field(default=())


def run(count: int, first: int = 0) -> list[Wire]:
    return [Wire(offset) for offset in range(first, first + count)]


def cut(*batches: list[Wire], generation: int = 1, **limits: int) -> list[Chunk]:
    fetched = Fetched(generation, [Batch(batch) for batch in batches])
    return list(chunks(TP, fetched, ChunkLimits(**limits)))


def offsets(found: list[Chunk]) -> list[list[int]]:
    return [[record.offset for record in chunk.records] for chunk in found]


def turns(fetched: dict[TopicPartition, int], max_records: int = 1) -> list[tuple[str, int]]:
    given_runs = {tp: Fetched(1, [Batch(run(count))]) for tp, count in fetched.items()}
    taken = take_turns(given_runs, ChunkLimits(max_records=max_records))
    return [(tp.topic, tp.partition) for tp, _ in taken]


def test_a_run_is_cut_at_the_record_limit() -> None:
    assert offsets(cut(run(5), max_records=2)) == [[0, 1], [2, 3], [4]]


def test_small_batches_share_a_chunk_and_only_the_last_one_is_short() -> None:
    found = cut(run(2), run(1, first=2), run(4, first=3), max_records=3)
    assert offsets(found) == [[0, 1, 2], [3, 4, 5], [6]]


def test_a_batch_that_compaction_has_emptied_makes_no_chunk() -> None:
    assert cut([], []) == []


def test_records_before_the_offset_that_was_asked_for_are_left_out() -> None:
    fetched = Fetched(1, [Batch(run(4), from_offset=2), Batch(run(2, first=4), from_offset=2)])
    assert offsets(list(chunks(TP, fetched, ChunkLimits()))) == [[2, 3, 4, 5]]


def test_records_are_decoded_only_when_their_chunk_is_asked_for() -> None:
    later = iter(run(2, first=2))
    taken = chunks(TP, Fetched(1, [Batch(run(3)), Batch(later)]), ChunkLimits(max_records=2))
    next(taken)
    assert next(later).offset == 2


def test_a_run_is_cut_before_it_exceeds_the_byte_limit() -> None:
    records = [Wire(i, value=b"x" * 40, key=b"k" * 10) for i in range(4)]
    assert offsets(cut(records, max_bytes=100)) == [[0, 1], [2, 3]]


def test_a_record_larger_than_the_limit_is_a_chunk_of_its_own() -> None:
    records = [Wire(0, b"x"), Wire(1, b"x" * 500), Wire(2, b"x")]
    assert offsets(cut(records, max_bytes=100)) == [[0], [1], [2]]


@given(
    sizes=st.lists(st.integers(0, 50), max_size=60),
    limits=st.builds(ChunkLimits, max_records=st.integers(1, 9), max_bytes=st.integers(1, 120)),
)
def test_cutting_keeps_every_record_in_order_and_every_chunk_within_its_limits(
    sizes: list[int], limits: ChunkLimits
) -> None:
    records = [Record("a", 1, i, 0, None, b"x" * size) for i, size in enumerate(sizes)]
    parts = list(split(records, limits))
    assert [r for part in parts for r in part] == records
    for part in parts:
        weight = sum(len(r.value or b"") for r in part)
        assert 1 <= len(part) <= limits.max_records
        assert len(part) == 1 or weight <= limits.max_bytes


def test_topics_take_turns_whatever_they_have_waiting() -> None:
    order = turns({TopicPartition("a", 0): 4, TopicPartition("b", 0): 2})
    assert order == [("a", 0), ("b", 0), ("a", 0), ("b", 0), ("a", 0), ("a", 0)]


def test_partitions_of_a_topic_take_turns() -> None:
    order = turns({TopicPartition("a", 0): 2, TopicPartition("a", 1): 2})
    assert order == [("a", 0), ("a", 1), ("a", 0), ("a", 1)]


def test_a_topic_with_one_partition_has_as_many_turns_as_one_with_many() -> None:
    many = {TopicPartition("a", number): 1 for number in range(3)}
    order = turns({**many, TopicPartition("b", 0): 3})
    assert [topic for topic, _ in order] == ["a", "b"] * 3


def test_a_chunk_has_the_generation_its_records_were_fetched_in() -> None:
    (chunk,) = cut(run(2), generation=9)
    assert (chunk.tp, chunk.generation, chunk.next_offset) == (TP, 9, 2)


def test_a_record_without_a_timestamp_has_minus_one() -> None:
    (chunk,) = cut([Wire(0, timestamp=None)])
    assert chunk.records[0].timestamp_ms == -1


def test_a_null_header_becomes_an_empty_one() -> None:
    (chunk,) = cut([Wire(0, headers=(("x", None), ("y", b"1")))])
    assert list(chunk.records[0].headers) == [("x", b""), ("y", b"1")]


@pytest.mark.parametrize("bad", [{"max_records": 0}, {"max_bytes": 0}])
def test_a_limit_below_one_is_refused(bad: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="positive"):
        ChunkLimits(**bad)
