"""A window of a made-up pipeline with everything in it that an explanation can show."""

from __future__ import annotations

from typing import Any

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import (
    Correction,
    ModelRef,
    Quality,
    Result,
    SensorUse,
    TaskResult,
    Timings,
    WindowSpan,
    encode_result,
    result_id,
)
from schemas.units import us_to_iso
from workers.explain.published import Published, read_published

#: 2026-03-01T12:00:02Z
START_US = 1_772_366_402_000_000
SIZE_US = 2_000_000


def pipeline_tree(name: str) -> dict[str, Any]:
    """Chunks, frames of which one is chosen, a held note, and segments that count at their end."""
    return {
        "pipeline": name,
        "partitions": 2,
        "inputs": {
            "audio": {"modality": "audio", "sensors": ["mic.left", "mic.right"]},
            "camera": {
                "modality": "video",
                "sensors": ["camera.front"],
                "matcher": {"kind": "nearest", "tolerance": "100ms"},
            },
            "notes": {
                "modality": "text",
                "sensors": ["pen"],
                "matcher": {"kind": "hold"},
            },
            "speech": {"modality": "text", "sensors": ["asr"], "event_time": "end"},
        },
        "window": {"size": "2s"},
        "model": {"name": "none"},
    }


def pipeline(name: str = "rig") -> Pipeline:
    """The same as the code has it."""
    return Pipeline.model_validate(pipeline_tree(name))


def use(input_name: str, offsets: list[tuple[int, int]], **changes: Any) -> SensorUse:
    """A sensor all of whose samples were used."""
    count = sum(last - first + 1 for first, last in offsets)
    modality = {"audio": "audio", "camera": "video"}.get(input_name, "text")
    plain = SensorUse(
        input=input_name,
        modality=modality,
        samples=count,
        used=count,
        invalid=0,
        dropped=0,
        coverage=1.0 if count else 0.0,
        skew_ms=0.0 if count else None,
        absent=None,
        offsets=offsets,
    )
    return msgspec.structs.replace(plain, **changes)


def uses() -> dict[str, SensorUse]:
    """What the window's sensors gave."""
    return {
        "mic.left": use("audio", [(0, 4)], coverage=0.5, gaps=2, repeats=1),
        "mic.right": use("audio", [], absent="never_seen"),
        "camera.front": use(
            "camera",
            [(10, 13)],
            used=1,
            skew_ms=-34.0,
            matched=11,
            clock=Correction(40.0, 30.0, 12.5),
        ),
        "pen": use(
            "notes", [], used=1, coverage=1.0, skew_ms=-61_000.0, matched=7, age_ms=62_000.0
        ),
        "asr": use("speech", [(3, 3)], skew_ms=150.0),
    }


def result(
    *,
    start_us: int = START_US,
    revision: int = 0,
    session: str = "s-1",
    pipeline_name: str = "rig",
    **changes: Any,
) -> Result:
    """The window's result, closed by a watermark and final."""
    plain = Result(
        id=result_id(pipeline_name, session, start_us, revision),
        pipeline=pipeline_name,
        session=session,
        window=WindowSpan(us_to_iso(start_us), us_to_iso(start_us + SIZE_US)),
        revision=revision,
        final=True,
        tasks={"mood": TaskResult("calm", {"calm": 0.84, "angry": 0.16})},
        modalities={"audio": 1.0},
        sensors=uses(),
        quality=Quality(0.75, 184.0, ["mic.right"]),
        model=ModelRef("none", "1", "0"),
        timings=Timings(
            completed_at_ms=(start_us + SIZE_US) // 1_000 + 640,
            wait_ms=12.25,
            fuse_ms=8.0,
            watermark=us_to_iso(start_us + SIZE_US + 120_000),
            idle=["mic.right"],
        ),
    )
    return msgspec.structs.replace(plain, **changes)


def published(one: Result, offset: int = 17) -> Published:
    """The result as it is read back."""
    found = read_published(offset, encode_result(one))
    assert found is not None
    return found
