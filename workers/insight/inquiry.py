"""Asks a model what a published answer rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import DECIMALS, Result, task_result
from schemas.sample import Modality
from streams.align.types import WindowSample
from streams.compute import Fusion
from workers.backends.base import Model
from workers.backends.reference import ReferenceModel
from workers.codecs.vector import is_vector
from workers.errors import InsightError
from workers.explain.published import Published
from workers.explain.words import counted
from workers.fusion.tokens import thin
from workers.insight.gallery import HungPicture, Titled, hang
from workers.insight.heat import Heat
from workers.insight.integrated_gradients import integrated_gradients
from workers.insight.leave_one_out import contributions
from workers.insight.occlusion import occlusion
from workers.insight.rebuilding import Rebuilt, rebuild
from workers.insight.report import Agreement, Insight, MethodUsed
from workers.insight.rereading import Reread

#: Samples of one window that heat is looked for in: some seconds of work and 12 MB of pictures.
MAX_PICTURES = 64
#: What has a picture.
_SEEN = frozenset({Modality.VIDEO, Modality.IMAGE, Modality.POINTS, Modality.AUDIO})
#: Probabilities are published with four decimals. Two that were rounded, or computed on another
#: device, may differ by as much.
_SAME = 2e-4


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What came out, and its pictures. ``stem``: how the names of its files begin."""

    stem: str
    insight: Insight
    pictures: Sequence[HungPicture]


def inquire(
    model: Model,
    pipeline: Pipeline,
    published: Published,
    reread: Reread,
    *,
    task: str | None = None,
    label: str | None = None,
) -> Inquiry:
    """What a published answer rests on. Blocks while the model computes.

    ``task``: the result's first without it; ``label``: the published answer without it. Raises
    ``InsightError`` for a task or label that the result or the model does not have, and what the
    model raises.
    """
    result = published.result
    task, label = _asked(result, task, label)
    max_batch = pipeline.model.max_batch
    rebuilt = rebuild(model, pipeline, published, reread.samples, max_batch=max_batch)
    (answer,) = model.fuse([rebuilt.window])
    if answer.failure is not None:
        raise InsightError(
            f"expected an answer of {model.ref.name} {model.ref.version} to the window, got "
            f"{answer.failure}; its samples were read again, and it failed on them"
        )
    if label not in answer.tasks.get(task, ()):
        raise InsightError(
            f"expected a model that knows {label!r} of task {task!r}, as {result.model.name} "
            f"{result.model.version} did; {model.ref.name} {model.ref.version} does not"
        )
    modality_of = {name: spec.modality for name, spec in pipeline.inputs.items()}
    (added,) = contributions(
        model.fuse, [rebuilt.window], [answer], modality_of, "sensors", max_batch=max_batch
    )
    # A crowded window is fused without some of its samples: those have no part in the answer.
    seen = [
        one
        for one in thin(rebuilt.window.samples)
        if modality_of[one.input] in _SEEN and not is_vector(rebuilt.samples[one].content_type)
    ]
    heat = _heat(model, rebuilt, thin(seen, MAX_PICTURES), modality_of, task, label, max_batch)
    probabilities = task_result(answer.tasks[task]).probabilities
    titled = Titled(result, task, label, probabilities[label], added)
    pictures = hang(heat, rebuilt, titled)
    limits = [*reread.limits, *rebuilt.limits]
    if not heat.grids:
        limits.append("No sample of the window has a picture that heat could be drawn on.")
    elif len(seen) > MAX_PICTURES:
        limits.append(f"Only {counted(MAX_PICTURES, 'sample')} of {len(seen)} were looked at.")
    insight = Insight(
        pipeline=result.pipeline,
        session=result.session,
        window_start_us=published.span.start_us,
        window_end_us=published.span.end_us,
        result_id=result.id,
        task=task,
        label=label,
        probability=probabilities[label],
        probabilities=probabilities,
        published=result.tasks[task].probabilities[label],
        model=answer.model or model.ref,
        published_model=result.model,
        agreement=agreement(
            result, answer, model, incomplete=bool(reread.limits or rebuilt.limits)
        ),
        attention={name: round(share, DECIMALS) for name, share in answer.modalities.items()},
        sensors={one.sensor: modality_of[one.input].value for one in rebuilt.window.samples},
        contributions=added,
        method=MethodUsed(heat.method.name, heat.method.source, heat.method.unit),
        pictures=tuple(one.report for one in pictures),
        limits=tuple(limits),
    )
    return Inquiry(titled.stem, insight, pictures)


def _asked(result: Result, task: str | None, label: str | None) -> tuple[str, str]:
    task = next(iter(result.tasks)) if task is None else task
    answer = result.tasks.get(task)
    if answer is None:
        raise InsightError(f"--task: expected one of {', '.join(result.tasks)}, got {task!r}")
    label = answer.label if label is None else label
    if label not in answer.probabilities:
        raise InsightError(
            f"--label: expected one of {', '.join(answer.probabilities)}, got {label!r}"
        )
    return task, label


def _heat(
    model: Model,
    rebuilt: Rebuilt,
    wanted: Sequence[WindowSample],
    modality_of: Mapping[str, Modality],
    task: str,
    label: str,
    max_batch: int,
) -> Heat:
    """By gradients where the model is a network of ours, else by covering parts of frames."""
    if isinstance(model, ReferenceModel):
        decoded = {one: rebuilt.decoded[one] for one in wanted}
        fused = msgspec.structs.replace(rebuilt.window, samples=tuple(thin(rebuilt.window.samples)))
        return integrated_gradients(model.network, fused, decoded, modality_of, task, label)
    samples = {one: rebuilt.samples[one] for one in wanted}
    return occlusion(model, rebuilt.window, samples, task, label, max_batch=max_batch)


def agreement(result: Result, answer: Fusion, model: Model, *, incomplete: bool) -> Agreement:
    """Compare an answer with the published one. ``incomplete``: samples are missing."""
    difference = max(
        (
            abs(answer.tasks.get(task, {}).get(label, 0.0) - probability)
            for task, published in result.tasks.items()
            for label, probability in published.probabilities.items()
        ),
        default=0.0,
    )
    same, rounded = difference <= _SAME, round(difference, DECIMALS + 2)
    used = answer.model or model.ref
    reasons = []
    if used.digest != result.model.digest:
        reasons.append(
            f"The result is by {result.model.name} {result.model.version} "
            f"({result.model.digest[:12]}), the model loaded now is {used.name} {used.version} "
            f"({used.digest[:12]})."
        )
    if incomplete and not same:
        reasons.append("Not all of the window's samples could be read again.")
    drifts = [use.clock.drift_ppm for use in result.sensors.values() if use.clock is not None]
    if any(drifts) and not same:
        reasons.append("A clock's correction was estimated, and changed within the window.")
    return Agreement(same, rounded, tuple(reasons))
