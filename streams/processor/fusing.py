"""Due windows to results and events: fuse, derive events. Effects are the caller's."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import (
    DECIMALS,
    ModelRef,
    Result,
    Timings,
    WindowSpan,
    result_id,
    task_result,
)
from schemas.units import us_to_iso
from streams.align.blame import without
from streams.align.report import sensor_uses
from streams.align.spec import AlignSpec
from streams.align.types import Window
from streams.compute import Compute, Culprit, Fusion
from streams.processor.model_state import is_of_kind, pack_state, unpack_state
from streams.session_events import (
    AnyEvent,
    close_all,
    decode_state,
    encode_state,
    gives_events,
    step,
)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Fused:
    """A batch of windows with what is to be published for them.

    ``results``, ``events``: each with its shard. ``event_states``: (shard, session) -> the state
    after its last window of the batch, where it changed; ``model_states`` likewise, and
    ``states``: id of a final result -> its session's model state after it. ``features``: the
    digest under which the windows' features were made. ``culprits``: the records that the model
    fails on, each with its shard; their windows were fused without them. ``stood_in``: name of a
    model that answered in the place of the one that was asked -> windows.
    """

    windows: Sequence[Window]
    features: str
    results: list[tuple[int, Result]] = field(default_factory=list)
    events: list[tuple[int, AnyEvent]] = field(default_factory=list)
    event_states: dict[tuple[int, str], bytes] = field(default_factory=dict)
    model_states: dict[tuple[int, str], bytes] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    culprits: list[tuple[int, Culprit]] = field(default_factory=list)
    stood_in: Counter[str] = field(default_factory=Counter)
    fuse_seconds: float = 0.0


async def fuse_windows(
    windows: Sequence[Window],
    *,
    pipeline: Pipeline,
    spec: AlignSpec,
    compute: Compute,
    now_ms: int,
) -> Fused:
    """Fuse leased windows in one batch; a session's windows must come in order.

    Events follow from final results alone. A session that is over closes those that are open.
    """
    fused = Fused(windows, compute.features)
    kind = compute.states
    spans = [window for window in windows if not window.over]
    _drop_strange_states(fused, spans, kind)
    spans = [_with_state(window, kind) for window in spans]
    began = time.perf_counter()
    answers = await compute.fuse(spans) if spans else []
    fused.fuse_seconds = time.perf_counter() - began
    fuse_ms = round(fused.fuse_seconds * 1000, 3)
    for window, answer in zip(spans, answers, strict=True):
        model = answer.model or compute.model
        if answer.model is not None:
            fused.stood_in[model.name] += 1
        if (culprit := answer.culprit) is not None:
            fused.culprits.append((window.shard, culprit))
            window = without(window, (culprit.input, culprit.offset))
        result = _result(window, answer, pipeline, spec, model, now_ms, fuse_ms)
        fused.results.append((window.shard, result))
        if not window.final:
            continue
        key = (window.shard, window.session)
        _keep_state(fused, kind, window, answer, result.id)
        stored = fused.event_states.get(key, window.event_state)
        if not gives_events(pipeline, stored, result):
            continue
        before = decode_state(stored)
        state, changes = step(pipeline, before, result)
        if state != before:
            fused.event_states[key] = encode_state(state)
        fused.events.extend((window.shard, change) for change in changes)
    for window in windows:
        if window.over:
            state = decode_state(window.event_state)
            closed = close_all(pipeline, state, window.session, window.start_us)
            fused.event_states[window.shard, window.session] = b""
            fused.events.extend((window.shard, change) for change in closed)
    return fused


def _drop_strange_states(fused: Fused, windows: Sequence[Window], kind: str) -> None:
    strange = {
        (window.shard, window.session): b""
        for window in windows
        if window.model_state and not is_of_kind(kind, window.model_state)
    }
    if strange:
        log.warning(
            "%d sessions have state that another model made: it is not used, they begin anew",
            len(strange),
        )
    fused.model_states.update(strange)


def _with_state(window: Window, kind: str) -> Window:
    """The window with the model's own state, where that is of its kind."""
    if not window.model_state:
        return window
    own = unpack_state(kind, window.model_state)
    return msgspec.structs.replace(window, model_state=own)


def _keep_state(fused: Fused, kind: str, window: Window, answer: Fusion, result: str) -> None:
    """What the session's next window is given: what the model left, or as it was."""
    if not kind:
        return
    key = (window.shard, window.session)
    if answer.state is not None:
        fused.model_states[key] = pack_state(kind, answer.state)
    elif key not in fused.model_states:
        fused.model_states[key] = pack_state(kind, window.model_state)
    fused.states[result] = fused.model_states[key]


def _result(
    window: Window,
    answer: Fusion,
    pipeline: Pipeline,
    spec: AlignSpec,
    model: ModelRef,
    now_ms: int,
    fuse_ms: float,
) -> Result:
    sensors, quality = sensor_uses(window, spec)
    number = 0 if window.final else window.revision + 1
    completed_at_ms = window.completed_at_ms
    watermark_us = window.watermark_us
    return Result(
        id=result_id(pipeline.pipeline, window.session, window.start_us, number),
        pipeline=pipeline.pipeline,
        session=window.session,
        window=WindowSpan(us_to_iso(window.start_us), us_to_iso(window.end_us)),
        revision=window.revision,
        final=window.final,
        tasks={task: task_result(probabilities) for task, probabilities in answer.tasks.items()},
        modalities={name: round(share, DECIMALS) for name, share in answer.modalities.items()},
        sensors=sensors,
        quality=quality,
        model=model,
        timings=Timings(
            completed_at_ms,
            float(max(0, now_ms - completed_at_ms)),
            fuse_ms,
            None if watermark_us is None else us_to_iso(watermark_us),
            list(window.idle),
        ),
        cause=window.cause,
        contributions=msgspec.UNSET if answer.contributions is None else answer.contributions,
        failure=msgspec.UNSET if answer.failure is None else answer.failure,
        scores=msgspec.UNSET if answer.scores is None else dict(answer.scores),
        objects=msgspec.UNSET if answer.objects is None else list(answer.objects),
    )
