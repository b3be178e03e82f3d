"""From a pipeline file and the settings to a model that computes."""

from __future__ import annotations

from schemas.model import ModelSpec
from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from workers.backends.base import Model
from workers.backends.execution import NotePadding, note_nothing
from workers.backends.opening import Surroundings, open_model
from workers.inference.compute import ModelCompute
from workers.inference.observing import Observer
from workers.insight.contributing import with_contributions
from workers.registry.choice import choose, is_local, served_by
from workers.registry.store import Registry


def load_compute(
    pipeline: Pipeline, worker: WorkerSettings, observer: Observer | None = None
) -> ModelCompute:
    """The pipeline's model on the configured device, not warm yet. Blocks for seconds.

    A model that lies in a folder is looked for in the registry. ``observer``: told of what it
    costs.

    Raises ``ModelError`` and ``DeviceError``; ``RemoteError`` where a server does not answer.
    """
    model = open_served(pipeline, worker, observer.padding if observer else note_nothing)
    answering = with_contributions(model, pipeline)
    return ModelCompute(
        pipeline,
        answering,
        max_delay_ms=worker.max_batch_delay_ms,
        max_queued_samples=worker.max_queued_samples,
        decode_threads=worker.decode_threads or None,
        observer=observer,
    )


def open_served(
    pipeline: Pipeline, worker: WorkerSettings, note_padding: NotePadding = note_nothing
) -> Model:
    """The pipeline's model alone, not warm yet. Raises as ``load_compute`` does."""
    registry = Registry(worker.models)
    if is_local(pipeline.model):
        pipeline = served_by(pipeline, choose(pipeline.model, registry))
    where = Surroundings(
        {name: spec.modality for name, spec in pipeline.inputs.items()},
        device=worker.device,
        threads=worker.threads or None,
        find=lambda name, version: choose(ModelSpec(name=name, version=version), registry).folder,
        note_padding=note_padding,
        pipeline=pipeline,
    )
    return open_model(pipeline.model, where)
