"""A pipeline, records of its topics, and recordings of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from schemas.envelope import encode_headers
from schemas.pipeline import Pipeline
from schemas.sample import Modality
from streams.record.handover import Handover
from streams.record.writer import Writer, channels_of
from streams.records import Record

#: A whole second.
T0_US = 1_700_000_000_000_000


@pytest.fixture
def make_pipeline() -> Callable[..., Pipeline]:
    """Make a pipeline of the inputs given by name."""

    def make(name: str = "ward", **inputs: dict[str, object]) -> Pipeline:
        return Pipeline.model_validate(
            {
                "pipeline": name,
                "inputs": inputs,
                "window": {"size": "1s"},
                "model": {"name": "any"},
            }
        )

    return make


@pytest.fixture
def ward(unique_name: Callable[[str], str]) -> Pipeline:
    """Notes and vital signs, windows of a second."""
    return Pipeline.model_validate(
        {
            "pipeline": unique_name("ward")[-48:].lstrip("-0123456789"),
            "partitions": 2,
            "inputs": {
                "notes": {"modality": "text", "sensors": ["pen"], "lateness": "0s"},
                "vitals": {"modality": "series", "sensors": ["monitor"], "lateness": "0s"},
            },
            "window": {"size": "1s"},
            "model": {"name": "any"},
        }
    )


def note(
    pipeline: Pipeline, offset: int, at_s: float, text: str = "stable", session: str = "bed-1"
) -> Record:
    """A note at a second after ``T0_US``, as a producer sends it."""
    start_us = T0_US + round(at_s * 1e6)
    headers = encode_headers(
        id=f"note-{offset}",
        sensor="pen",
        modality=Modality.TEXT,
        start_us=start_us,
        content_type="text/plain;charset=utf-8",
        sequence=offset,
    )
    return Record(
        pipeline.topic("notes"),
        0,
        offset,
        start_us // 1000,
        session.encode(),
        text.encode(),
        headers,
    )


@pytest.fixture
def make_recording(tmp_path: Path) -> Callable[..., Path]:
    """Write records of a pipeline's inputs and results into one file."""

    def make(pipeline: Pipeline, records: Iterable[Record], name: str = "r.mcap") -> Path:
        path = tmp_path / name
        handover = Handover(pipeline)
        with Writer(path, pipeline, channels_of(pipeline, [*pipeline.inputs], ["results"])) as file:
            for record in records:
                file.add(record, handover.time_us(record))
        return path

    return make
