"""Dead letters listed and sent again, on a broker."""

from __future__ import annotations

import asyncio
import json

import pytest
from msgspec.structs import replace

from schemas.pipeline import Pipeline
from schemas.pipeline_file import load_pipeline
from schemas.settings import KafkaSettings
from streams.processor.outputs import dead_letter
from streams.records import OutRecord, Record
from streams.stack import Stack
from streams.topic_ends import read_to_end
from streams.watch.dead_letters import describe, restored, send_again
from tests.cli.conftest import Sensorium

RECORD = Record(
    topic="p.notes",
    partition=1,
    offset=17,
    timestamp_ms=1_700_000_000_000,
    key=b"patient-1",
    value=b"\xffsecret",
    headers=[("ce_source", b"pen"), ("content-type", b"text/plain")],
)


def letter(pipeline: Pipeline, record: Record, reason: str = "not_utf8") -> OutRecord:
    return dead_letter(
        pipeline,
        record,
        stage="decode",
        error_class="CodecError",
        reason=reason,
        message="expected UTF-8",
    )


def as_read(out: OutRecord, offset: int = 3) -> Record:
    return Record(out.topic, out.partition or 0, offset, 0, out.key, out.value, out.headers)


@pytest.fixture
def pipeline(own_pipeline: tuple[str, str]) -> Pipeline:
    return load_pipeline(own_pipeline[0])


def test_a_restored_record_is_what_it_was(pipeline: Pipeline) -> None:
    record = replace(RECORD, topic=pipeline.topic("notes"))
    again = restored(as_read(letter(pipeline, record)), [record.topic])
    assert again == OutRecord(
        topic=record.topic,
        key=record.key,
        value=record.value,
        headers=[*record.headers, ("dlq.attempts", b"1")],
        partition=record.partition,
        timestamp_ms=record.timestamp_ms,
    )


def test_a_topic_that_is_no_input_is_never_written_to(pipeline: Pipeline) -> None:
    assert restored(as_read(letter(pipeline, RECORD)), [pipeline.topic("notes")]) is None


def test_headers_that_are_missing_are_no_error() -> None:
    found = describe(replace(RECORD, headers=()))
    assert (found.reason, found.original_offset) == ("unknown", -1)


@pytest.fixture
def two_letters(
    sensorium: Sensorium, on_stack: Stack, own_pipeline: tuple[str, str], pipeline: Pipeline
) -> KafkaSettings:
    """One of reason ``not_utf8`` and one of reason ``empty``."""
    sensorium("topics", "create", "-p", own_pipeline[0])
    kafka = KafkaSettings(bootstrap=on_stack.kafka_bootstrap)
    record = replace(RECORD, topic=pipeline.topic("notes"))
    letters = [letter(pipeline, record), letter(pipeline, replace(record, value=b""), "empty")]
    asyncio.run(send_again(letters, kafka))
    return kafka


def read(topic: str, kafka: KafkaSettings) -> list[Record]:
    async def all_records() -> list[Record]:
        return [record async for record in read_to_end(topic, kafka)]

    return asyncio.run(all_records())


@pytest.mark.integration
def test_list_shows_reason_and_origin_and_no_payload(
    sensorium: Sensorium, two_letters: KafkaSettings, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    done = sensorium("dlq", "list", "-p", path, "--json")
    first = json.loads(done.out.splitlines()[0])
    assert (first["reason"], first["original_topic"]) == ("not_utf8", f"{name}.notes")
    assert (first["partition"], first["original_offset"]) == (1, 17)
    assert "secret" not in done.out + sensorium("dlq", "list", "-p", path).out


@pytest.mark.integration
def test_list_can_be_narrowed_to_a_reason(
    sensorium: Sensorium, two_letters: KafkaSettings, own_pipeline: tuple[str, str]
) -> None:
    done = sensorium("dlq", "list", "-p", own_pipeline[0], "--reason", "empty", "--json")
    assert [json.loads(line)["value_bytes"] for line in done.out.splitlines()] == [0]


@pytest.mark.integration
def test_replay_sends_the_record_as_it_was(
    sensorium: Sensorium, two_letters: KafkaSettings, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    done = sensorium("dlq", "replay", "-p", path, "--reason", "not_utf8", "--json")
    assert json.loads(done.out)["sent"] == {f"{name}.notes": 1}
    (record,) = read(f"{name}.notes", two_letters)
    assert (record.key, record.value, record.partition) == (RECORD.key, RECORD.value, 1)
    assert list(record.headers) == [*RECORD.headers, ("dlq.attempts", b"1")]


@pytest.mark.integration
def test_a_dry_run_sends_nothing(
    sensorium: Sensorium, two_letters: KafkaSettings, own_pipeline: tuple[str, str]
) -> None:
    path, name = own_pipeline
    done = sensorium("dlq", "replay", "-p", path, "--dry-run")
    assert f"would send 2 to {name}.notes" in done.out
    assert read(f"{name}.notes", two_letters) == []
