"""One record as a message, and what a digest tells apart."""

from __future__ import annotations

import pytest
from google.protobuf import descriptor_pb2

from streams.errors import RecordError
from streams.record.digest import Totals
from streams.record.message import decode, encode, file_descriptor_set
from streams.records import Record

FULL = Record("t.in", 3, 2**40, 1_700_000_000_123, b"s", b"\x00\xff", [("a", b"1"), ("a", b"")])


def test_a_record_comes_back_as_it_was() -> None:
    assert decode(encode(FULL)) == FULL


def test_no_key_is_not_an_empty_key() -> None:
    bare = Record("t.in", 0, 0, -1, None, None, [("none", None)])  # type: ignore[list-item]
    empty = Record("t.in", 0, 0, -1, b"", b"", [("none", b"")])
    assert (decode(encode(bare)), decode(encode(empty))) == (bare, empty)


def test_other_bytes_are_no_record() -> None:
    with pytest.raises(RecordError, match=r"expected a message sensorium\.Record, got 3"):
        decode(b"\xff\xff\xff")


def test_the_schema_in_the_file_names_every_field() -> None:
    files = descriptor_pb2.FileDescriptorSet.FromString(file_descriptor_set())
    (record,) = [m for m in files.file[0].message_type if m.name == "Record"]
    names = [field.name for field in record.field]
    assert names == ["topic", "partition", "offset", "timestamp_ms", "key", "value", "headers"]


def digest(*records: Record) -> str:
    totals = Totals()
    for record in records:
        totals.add(record)
    return totals.sha256


def test_the_digest_does_not_depend_on_how_partitions_come_in_between() -> None:
    other = Record("t.in", 1, 0, 5, b"k", b"v")
    assert digest(FULL, other) == digest(other, FULL)


@pytest.mark.parametrize(
    "other",
    [
        Record("t.in", 3, 2**40, 1_700_000_000_123, b"s\x00", b"\xff", FULL.headers),
        Record("t.in", 3, 2**40 + 1, 1_700_000_000_123, b"s", b"\x00\xff", FULL.headers),
        Record("t.in", 3, 2**40, 1_700_000_000_124, b"s", b"\x00\xff", FULL.headers),
        Record("t.in", 3, 2**40, 1_700_000_000_123, b"s", b"\x00\xff", [("a", b"1")]),
        Record("t.in", 3, 2**40, 1_700_000_000_123, None, b"\x00\xff", FULL.headers),
    ],
)
def test_the_digest_tells_every_field(other: Record) -> None:
    assert digest(other) != digest(FULL)
