"""The Faust consumer that delivers stamped chunks and commits only what was declared.

Everything that names a private attribute of Faust is in this module (those of aiokafka are in
``fetch``); PRIVATE_NAMES lists them for the contract test. The names hold for the pinned versions
only.

Two of Faust's mechanisms are left behind here. Its acknowledgements: offsets are committed as the
domain declared them (Faust's gaps stall for ever behind a first chunk at offset 0 and commit past
unfinished offsets out of order). Its read offsets: they drop whatever is read again after a seek.
In their place every fetch is stamped, in the consumer's thread and in one step with the seek, with
the partition's generation; the ledger tells a stale chunk by its stamp.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as WireTp
from faust.tables.manager import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage

from streams.engine.chunks import Batch, Fetched
from streams.engine.fetch import fetched_batches
from streams.engine.scheduler import ChunkScheduler
from streams.engine.settings import ChunkLimits
from streams.engine.wire import commit_exactly, highwater_ms, hold_back, seek_to_committed
from streams.records import Chunk, TopicPartition

#: Class and private name (or public one with a meaning we rely on) that this module uses.
PRIVATE_NAMES: Mapping[type, tuple[str, ...]] = {
    driver.AIOKafkaConsumerThread: (
        "_create_worker_consumer",
        "_ensure_consumer",
        "_fetch_records",
        "call_thread",
        "getmany",
    ),
    driver.Consumer: (
        "_new_consumer_thread",
        "_to_message",
        "_commit_handler",
        "on_buffer_full",
        "perform_seek",
        "verify_event_path",
        "commit",
    ),
    TableManager: ("on_start", "_update_channels"),
}

#: Kafka's type of a timestamp that the producer set. Faust asks every message for one; what reads
#: it is not used here.
_CREATE_TIME = 0


@dataclass(frozen=True, slots=True)
class Wiring:
    """What the transport's consumer needs of the engine."""

    consumer_kwargs: Mapping[str, Any]
    limits: ChunkLimits
    commit: Callable[[], Awaitable[None]]


class _ForgetfulOffsets(dict[TP, int | None]):
    """Faust's read offsets, always unknown: a known one makes it drop records read again, keep
    an interval tree of gaps without bound, or both.
    """

    def __getitem__(self, tp: TP) -> None:
        return None

    def __setitem__(self, tp: TP, offset: int | None) -> None:
        pass


class StampingThread(driver.AIOKafkaConsumerThread):
    """The consumer's thread; its loop owns the aiokafka consumer and the stamps."""

    def __init__(self, consumer: OrderedConsumer, wiring: Wiring, **kwargs: Any) -> None:
        self._wiring = wiring
        #: Generation of what is fetched from now on; touched in the consumer's loop only.
        self._stamps: dict[WireTp, int] = {}
        super().__init__(consumer, **kwargs)

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(**self._wiring.consumer_kwargs)

    async def getmany(self, active_partitions: Any, timeout: float) -> Any:  # noqa: ASYNC109
        """Fetch, and stamp each partition's records with their generation."""
        return await self.call_thread(self._fetch_stamped, active_partitions, timeout)

    async def _fetch_stamped(self, active_partitions: Any, timeout: float) -> dict[TP, Fetched]:  # noqa: ASYNC109
        consumer = self._ensure_consumer()

        async def take() -> Mapping[WireTp, Sequence[Batch]]:
            taken: Mapping[WireTp, Sequence[Batch]] = await self._fetch_records(
                consumer, active_partitions
            )
            return taken

        if not self.consumer.flow_active:
            return {}
        fetched = await fetched_batches(consumer, take, timeout)
        # No other task of this loop has run since the batches were taken out of the fetcher.
        return {
            TP(tp.topic, tp.partition): Fetched(self._stamps.get(tp, 0), batches)
            for tp, batches in fetched.items()
        }

    async def seek_stamped(
        self, tps: Collection[TopicPartition], generation: int
    ) -> dict[TopicPartition, int]:
        """``seek_to_committed`` in the consumer's loop."""
        offsets: dict[TopicPartition, int] = await self.call_thread(
            seek_to_committed, self._ensure_consumer(), self._stamps, tps, generation
        )
        return offsets

    async def commit_declared(self, due: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
        """``commit_exactly`` in the consumer's loop."""
        done: dict[TopicPartition, int] = await self.call_thread(
            commit_exactly, self._ensure_consumer(), due
        )
        return done

    async def hold_back(self, tps: Collection[TopicPartition]) -> None:
        """``wire.hold_back`` in the consumer's loop."""
        await self.call_thread(hold_back, self._ensure_consumer(), tps)

    def highwater_ms(self, tp: TopicPartition) -> int | None:
        """``wire.highwater_ms``; like Faust's ``highwater`` a mere look, from any thread."""
        return highwater_ms(self._ensure_consumer(), tp)


class OrderedConsumer(driver.Consumer):
    """Faust's consumer without its acknowledgements: one message is one chunk."""

    thread: StampingThread

    def __init__(self, transport: Any, *args: Any, **kwargs: Any) -> None:
        self._wiring: Wiring = transport.wiring
        super().__init__(transport, *args, **kwargs)
        self.scheduler = ChunkScheduler(self._wiring.limits)
        self._read_offset = _ForgetfulOffsets()

    def _new_consumer_thread(self) -> StampingThread:
        self.thread = StampingThread(self, self._wiring, loop=self.loop, beacon=self.beacon)
        return self.thread

    def _to_message(self, tp: TP, record: Chunk) -> ConsumerMessage:
        last = record.records[-1]
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            last.offset,
            last.timestamp_ms / 1000.0,
            _CREATE_TIME,
            None,
            None,
            cast(Any, record),
            None,
            tp=tp,
            generation_id=self.app.consumer_generation_id,
        )

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        """Commit what the domain declared; called by Faust's timer and when it stops."""
        await self._wiring.commit()
        return True

    async def perform_seek(self) -> None:
        """Nothing: the engine has already gone to the committed offsets, stamped."""

    def on_buffer_full(self, tp: TP) -> None:
        """Nothing: a full queue makes delivery wait. Faust would leave the partition out of the
        next fetches, and sleep for a second where that leaves none.
        """

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: the check takes a processor that holds reading back for a broken broker."""


class NoTables(TableManager):
    """Faust's table manager for an app without tables; set as ``TableManager``."""

    async def on_start(self) -> None:
        """Start at once: Faust would wait a second here for tables to be declared."""
        await self._update_channels()
        await self.recovery.start()


class OrderedTransport(driver.Transport):
    """The aiokafka driver with the ordered consumer; set as ``app.transport``."""

    Consumer = OrderedConsumer

    def __init__(self, *args: Any, wiring: Wiring, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.wiring = wiring
