"""The published contract is what the types say, and real messages fit it."""

from __future__ import annotations

import json

import jsonschema
import pytest
import yaml

from schemas.contract import CONTRACT_DIR, asyncapi, json_schemas, stale_files
from schemas.envelope import session_end_headers
from schemas.event import Event, encode_event
from schemas.result import (
    ModelRef,
    Quality,
    Result,
    SensorUse,
    TaskResult,
    Timings,
    WindowSpan,
    decode_result,
    encode_result,
)

RESULT = Result(
    id="0b0e",
    pipeline="call",
    session="c-1",
    window=WindowSpan("2026-01-01T00:00:00.000Z", "2026-01-01T00:00:02.000Z"),
    revision=0,
    final=True,
    tasks={"sentiment": TaskResult("negative", {"negative": 0.9, "neutral": 0.1})},
    modalities={"audio": 1.0},
    sensors={"mic": SensorUse("audio", "audio", 5, 5, 0, 0, 1.0, 3.5, None, [(0, 4)])},
    quality=Quality(1.0, 0.0, []),
    model=ModelRef("call", "1", "00"),
    timings=Timings(1, 2.0, 3.0),
)


def test_the_committed_contract_is_current() -> None:
    assert stale_files() == []


@pytest.mark.parametrize("name", sorted(json_schemas()))
def test_every_schema_is_valid_itself(name: str) -> None:
    schema = json.loads((CONTRACT_DIR / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)


def test_a_result_fits_its_schema() -> None:
    jsonschema.validate(json.loads(encode_result(RESULT)), json_schemas()["result.v1.schema.json"])


def test_a_result_without_its_window_does_not_fit() -> None:
    body = json.loads(encode_result(RESULT))
    del body["window"]
    with pytest.raises(jsonschema.ValidationError, match="'window' is a required property"):
        jsonschema.validate(body, json_schemas()["result.v1.schema.json"])


def test_a_result_reads_back_as_it_was() -> None:
    assert decode_result(encode_result(RESULT)) == RESULT


def test_an_event_fits_its_schema() -> None:
    event = Event("i", "e", "opened", "call", "c", "n", "t", "l", 0.9, 0.9, "s", "u", 1, "r")
    jsonschema.validate(json.loads(encode_event(event)), json_schemas()["event.v1.schema.json"])


def test_the_asyncapi_file_names_every_kind_of_topic() -> None:
    document = yaml.safe_load((CONTRACT_DIR / "asyncapi.yaml").read_text())
    addresses = {channel["address"] for channel in document["channels"].values()}
    assert addresses == {
        "{pipeline}.{input}",
        "{pipeline}.results",
        "{pipeline}.events",
        "{pipeline}.late",
        "{pipeline}.dlq",
        "{pipeline}.shadow",
    }


def test_the_end_of_a_session_is_sent_to_the_topics_of_inputs_alone() -> None:
    reference = {"$ref": "#/components/messages/sessionEnd"}
    carrying = [
        channel["address"]
        for channel in asyncapi()["channels"].values()
        if reference in channel["messages"].values()
    ]
    assert carrying == ["{pipeline}.{input}"]


def test_the_end_of_a_session_fits_its_headers_and_a_sample_does_not() -> None:
    schema = asyncapi()["components"]["messages"]["sessionEnd"]["headers"]
    end = {name: value.decode() for name, value in session_end_headers("c-1", "crm")}
    jsonschema.validate(end, schema)
    with pytest.raises(jsonschema.ValidationError, match="was expected"):
        jsonschema.validate(end | {"ce_type": "sensorium.sample.audio.v1"}, schema)


def test_every_reference_in_the_asyncapi_document_leads_somewhere() -> None:
    document = asyncapi()

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            own = [node["$ref"]] if "$ref" in node else []
            return own + [ref for value in node.values() for ref in references(value)]
        if isinstance(node, list):
            return [ref for value in node for ref in references(value)]
        return []

    found = references(document)
    assert found
    for ref in found:
        node: object = document
        for part in ref.removeprefix("#/").split("/"):
            assert isinstance(node, dict), ref
            assert part in node, ref
            node = node[part]


def test_the_asyncapi_document_says_how_bytes_are_laid_out() -> None:
    messages = asyncapi()["components"]["messages"]
    assert "s16le" in messages["audioSample"]["payload"]["description"]
    assert "float32" in messages["pointsSample"]["payload"]["description"]
    assert "text/plain" in messages["textSample"]["description"]
