"""What one chunk becomes: entries in order, dead letters, ends of sessions."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import pytest

from schemas.envelope import SESSION_END_TYPE, encode_headers
from schemas.envelope_reader import EnvelopeReader
from schemas.pipeline import Pipeline
from schemas.sample import Modality, Sample
from streams.align.spec import from_pipeline
from streams.align.types import DROPPED as KEPT_AS_DROPPED
from streams.align.types import SAMPLE, Entry
from streams.compute import DROPPED, BadSample, Dropped
from streams.metrics import Metrics
from streams.processor.intake import Intake, take_in
from streams.records import Chunk, Record, TopicPartition
from tests.processor.fakes import FakeCompute, header

TP = TopicPartition("p.voice", 0)
END = [("ce_type", SESSION_END_TYPE.encode())]


def pipeline(**voice: Any) -> Pipeline:
    return Pipeline.model_validate(
        {
            "pipeline": "p",
            "partitions": 1,
            "inputs": {"voice": {"modality": "audio", "sensors": ["mic"], **voice}},
            "window": {"size": "1s"},
            "model": {"name": "fake"},
        }
    )


def record(
    offset: int,
    value: bytes | None = bytes(320),
    *,
    key: bytes | None = b"s",
    headers: Sequence[tuple[str, bytes]] = (),
) -> Record:
    return Record(TP.topic, TP.partition, offset, offset * 10, key, value, headers)


class Desk:
    """Takes chunks in and keeps what was encoded and counted."""

    def __init__(self, **voice: Any) -> None:
        self.pipeline = pipeline(**voice)
        self.compute = FakeCompute()
        self.metrics = Metrics("p")
        self.reader = EnvelopeReader("voice", self.pipeline.inputs["voice"], self.pipeline.clock)

    async def take(
        self, *records: Record, known_below: int = 0, done: Collection[int] = ()
    ) -> Intake:
        return await take_in(
            Chunk(TP, 1, records),
            pipeline=self.pipeline,
            reader=self.reader,
            compute=self.compute,
            metrics=self.metrics,
            known_below=known_below,
            done=done,
            spec=from_pipeline(self.pipeline),
        )

    @property
    def encoded(self) -> list[int]:
        return [offset for _, offset in self.compute.encoded]

    def count(self, name: str, **labels: str) -> float:
        labels = {"pipeline": "p", **labels}
        return self.metrics.registry.get_sample_value(f"sensorium_{name}_total", labels) or 0.0


def entry(offset: int, feature: bytes | None, length_us: int = 10_000) -> Entry:
    return Entry("s", "mic", offset, offset * 10_000, offset * 10_000 + length_us, feature)


async def test_each_sample_becomes_an_entry_with_its_feature() -> None:
    taken = await Desk().take(record(4), record(5, bytes(640)))
    assert taken == Intake([entry(4, bytes(320)), entry(5, bytes(640), 20_000)])


async def test_a_segment_that_counts_at_its_end_is_an_instant_there() -> None:
    taken = await Desk(event_time="end").take(record(4))
    assert taken.entries == [Entry("s", "mic", 4, 50_000, 50_000, bytes(320))]


async def test_known_records_are_passed_on_in_order_without_a_feature() -> None:
    desk = Desk()
    taken = await desk.take(*map(record, range(3, 8)), known_below=5, done={6})
    assert [(each.offset, each.feature) for each in taken.entries] == [
        (3, b""),
        (4, b""),
        (5, bytes(320)),
        (6, b""),
        (7, bytes(320)),
    ]
    assert desk.encoded == [5, 7]


async def test_a_record_that_is_done_is_known_where_nothing_was_applied() -> None:
    desk = Desk()
    await desk.take(record(3), record(4), done=frozenset({4}))
    assert desk.encoded == [3]


async def test_a_chunk_of_known_records_is_not_encoded() -> None:
    desk = Desk()
    taken = await desk.take(record(3), record(4), known_below=5)
    assert (len(taken.entries), desk.encoded) == (2, [])


async def test_bad_envelopes_and_bad_samples_keep_their_place_among_the_good() -> None:
    too_long = [("ce_duration", b"for ever")]
    taken = await Desk().take(record(1), record(2, headers=too_long), record(3, b"bad"), record(4))
    assert taken.entries == [
        entry(1, bytes(320)),
        entry(2, None, 0),
        entry(3, None, 63),
        entry(4, bytes(320)),
    ]
    assert [header(letter, "dlq.reason") for letter in taken.dead_letters] == [
        "bad_duration",
        "unreadable",
    ]


async def test_a_record_without_a_session_is_a_dead_letter_without_an_entry() -> None:
    taken = await Desk().take(record(1, key=None))
    assert (taken.entries, len(taken.dead_letters)) == ([], 1)


async def test_a_bad_envelope_has_no_entry_where_segments_count_at_their_end() -> None:
    taken = await Desk(event_time="end").take(record(1, b""))
    assert (taken.entries, len(taken.dead_letters)) == ([], 1)


async def test_a_known_record_that_is_bad_is_not_a_dead_letter_again() -> None:
    desk = Desk()
    taken = await desk.take(record(1, b""), known_below=2)
    assert taken == Intake()
    assert desk.count("dead_letters", stage="envelope", reason="empty_value") == 0


async def test_samples_are_counted_by_what_became_of_them() -> None:
    desk = Desk()
    await desk.take(record(1), record(2, b"bad"), record(3, b""), record(4, headers=END), record(5))
    assert desk.count("samples", modality="audio", outcome="encoded") == 2
    assert desk.count("samples", modality="audio", outcome="invalid") == 2


async def test_a_session_end_is_neither_encoded_nor_an_entry_nor_a_dead_letter() -> None:
    desk = Desk()
    taken = await desk.take(record(1), record(2, None, headers=END), record(3, key=b"t"))
    assert taken.ends == [("s", 2)]
    assert ([each.offset for each in taken.entries], taken.dead_letters) == ([1, 3], [])
    assert desk.encoded == [1, 3]


async def test_a_session_end_that_is_known_is_passed_on_again() -> None:
    taken = await Desk().take(record(2, b"bye", headers=END), known_below=3)
    assert taken.ends == [("s", 2)]


async def test_a_session_end_without_a_session_is_a_dead_letter() -> None:
    taken = await Desk().take(record(2, b"", key=b"\xff", headers=END))
    assert taken.ends == []
    assert header(taken.dead_letters[0], "dlq.reason") == "bad_session"


async def test_samples_with_headers_are_placed_by_them() -> None:
    headers = encode_headers(
        id="v-1",
        sensor="mic.left",
        modality=Modality.AUDIO,
        start_us=70_001,
        end_us=90_001,
        content_type="audio/pcm;rate=8000",
    )
    taken = await Desk().take(record(7, headers=headers))
    assert taken.entries == [Entry("s", "mic.left", 7, 70_001, 90_001, bytes(320))]


# -- samples that are cut ------------------------------------------------------------------------

OVERLAP = {"kind": "overlap"}


class UncuttableCompute(FakeCompute):
    """Finds the times of one payload out, and cannot cut another."""

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        if sample.payload == b"no interval":
            return BadSample("unreadable", "CodecError", "expected frames, got none")
        return super().interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        if sample.payload == b"no cut":
            return BadSample("uncuttable", "CodecError", "expected frames, got noise")
        return super().cut(sample, bounds_us)


def spanning(start_us: int, end_us: int) -> list[tuple[str, bytes]]:
    return encode_headers(
        id="v-1",
        sensor="mic",
        modality=Modality.AUDIO,
        start_us=start_us,
        end_us=end_us,
        content_type="audio/pcm;rate=8000",
    )


async def test_a_sample_over_three_windows_becomes_three_parts_of_one_offset() -> None:
    desk = Desk(matcher=OVERLAP)
    taken = await desk.take(record(7, headers=spanning(900_000, 2_100_000)))
    assert [(e.offset, e.part, e.start_us, e.end_us) for e in taken.entries] == [
        (7, 0, 900_000, 1_000_000),
        (7, 1, 1_000_000, 2_000_000),
        (7, 2, 2_000_000, 2_100_000),
    ]


async def test_a_sample_that_ends_at_a_bound_is_not_cut_there() -> None:
    desk = Desk(matcher=OVERLAP)
    taken = await desk.take(record(7, headers=spanning(0, 1_000_000)))
    assert [(e.part, e.start_us, e.end_us) for e in taken.entries] == [(0, 0, 1_000_000)]


async def test_a_sample_that_was_cut_counts_once() -> None:
    desk = Desk(matcher=OVERLAP)
    await desk.take(record(7, headers=spanning(900_000, 2_100_000)), record(8))
    assert desk.count("samples", modality="audio", outcome="encoded") == 2


async def test_a_sample_whose_parts_are_all_bad_is_one_invalid_entry_and_one_dead_letter() -> None:
    desk = Desk(matcher=OVERLAP)
    taken = await desk.take(record(7, b"bad", headers=spanning(900_000, 2_100_000)), record(8))
    assert [(e.offset, e.feature is None) for e in taken.entries] == [(7, True), (8, False)]
    assert len(taken.dead_letters) == 1
    assert desk.count("samples", modality="audio", outcome="invalid") == 1
    assert desk.count("samples", modality="audio", outcome="encoded") == 1


@pytest.mark.parametrize(
    ("payload", "reason"), [(b"no interval", "unreadable"), (b"no cut", "uncuttable")]
)
async def test_a_sample_that_cannot_be_cut_is_one_invalid_entry_and_one_dead_letter(
    payload: bytes, reason: str
) -> None:
    desk = Desk(matcher=OVERLAP)
    desk.compute = UncuttableCompute()
    long = spanning(900_000, 2_100_000)
    taken = await desk.take(record(6), record(7, payload, headers=long), record(8))
    assert [(e.offset, e.start_us, e.feature is None) for e in taken.entries] == [
        (6, 60_000, False),
        (7, 900_000, True),
        (8, 80_000, False),
    ]
    assert [header(letter, "dlq.reason") for letter in taken.dead_letters] == [reason]


async def test_a_known_sample_is_passed_on_whole_and_is_not_cut() -> None:
    desk = Desk(matcher=OVERLAP)
    taken = await desk.take(record(7, headers=spanning(900_000, 2_100_000)), known_below=8)
    assert [(e.part, e.end_us, e.feature) for e in taken.entries] == [(0, 2_100_000, b"")]


class FullCompute(FakeCompute):
    """Has no room for samples of value ``shed``."""

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample | Dropped]:
        found = await super().encode(samples)
        return [
            DROPPED if sample.payload == b"shed" else feature
            for sample, feature in zip(samples, found, strict=True)
        ]


async def test_a_sample_that_was_dropped_before_the_encoder_goes_on_as_dropped() -> None:
    desk = Desk()
    desk.compute = FullCompute()
    taken = await desk.take(record(4), record(5, b"shed"))
    assert [each.kind for each in taken.entries] == [SAMPLE, KEPT_AS_DROPPED]
    assert taken.entries[1].feature is None
    assert taken.dead_letters == []
    assert desk.count("samples", modality="audio", outcome="encoded") == 1


async def test_a_part_that_was_dropped_is_counted_in_its_own_tile() -> None:
    desk = Desk(matcher={"kind": "overlap"})
    desk.compute = FullCompute()
    long = Record(TP.topic, 0, 3, 900, b"s", b"shed", [("ce_duration", b"200")])
    taken = await desk.take(long)
    assert {each.kind for each in taken.entries} == {KEPT_AS_DROPPED}
    assert {each.offset for each in taken.entries} == {3}
