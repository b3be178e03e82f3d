"""Take whole batches out of aiokafka's fetcher, still encoded.

``getmany`` makes an object of eleven fields of every record, in pure Python, and ours would be made
from it: 3.3 µs a record for the two, where decoding a batch straight to our records takes 0.8.
Positions, high watermarks and rebalances stay aiokafka's business; only what iterates over one
fetched partition is replaced, and the checksum: aiokafka computes it in software, 0.6 µs for each
kilobyte, the processor's own instruction takes a fourteenth of that.

Everything that names a private attribute of aiokafka's fetcher is in this module; PRIVATE_NAMES
lists those of its classes for the contract test. The names hold for the pinned version only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.consumer import fetcher as fetching
from aiokafka.consumer.fetcher import Fetcher, FetchResult, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.memory_records import MemoryRecords
from crc32c import crc32c

from streams.engine.chunks import Batch

#: Class and private name (or public one with a meaning we rely on) that this module uses.
PRIVATE_NAMES: Mapping[type, tuple[str, ...]] = {
    Fetcher: ("_create_fetch_waiter", "fetched_records"),
    MemoryRecords: ("has_next", "next_batch"),
    FetchResult: ("getall", "check_assignment", "_update_position"),
    PartitionRecords: ("_unpack_records",),
}

TpT = TypeVar("TpT")
#: Where the length of a batch of format 2 stands, and what it counts from; where the part begins
#: that its checksum covers.
_LENGTH = slice(8, 12)
_LENGTH_FROM = 12
_CHECKED_FROM = 21


async def fetched_batches(
    consumer: AIOKafkaConsumer,
    take: Callable[[], Awaitable[Mapping[TpT, Sequence[Any]]]],
    timeout_s: float,
) -> Mapping[TpT, Sequence[Batch]]:
    """What ``take`` finds in the fetcher, as batches; waits up to ``timeout_s`` for the first.

    ``take`` empties the fetcher at once: ``Fetcher.fetched_records`` without a timeout.
    """
    fetcher = consumer._fetcher
    subscriptions = fetcher._subscriptions
    waited = False
    while True:
        # ``fetched_records`` would wait for this, too; then it would decode what came meanwhile.
        if subscriptions.reassignment_in_progress:
            await subscriptions.wait_for_assignment()
        for result in fetcher._records.values():
            if isinstance(result, FetchResult):
                read_by_batch(result)
        taken = await take()
        if taken or waited:
            return taken
        waited = True
        waiter = fetcher._create_fetch_waiter()
        done, _ = await asyncio.wait({waiter}, timeout=timeout_s)
        if not done or fetcher._closed:
            waiter.cancel()
            return {}
        waiter.result()  # raises what the coordinator was refused


class KeptRecords(MemoryRecords):  # type: ignore[misc]  # aiokafka is not typed
    """One partition's part of a fetch, which still has its bytes."""

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self.data = data


def keep_bytes() -> None:
    """Let the fetchers of this process keep the bytes of what they fetch until it is read."""
    fetching.MemoryRecords = KeptRecords


def _is_intact(batch: Any, data: memoryview) -> bool:
    """Whether a batch's checksum is right; ``data``: its bytes, if they were kept."""
    if not data or not isinstance(batch, DefaultRecordBatch):
        return bool(batch.validate_crc())
    return bool(crc32c(data[_CHECKED_FROM:]) == batch.crc)


def read_by_batch(result: FetchResult) -> None:
    """Make the records of one fetched partition come as batches."""
    if isinstance(result._partition_records, PartitionRecords):
        result._partition_records = _PartitionBatches(result._partition_records)


class _PartitionBatches:
    """Stands in for ``PartitionRecords``: the same position, a batch in place of its records."""

    def __init__(self, encoded: PartitionRecords) -> None:
        self.next_fetch_offset: int = encoded.next_fetch_offset
        # aiokafka's own iterator refers back to ``encoded``: the cycle would keep megabytes of a
        # fetch until the next full garbage collection.
        encoded._records_iterator = None
        self._batches = self._unpack(encoded)

    def __iter__(self) -> Iterator[Batch]:
        return self._batches

    def _unpack(self, encoded: PartitionRecords) -> Iterator[Batch]:
        from_offset = self.next_fetch_offset
        records = encoded._records
        data = memoryview(records.data if isinstance(records, KeptRecords) else b"")
        while records.has_next():
            batch = records.next_batch()
            end = _LENGTH_FROM + int.from_bytes(data[_LENGTH], "big")
            whole, data = data[:end], data[end:]
            if not _is_intact(batch, whole):
                # The consumer's position has not moved yet: the whole fetch is made again.
                raise CorruptRecordException(
                    f"expected an intact batch of {encoded._tp}, got one whose checksum differs; "
                    "check the broker's disk and the network"
                )
            # Past the whole batch: compaction may have removed its last records.
            self.next_fetch_offset = batch.next_offset
            if not batch.is_control_batch:
                yield Batch(batch, from_offset)
