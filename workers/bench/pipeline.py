"""The pipeline that is measured: three inputs that collect, tumbling windows, an identity model."""

from __future__ import annotations

from pathlib import Path

from schemas.pipeline import Pipeline
from workers.bench.workload import LATENESS_MS, OFFSET_INPUT, RATES_HZ, SIZE_MS, Workload

#: In a backlog a sensor is silent only once all of it was read: a short wait loses nothing, and
#: keeps the end of a recording, which idleness closes, from being measured as work.
BACKLOG_IDLE_MS = 200
#: Live, the 1 Hz transcript must not count as idle between two samples.
LIVE_IDLE_MS = 2_000
#: Windows fused at once at most: the identity model needs no memory for them.
_MAX_BATCH = 512


def bench_pipeline(
    name: str,
    workload: Workload,
    *,
    idle_after_ms: int,
    session_timeout_ms: int = 600_000,
) -> Pipeline:
    """The pipeline file's content for a recording, clock correction included."""
    offset_ms = workload.trouble.clock_offset_ms
    clocks = {OFFSET_INPUT: {"clock": {"offset": f"{-offset_ms}ms"}}} if offset_ms else {}
    return Pipeline.model_validate(
        {
            "pipeline": name,
            "partitions": workload.partitions,
            "inputs": {
                input_name: {
                    "modality": "points",
                    "sensors": [input_name],
                    "content_type": "application/octet-stream",
                    "lateness": f"{LATENESS_MS}ms",
                    "idle_after": f"{idle_after_ms}ms",
                    **clocks.get(input_name, {}),
                }
                for input_name in RATES_HZ
            },
            "window": {"size": f"{SIZE_MS}ms"},
            "model": {"name": "identity", "max_batch": _MAX_BATCH},
            "limits": {"session_timeout": f"{session_timeout_ms}ms"},
        }
    )


def write_pipeline(pipeline: Pipeline, folder: Path) -> Path:
    """Write the pipeline file for the processes that run it (YAML reads JSON)."""
    path = folder / f"{pipeline.pipeline}.yaml"
    path.write_text(pipeline.model_dump_json(exclude_unset=True), encoding="utf-8")
    return path
