"""The published contract, generated from the types: JSON Schemas and one AsyncAPI 3 document."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

from schemas.content_type import ACCEPTED
from schemas.event import EVENT_TYPES, Event
from schemas.payloads import ObjectList, Readings, TextSegment, Waveforms
from schemas.pipeline import Pipeline
from schemas.result import RESULT_TYPE, Result
from schemas.sample import Modality
from schemas.settings import Settings

#: Folder of the generated files, inside the package.
CONTRACT_DIR = Path(__file__).parent / "contract"
_DIALECT = "https://json-schema.org/draft/2020-12/schema"
#: Payloads that are JSON; the others are bytes of their content type.
_JSON_PAYLOADS: dict[Modality, tuple[Any, ...]] = {
    Modality.TEXT: (TextSegment,),
    Modality.OBJECTS: (ObjectList,),
    Modality.SERIES: (Readings, Waveforms),
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """File name -> JSON Schema of everything that has one."""
    schemas = {
        "result.v1": _wire_schema((Result,), "A fused result"),
        "event.v1": _wire_schema((Event,), "A change of an event"),
        "pipeline": Pipeline.model_json_schema(),
        "settings": Settings.model_json_schema(),
    }
    for modality, types in _JSON_PAYLOADS.items():
        schemas[f"sample.{modality}.v1"] = _wire_schema(types, f"JSON payload of {modality}")
    return {
        f"{name}.schema.json": {"$schema": _DIALECT, **schema} for name, schema in schemas.items()
    }


def _wire_schema(types: tuple[Any, ...], title: str) -> dict[str, Any]:
    schemas, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    return {"title": title, **_any_of(schemas), "$defs": parts}


def _any_of(schemas: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}


def sample_headers_schema(modality: Modality) -> dict[str, Any]:
    """The Kafka headers of a sample. None is required: the pipeline file supplies the rest."""
    text = {"type": "string"}
    return {
        "type": "object",
        "properties": {
            "ce_specversion": {"type": "string", "const": "1.0"},
            "ce_id": text,
            "ce_source": {"type": "string", "description": "the sensor"},
            "ce_type": {"type": "string", "const": f"sensorium.sample.{modality}.v1"},
            "ce_time": {
                "type": "string",
                "format": "date-time",
                "description": "event time; without it, the record's timestamp",
            },
            "ce_sequence": {"type": "string", "description": "counter of the sensor"},
            "ce_duration": {"type": "string", "description": "milliseconds that the sample covers"},
            "ce_traceparent": {"type": "string", "description": "W3C trace context"},
            "content-type": {
                "type": "string",
                "description": "one of " + ", ".join(sorted(ACCEPTED[modality])),
            },
        },
    }


def asyncapi() -> dict[str, Any]:
    """The AsyncAPI 3 document of every topic of a pipeline."""
    schemas: dict[str, Any] = {}
    messages = {f"{modality}Sample": _sample_message(modality, schemas) for modality in Modality}
    messages["result"] = _output_message("Result", (Result,), [RESULT_TYPE], schemas)
    messages["event"] = _output_message("Event", (Event,), sorted(EVENT_TYPES.values()), schemas)
    messages["lateSample"] = _diverted_message(
        "A sample that came after its window was closed", "late.", ("reason", "by_ms")
    )
    messages["deadLetter"] = _diverted_message(
        "A record that could not be processed",
        "dlq.",
        ("stage", "reason", "error.class", "error.message", "attempts"),
    )
    samples = [name for name in messages if name.endswith("Sample") and name != "lateSample"]
    outputs = {"results": "result", "events": "event", "late": "lateSample", "dlq": "deadLetter"}
    channels = {"samples": _channel("{pipeline}.{input}", samples)}
    channels |= {name: _channel(f"{{pipeline}}.{name}", [each]) for name, each in outputs.items()}
    operations = {"feedSamples": _operation("receive", "samples", "A sensor feeds its samples.")}
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


def _sample_message(modality: Modality, schemas: dict[str, Any]) -> dict[str, Any]:
    message: dict[str, Any] = {
        "title": f"One {modality} sample",
        "headers": sample_headers_schema(modality),
        "bindings": _KEY,
    }
    if modality in _JSON_PAYLOADS:
        message["payload"] = _inlined(_JSON_PAYLOADS[modality], schemas)
    else:
        message["payload"] = {
            "type": "string",
            "format": "binary",
            "description": "raw bytes of the content type",
        }
    return message


def _output_message(
    title: str, types: tuple[Any, ...], ce_types: list[str], schemas: dict[str, Any]
) -> dict[str, Any]:
    payload = _inlined(types, schemas)
    text = {"type": "string"}
    return {
        "title": title,
        "contentType": "application/json",
        "headers": {
            "type": "object",
            "required": ["ce_specversion", "ce_id", "ce_source", "ce_type"],
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": {"type": "string", "description": "drop repeats by it"},
                "ce_source": text,
                "ce_type": {"type": "string", "enum": ce_types},
                "ce_subject": {"type": "string", "description": "the session"},
                "ce_time": {"type": "string", "format": "date-time"},
                "content-type": {"type": "string", "const": "application/json"},
            },
        },
        "bindings": _KEY,
        "payload": payload,
    }


def _diverted_message(title: str, prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
    origin = tuple(f"original.{part}" for part in ("topic", "partition", "offset", "timestamp"))
    return {
        "title": title,
        "description": "Key, value and headers as they came, with these headers added.",
        "headers": {
            "type": "object",
            "required": [prefix + name for name in origin + names],
            "properties": {prefix + name: {"type": "string"} for name in origin + names},
        },
        "bindings": _KEY,
        "payload": {"type": "string", "format": "binary"},
    }


_KEY = {"kafka": {"key": {"type": "string", "description": "the session"}}}


def _inlined(types: tuple[Any, ...], schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the types; their schemas are put among the document's."""
    payload, parts = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    schemas.update(parts)
    return _any_of(payload)


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
