"""Whether a model can do what a pipeline file asks of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from schemas.pipeline import Pipeline
from schemas.sample import Modality
from workers.errors import ModelError


def check_serves(
    name: str,
    modalities: Collection[Modality],
    tasks: Mapping[str, Sequence[str]],
    pipeline: Pipeline,
) -> None:
    """Raise ``ModelError`` where the model ``name`` lacks an input's modality or an event's label.

    ``tasks``: task -> labels.
    """
    for input_name, spec in pipeline.inputs.items():
        if spec.modality not in modalities:
            raise ModelError(
                name,
                f"input {input_name!r} is {spec.modality.value}, the model takes "
                f"{sorted(m.value for m in modalities)}; leave the input out or train with it",
            )
    for event in pipeline.events:
        labels = tasks.get(event.task)
        if labels is None or event.label not in labels:
            raise ModelError(
                name,
                f"tasks differ: event {event.name!r} needs label {event.label!r} of task "
                f"{event.task!r}, the model has {labels or sorted(tasks)}",
            )


def check_keeps_state(name: str, pipeline: Pipeline) -> None:
    """Raise ``ModelError`` where a model that keeps state from window to window is asked for what
    has no one order of windows: results that are revised, or answers to windows that lack a part.
    """
    results, model = pipeline.results, pipeline.model
    wrong = ""
    if results.early_after is not None:
        wrong = "results.early_after"
    elif results.allowed_lateness > timedelta(0):
        wrong = "results.allowed_lateness"
    elif model.explain.leave_one_out != "none":
        wrong = "model.explain.leave_one_out"
    elif model.fallback is not None:
        wrong = "model.fallback"
    if wrong:
        raise ModelError(
            name,
            f"{wrong}: not expected with a model that keeps state from window to window, which "
            "answers each window once and in order; leave it out",
        )
