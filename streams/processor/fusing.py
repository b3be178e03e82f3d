"""Due windows to results and events: fuse, derive events. Effects are the caller's."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schemas.event import Event
from schemas.pipeline import Pipeline
from schemas.result import (
    Result,
    TaskResult,
    Timings,
    WindowSpan,
    result_id,
)
from schemas.units import us_to_iso
from streams.align.report import sensor_uses
from streams.align.spec import AlignSpec
from streams.align.types import Window
from streams.compute import Compute, Fusion
from streams.event_rules import decode_state, encode_state, step

#: Probabilities and shares are published with so many decimals: far finer than a model's
#: accuracy, coarse enough to hide a float's dependence on its batch.
DECIMALS = 4


@dataclass(slots=True)
class Fused:
    """A batch of windows with what is to be published for them.

    ``event_states``: (shard, session) -> the state after its last window of the batch.
    """

    windows: Sequence[Window]
    results: list[Result] = field(default_factory=list)
    events: list[tuple[int, Event]] = field(default_factory=list)
    event_states: dict[tuple[int, str], bytes] = field(default_factory=dict)
    fuse_seconds: float = 0.0


async def fuse_windows(
    windows: Sequence[Window],
    *,
    pipeline: Pipeline,
    spec: AlignSpec,
    compute: Compute,
    now_ms: int,
) -> Fused:
    """Fuse leased windows in one batch; a session's windows must come in order."""
    fused = Fused(windows)
    began = time.perf_counter()
    answers = await compute.fuse(windows)
    fused.fuse_seconds = time.perf_counter() - began
    for window, answer in zip(windows, answers, strict=True):
        timings = Timings(
            completed_at_ms=window.completed_at_ms,
            wait_ms=float(max(0, now_ms - window.completed_at_ms)),
            fuse_ms=round(fused.fuse_seconds * 1000, 3),
        )
        result = _result(window, answer, pipeline, spec, compute, timings)
        fused.results.append(result)
        key = (window.shard, window.session)
        stored = fused.event_states.get(key, window.event_state)
        state, changes = step(pipeline.events, decode_state(stored), result)
        fused.event_states[key] = encode_state(state)
        fused.events.extend((window.shard, change) for change in changes)
    return fused


def _result(
    window: Window,
    answer: Fusion,
    pipeline: Pipeline,
    spec: AlignSpec,
    compute: Compute,
    timings: Timings,
) -> Result:
    sensors, quality = sensor_uses(window, spec)
    return Result(
        id=result_id(pipeline.pipeline, window.session, window.start_us, 0),
        pipeline=pipeline.pipeline,
        session=window.session,
        window=WindowSpan(us_to_iso(window.start_us), us_to_iso(window.end_us)),
        revision=0,
        final=True,
        tasks={task: _task(probabilities) for task, probabilities in answer.tasks.items()},
        modalities={name: round(share, DECIMALS) for name, share in answer.modalities.items()},
        sensors=sensors,
        quality=quality,
        model=compute.model,
        timings=timings,
    )


def _task(probabilities: Mapping[str, float]) -> TaskResult:
    rounded = {label: round(value, DECIMALS) for label, value in probabilities.items()}
    # The first of equals, so that a tie after rounding has one answer.
    return TaskResult(max(rounded, key=rounded.__getitem__), rounded)
