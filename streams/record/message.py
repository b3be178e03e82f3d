"""One Kafka record as a message of an MCAP file: protobuf, whose schema is in the file.

So any program that reads MCAP can take a record apart: topic, partition, offset, timestamp in
milliseconds, key, value and headers, of which the last three may lack a value as Kafka allows.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from streams.errors import RecordError
from streams.record.extra import require
from streams.records import Record

SCHEMA = "sensorium.Record"
_FILE = "sensorium/record.proto"


@cache
def file_descriptor_set() -> bytes:
    """The schema, as MCAP wants it: a serialised ``FileDescriptorSet``."""
    descriptor = require("google.protobuf.descriptor_pb2")
    files = descriptor.FileDescriptorSet()
    file = files.file.add(name=_FILE, package="sensorium", syntax="proto2")
    field = descriptor.FieldDescriptorProto

    def add(message: Any, number: int, name: str, kind: int, **more: Any) -> None:
        label = more.pop("label", field.LABEL_OPTIONAL)
        message.field.add(number=number, name=name, type=kind, label=label, **more)

    header = file.message_type.add(name="Header")
    add(header, 1, "name", field.TYPE_STRING)
    add(header, 2, "value", field.TYPE_BYTES)
    record = file.message_type.add(name="Record")
    add(record, 1, "topic", field.TYPE_STRING)
    add(record, 2, "partition", field.TYPE_INT32)
    add(record, 3, "offset", field.TYPE_INT64)
    add(record, 4, "timestamp_ms", field.TYPE_INT64)
    add(record, 5, "key", field.TYPE_BYTES)
    add(record, 6, "value", field.TYPE_BYTES)
    add(
        record,
        7,
        "headers",
        field.TYPE_MESSAGE,
        label=field.LABEL_REPEATED,
        type_name=".sensorium.Header",
    )
    return bytes(files.SerializeToString())


@cache
def _record_class() -> Any:
    descriptor = require("google.protobuf.descriptor_pb2")
    pools = require("google.protobuf.descriptor_pool")
    factory = require("google.protobuf.message_factory")
    files = descriptor.FileDescriptorSet.FromString(file_descriptor_set())
    pool = pools.DescriptorPool()
    pool.Add(files.file[0])
    return factory.GetMessageClass(pool.FindMessageTypeByName(SCHEMA))


def encode(record: Record) -> bytes:
    """The message of one record."""
    message = _record_class()(
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        timestamp_ms=record.timestamp_ms,
    )
    if record.key is not None:
        message.key = record.key
    if record.value is not None:
        message.value = record.value
    for name, value in record.headers:
        header = message.headers.add(name=name)
        if value is not None:
            header.value = value
    return bytes(message.SerializeToString())


def decode(data: bytes) -> Record:
    """The record of one message. Raises ``RecordError`` where it is none."""
    kind = _record_class()
    try:
        message = kind.FromString(data)
    except require("google.protobuf.message").DecodeError:
        raise RecordError(
            f"expected a message {SCHEMA}, got {len(data)} other bytes; the file is damaged"
        ) from None
    return Record(
        message.topic,
        message.partition,
        message.offset,
        message.timestamp_ms,
        message.key if message.HasField("key") else None,
        message.value if message.HasField("value") else None,
        # Kafka allows a header without a value, and so do those who read a ``Record``.
        [(one.name, one.value if one.HasField("value") else None) for one in message.headers],  # type: ignore[misc]
    )
