"""A recording through the path of the stream: record, envelope, encoder, entry."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from schemas.envelope_reader import EnvelopeReader
from schemas.pipeline import Pipeline
from streams.align.clock import ShardClocks, corrects
from streams.align.spec import AlignSpec
from streams.align.types import Entry
from streams.compute import Compute
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.feed.wire import record_headers, record_key, record_timestamp_ms
from streams.metrics import Metrics
from streams.processor.intake import Intake, take_in
from streams.processor.outputs import DLQ_PREFIX
from streams.records import Chunk, Record, TopicPartition


@dataclass(frozen=True, slots=True)
class Taken:
    """One sample that was read. ``offset``: its place among the recording's of its input."""

    input: str
    offset: int
    due_us: int
    entries: Sequence[Entry]


@dataclass(frozen=True, slots=True)
class Refused:
    """One sample that the stream would divert as a dead letter."""

    input: str
    offset: int
    session: str
    sensor: str
    start_us: int
    stage: str
    reason: str
    message: str


@dataclass(slots=True)
class Counts:
    """What was read so far. ``samples``, ``invalid``: by (input, sensor)."""

    samples: Counter[tuple[str, str]] = field(default_factory=Counter)
    invalid: Counter[tuple[str, str]] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    sessions: set[str] = field(default_factory=set)
    bytes: int = 0


class Desk:
    """Turns samples of a recording into entries, as if they were one partition of their topics."""

    def __init__(self, pipeline: Pipeline, spec: AlignSpec, compute: Compute) -> None:
        self._pipeline = pipeline
        self._spec = spec
        self._compute = compute
        self._readers = {
            name: EnvelopeReader(name, rule, pipeline.clock)
            for name, rule in pipeline.inputs.items()
        }
        corrected = any(corrects(rule) for rule in pipeline.inputs.values())
        self._clocks = ShardClocks(pipeline) if corrected else None
        self._metrics = Metrics(pipeline.pipeline)
        self._next = dict.fromkeys(pipeline.inputs, 0)
        self.counts = Counts()

    async def take(self, items: Sequence[FeedItem]) -> tuple[list[Taken], list[Refused]]:
        """Read and encode some samples, in the order of their ``due_us``.

        Raises ``FeedError`` for one of an input that the pipeline does not have.
        """
        by_input: dict[str, list[tuple[FeedItem, Record]]] = {}
        order: list[tuple[FeedItem, int]] = []
        for item in items:
            record = self._record(item)
            by_input.setdefault(item.input, []).append((item, record))
            order.append((item, record.offset))
            sensor = (item.input, item.sensor)
            self.counts.samples[sensor] += 1
            self.counts.bytes += len(item.payload)
            if item.session:
                self.counts.sessions.add(item.session)
        intakes = await asyncio.gather(
            *(self._take_input(name, pairs) for name, pairs in by_input.items())
        )
        entries: dict[tuple[str, int], list[Entry]] = {}
        refused: list[Refused] = []
        for (name, pairs), intake in zip(by_input.items(), intakes, strict=True):
            for entry in intake.entries:
                entries.setdefault((name, entry.offset), []).append(entry)
            refused += self._refused(name, pairs, intake)
        taken = [
            Taken(item.input, offset, item.due_us, entries.get((item.input, offset), ()))
            for item, offset in order
        ]
        return taken, refused

    def _record(self, item: FeedItem) -> Record:
        """The record that a played sample is on its topic, see ``streams.feed.player``."""
        if item.input not in self._next:
            raise FeedError(
                f"expected an input of pipeline {self._pipeline.pipeline!r} "
                f"({', '.join(self._next)}), got {item.input!r}; correct the recording"
            )
        offset = self._next[item.input]
        self._next[item.input] = offset + 1
        return Record(
            self._pipeline.topic(item.input),
            0,
            offset,
            record_timestamp_ms(item),
            record_key(item),
            item.payload,
            record_headers(item, self._pipeline),
        )

    async def _take_input(self, name: str, pairs: Sequence[tuple[FeedItem, Record]]) -> Intake:
        chunk = Chunk(
            TopicPartition(self._pipeline.topic(name), 0), 1, [record for _, record in pairs]
        )
        return await take_in(
            chunk,
            pipeline=self._pipeline,
            reader=self._readers[name],
            compute=self._compute,
            metrics=self._metrics,
            known_below=0,
            done=(),
            spec=self._spec,
            clocks=self._clocks,
        )

    def _refused(
        self, name: str, pairs: Sequence[tuple[FeedItem, Record]], intake: Intake
    ) -> list[Refused]:
        items = {record.offset: item for item, record in pairs}
        refused: list[Refused] = []
        for letter in intake.dead_letters:
            told: dict[str, Any] = {
                key.removeprefix(DLQ_PREFIX): value.decode()
                for key, value in letter.headers
                if key.startswith(DLQ_PREFIX)
            }
            offset = int(told["original.offset"])
            item = items[offset]
            self.counts.invalid[name, item.sensor] += 1
            self.counts.reasons[told["reason"]] += 1
            refused.append(
                Refused(
                    name,
                    offset,
                    item.session,
                    item.sensor,
                    item.start_us,
                    told["stage"],
                    told["reason"],
                    told["error.message"],
                )
            )
        return refused
