"""The published contract, generated from the types: JSON Schemas and one AsyncAPI 3 document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas.contract_messages import (
    JSON_PAYLOADS,
    any_of,
    diverted_message,
    output_message,
    sample_message,
    session_end_message,
)
from schemas.event import EVENT_TYPES, Event
from schemas.object_events import (
    OBJECT_EVENT_TYPES,
    SITUATION_EVENT_TYPES,
    ObjectEvent,
    SituationEvent,
)
from schemas.pipeline import Pipeline
from schemas.result import RESULT_TYPE, STATE_HEADER, Result
from schemas.sample import Modality
from schemas.settings import Settings

#: Folder of the generated files, inside the package.
CONTRACT_DIR = Path(__file__).parent / "contract"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_STATE = {
    "type": "string",
    "format": "binary",
    "description": "what the model keeps of the session, if it keeps any; for workers alone",
}
_FEEDS = "A sensor feeds its samples; who feeds a session says when it is over."


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema of everything that has one."""
    schemas = {
        "result.v1": _wire_schema((Result,), "A fused result"),
        "event.v1": _wire_schema((Event,), "A change of an event"),
        "object.v1": _wire_schema((ObjectEvent,), "A change of a tracked object"),
        "situation.v1": _wire_schema((SituationEvent,), "A change of a situation"),
        "pipeline": Pipeline.model_json_schema(),
        "settings": Settings.model_json_schema(),
    }
    for modality, types in JSON_PAYLOADS.items():
        schemas[f"sample.{modality}.v1"] = _wire_schema(types, f"JSON payload of {modality}")
    return {
        f"{name}.schema.json": {"$schema": _DIALECT, **schema} for name, schema in schemas.items()
    }


def _wire_schema(types: tuple[Any, ...], title: str) -> dict[str, Any]:
    schemas, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {"title": title, **any_of(schemas), "$defs": parts}


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of every topic of a pipeline."""
    schemas: dict[str, Any] = {}
    messages = {f"{modality}Sample": sample_message(modality, schemas) for modality in Modality}
    messages["sessionEnd"] = session_end_message()
    inputs = list(messages)
    messages["result"] = output_message(
        "Result", (Result,), [RESULT_TYPE], schemas, {STATE_HEADER: _STATE}
    )
    for name, kind, types in (
        ("event", Event, EVENT_TYPES),
        ("objectEvent", ObjectEvent, OBJECT_EVENT_TYPES),
        ("situationEvent", SituationEvent, SITUATION_EVENT_TYPES),
    ):
        messages[name] = output_message(kind.__name__, (kind,), sorted(types.values()), schemas)
    messages["lateSample"] = diverted_message(
        "A sample that came after its window was closed", "late.", ("reason", "by_ms")
    )
    messages["deadLetter"] = diverted_message(
        "A record that could not be processed",
        "dlq.",
        ("stage", "reason", "error.class", "error.message", "attempts"),
    )
    outputs = {
        "results": ["result"],
        "events": ["event", "objectEvent", "situationEvent"],
        "late": ["lateSample"],
        "dlq": ["deadLetter"],
        "shadow": ["result"],
    }
    channels = {"samples": _channel("{pipeline}.{input}", inputs)}
    channels |= {name: _channel(f"{{pipeline}}.{name}", each) for name, each in outputs.items()}
    operations = {"feedSamples": _operation("receive", "samples", _FEEDS)}
    for name in outputs:
        operations[f"publish{name.capitalize()}"] = _operation(
            "send", name, f"A worker publishes to {name}."
        )
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sensorium",
            "version": "1",
            "description": "Sensor samples in, fused results and events out. The Kafka key is the "
            "session; samples, results and events are CloudEvents in binary mode.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": schemas},
    }


def _channel(address: str, messages: list[str]) -> dict[str, Any]:
    parameters = {"pipeline": {"description": "name of the pipeline"}}
    if "{input}" in address:
        parameters["input"] = {"description": "name of an input in the pipeline file"}
    return {
        "address": address,
        "parameters": parameters,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str, summary: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": summary,
    }


def render() -> dict[str, str]:
    """File name -> text of the whole contract."""
    files = {
        name: json.dumps(schema, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        for name, schema in json_schemas().items()
    }
    files["asyncapi.yaml"] = yaml.safe_dump(_plain(asyncapi()), sort_keys=False, width=100)
    return files


def _plain(tree: Mapping[str, Any]) -> Any:
    """Without shared objects, which YAML would write as anchors."""
    return json.loads(json.dumps(tree))


def stale_files(folder: Path = CONTRACT_DIR) -> list[str]:
    """Names of contract files that are absent or differ from the types."""
    return [
        name
        for name, text in render().items()
        if not (folder / name).is_file() or (folder / name).read_text(encoding="utf-8") != text
    ]


def write_contract(folder: Path = CONTRACT_DIR) -> list[Path]:
    """Write every file of the contract; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in render().items():
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    return paths
