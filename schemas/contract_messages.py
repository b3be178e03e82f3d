"""The messages of the AsyncAPI document: headers and payloads of what is on the topics."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from schemas.content_type import ACCEPTED
from schemas.envelope_fields import SESSION_END_TYPE
from schemas.payloads import ObjectList, Readings, TextSegment, Waveforms
from schemas.sample import Modality

#: Payloads that are JSON; the others are bytes of their content type.
JSON_PAYLOADS: dict[Modality, tuple[Any, ...]] = {
    Modality.TEXT: (TextSegment,),
    Modality.OBJECTS: (ObjectList,),
    Modality.SERIES: (Readings, Waveforms),
}
#: What the bytes of the others are.
_FILE = "a whole JPEG or PNG file"
_BYTES: Mapping[Modality, str] = MappingProxyType(
    {
        Modality.VIDEO: _FILE,
        Modality.IMAGE: _FILE,
        Modality.AUDIO: "audio/pcm: interleaved values without a header, as its parameters say "
        "(rate 8000 to 48000, channels, format s16le or f32le; what they leave out is as in the "
        "input's content_type, 16000, 1 and s16le by default); else a whole WAV or FLAC file",
        Modality.POINTS: "of each return four float32, little-endian: x forward, y left, z up in "
        "metres, intensity (0 to 1, or to 255); application/octet-stream is read as the same",
    }
)
#: What a payload may be besides.
_ELSE: Mapping[Modality, str] = MappingProxyType(
    {
        Modality.TEXT: "As text/plain the text alone, in UTF-8.",
        Modality.OBJECTS: "Or the list of objects alone.",
    }
)
_NONE: Mapping[str, Any] = MappingProxyType({})
_KEY = {"kafka": {"key": {"type": "string", "description": "the session"}}}


def _sample_headers(modality: Modality) -> dict[str, Any]:
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


def sample_message(modality: Modality, schemas: dict[str, Any]) -> dict[str, Any]:
    """One sample. The schemas of a JSON payload are put into ``schemas``, here and below."""
    message: dict[str, Any] = {
        "title": f"One {modality} sample",
        "headers": _sample_headers(modality),
        "bindings": _KEY,
    }
    if modality in JSON_PAYLOADS:
        message["payload"] = _inlined(JSON_PAYLOADS[modality], schemas)
    else:
        message["payload"] = {"type": "string", "format": "binary", "description": _BYTES[modality]}
    if modality in _ELSE:
        message["description"] = _ELSE[modality]
    return message


def session_end_message() -> dict[str, Any]:
    """The mark that a session is over on one input."""
    return {
        "title": "The end of a session on one input",
        "description": "The session is the key; the value is not looked at. Sent to each input "
        "that was fed, after the session's last sample there. A later sample takes it back.",
        "headers": {
            "type": "object",
            "required": ["ce_type"],
            "properties": {
                "ce_specversion": {"type": "string", "const": "1.0"},
                "ce_id": {"type": "string"},
                "ce_source": {"type": "string", "description": "who says it"},
                "ce_type": {"type": "string", "const": SESSION_END_TYPE},
            },
        },
        "bindings": _KEY,
    }


def output_message(
    title: str,
    types: tuple[Any, ...],
    ce_types: list[str],
    schemas: dict[str, Any],
    more_headers: Mapping[str, Any] = _NONE,
) -> dict[str, Any]:
    """A CloudEvent with a JSON body, as a worker publishes it. ``more_headers``: that it may have
    besides.
    """
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
                **more_headers,
            },
        },
        "bindings": _KEY,
        "payload": payload,
    }


def diverted_message(title: str, prefix: str, names: tuple[str, ...]) -> dict[str, Any]:
    """A record that was diverted; ``prefix`` and ``names`` make the headers that were added."""
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


def _inlined(types: tuple[Any, ...], schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the types; their schemas are put among the document's."""
    payload, parts = msgspec.json.schema_components(
        types, ref_template="#/components/schemas/{name}"
    )
    schemas.update(parts)
    return any_of(payload)


def any_of(schemas: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    """The schema that fits what one of these fits."""
    return schemas[0] if len(schemas) == 1 else {"anyOf": list(schemas)}
