"""An engine and a model in memory, to see the processor's decisions without servers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from itertools import pairwise

import msgspec

from schemas.envelope import encode_headers, session_end_headers
from schemas.event import Event, decode_event
from schemas.pipeline import Pipeline
from schemas.result import STATE_HEADER, ModelRef, Result, decode_result
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from streams.engine.port import Processor
from streams.errors import PublishError
from streams.records import Chunk, OutRecord, Record, TopicPartition
from streams.results_log import Logged

MODEL = ModelRef("fake", "1", "00")


class FakeCompute:
    """Features are the payload after a mark; ``bad`` is a bad sample. The answer counts samples.

    ``fuse`` takes no features with another mark. While ``gate`` is clear, batches are not answered.
    """

    def __init__(self, model: ModelRef = MODEL, mark: bytes = b"") -> None:
        self.model = model
        self.features = mark.decode()
        self.states = ""
        self.encoded: list[tuple[str, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        #: Set once a batch waits at the gate.
        self.fusing = asyncio.Event()
        self._mark = mark

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        self.encoded += [(each.input, each.offset) for each in samples]
        return [
            BadSample("unreadable", "CodecError", "expected good, got bad")
            if each.payload == b"bad"
            else self._mark + each.payload
            for each in samples
        ]

    def interval_us(self, sample: Sample) -> tuple[int, int]:
        return sample.start_us, sample.end_us

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample]:
        edges = [sample.start_us, *bounds_us, sample.end_us]
        return [
            msgspec.structs.replace(sample, start_us=first, end_us=last)
            for first, last in pairwise(edges)
        ] or [sample]

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self.fusing.set()
        await self.gate.wait()
        return [self._answer(window) for window in windows]

    def _answer(self, window: Window) -> Fusion:
        assert all(sample.feature.startswith(self._mark) for sample in window.samples)
        loud = sum(sample.feature == self._mark + b"loud" for sample in window.samples)
        share = loud / max(1, len(window.samples))
        return Fusion({"noise": {"loud": share, "calm": 1 - share}}, {"audio": 1.0})


class FakeEngine:
    """Topics as lists, read in chunks; commits and generations as a broker keeps them."""

    def __init__(self, pipeline: Pipeline, clock_ms: Callable[[], int]) -> None:
        self.pipeline = pipeline
        self.log: dict[TopicPartition, list[Record]] = {
            TopicPartition(pipeline.topic(name), number): []
            for name in pipeline.inputs
            for number in range(pipeline.partitions)
        }
        self.position = dict.fromkeys(self.log, 0)
        self.committed = dict.fromkeys(self.log, 0)
        self.generations = dict.fromkeys(self.log, 1)
        self.published: list[OutRecord] = []
        self.refuse_publishing = False
        #: Records that were read again, and offsets that the broker does not keep any more.
        self.read_again: list[tuple[TopicPartition, int]] = []
        self.gone: set[int] = set()
        self.held: frozenset[TopicPartition] = frozenset()
        #: What was to be held back, call by call.
        self.holds: list[frozenset[TopicPartition]] = []
        #: Of what is held back: its end and the time, as they were known before.
        self.known_ends: dict[TopicPartition, tuple[int, int]] = {}
        #: When the broker answered last.
        self.clock_ms = clock_ms

    # -- what the processor may ask for ---------------------------------------------------------

    async def publish(self, records: Sequence[OutRecord]) -> None:
        if self.refuse_publishing and records:
            raise PublishError("expected an acknowledgement, got none")
        self.published += records

    def commit_through(self, next_offsets: Mapping[TopicPartition, int]) -> None:
        for tp, offset in next_offsets.items():
            self.committed[tp] = max(self.committed[tp], offset)

    def hold_back(self, tps: Collection[TopicPartition]) -> None:
        for tp in set(tps) - self.held:
            self.known_ends[tp] = len(self.log[tp]), self.clock_ms()
        self.held = frozenset(tps)
        self.holds.append(self.held)

    def generation(self, tp: TopicPartition) -> int | None:
        return self.generations.get(tp)

    def end_offset(self, tp: TopicPartition) -> int | None:
        return self.known_ends.get(tp, (0, 0))[0] if tp in self.held else len(self.log[tp])

    def end_known_ms(self, tp: TopicPartition) -> int | None:
        return self.known_ends.get(tp, (0, 0))[1] if tp in self.held else self.clock_ms()

    async def read_record(self, tp: TopicPartition, offset: int) -> Record | None:
        self.read_again.append((tp, offset))
        log = self.log[tp]
        return log[offset] if offset < len(log) and offset not in self.gone else None

    async def rewind(self, partition: int) -> dict[TopicPartition, int]:
        back = {tp: at for tp, at in self.committed.items() if tp.partition == partition}
        for tp, offset in back.items():
            self.generations[tp] += 1
            self.position[tp] = offset
        return back

    # -- what a test does -----------------------------------------------------------------------

    def feed(
        self,
        name: str,
        at_ms: int,
        payload: bytes = b"calm",
        *,
        session: bytes | None = b"s",
        sensor: str | None = None,
        arrival_ms: int | None = None,
        sequence: int | None = None,
    ) -> int:
        """Append one sample; returns its offset. ``arrival_ms``: the record's own timestamp."""
        spec = self.pipeline.inputs[name]
        tp = TopicPartition(self.pipeline.topic(name), 0)
        offset = len(self.log[tp])
        headers = encode_headers(
            id=f"{name}-{offset}",
            sensor=sensor or name,
            modality=spec.modality,
            start_us=at_ms * 1000,
            content_type=spec.default_content_type,
            sequence=sequence,
        )
        arrived_ms = at_ms if arrival_ms is None else arrival_ms
        self.log[tp].append(Record(tp.topic, 0, offset, arrived_ms, session, payload, headers))
        return offset

    def end_session(self, name: str, session: str = "s") -> None:
        """Append the marker that a session is over on an input."""
        tp = TopicPartition(self.pipeline.topic(name), 0)
        headers = session_end_headers(session, "test")
        offset = len(self.log[tp])
        self.log[tp].append(Record(tp.topic, 0, offset, 0, session.encode(), b"", headers))

    async def deliver(self, processor: Processor, *, chunk_records: int = 3) -> None:
        """Hand over everything not read yet and not held back, turn by turn over the inputs."""
        while any(self._unread(tp) for tp in self.log):
            await self.turn(processor, chunk_records)

    async def turn(self, processor: Processor, chunk_records: int) -> None:
        """Hand over one chunk of each partition."""
        for tp, log in self.log.items():
            if self._unread(tp):
                records = log[self.position[tp] : self.position[tp] + chunk_records]
                self.position[tp] += len(records)
                await processor.on_chunk(Chunk(tp, self.generations[tp], records))

    def _unread(self, tp: TopicPartition) -> bool:
        return tp not in self.held and self.position[tp] < len(self.log[tp])

    async def assign(self, processor: Processor) -> None:
        """Give the processor every partition, read from what is committed."""
        self.position = dict(self.committed)
        await processor.on_assigned(self.committed, 1)

    def on(self, topic: str) -> list[OutRecord]:
        """What was published to an output topic."""
        return [record for record in self.published if record.topic == self.pipeline.topic(topic)]

    def events(self) -> list[Event]:
        return [decode_event(record.value or b"") for record in self.on("events")]

    def results(self) -> list[Result]:
        return [decode_result(record.value or b"") for record in self.on("results")]

    async def result_log(self, shard: int) -> AsyncIterator[Logged]:
        for record in self.on("results"):
            if record.partition == shard:
                state = dict(record.headers).get(STATE_HEADER, b"")
                yield Logged(decode_result(record.value or b""), state)


def header(record: OutRecord, name: str) -> str:
    """One header of a published record."""
    return dict(record.headers)[name].decode()


def starts_ms(results: Iterable[Result]) -> list[str]:
    """Seconds part of the results' window starts, in order of publication."""
    return [result.window.start[-7:-1] for result in results]
