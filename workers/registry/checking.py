"""A version checked as a worker checks it before it lets it answer."""

from __future__ import annotations

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.settings import WorkerSettings
from workers.errors import WorkerError
from workers.registry.candidate import open_candidate
from workers.registry.choice import Choice, choose
from workers.registry.store import Registry


class Fit(msgspec.Struct, frozen=True):
    """A version that fits a pipeline. ``same_features``: whether the pipeline's present model makes
    the same ones, so that nothing has to be encoded again; false where that one cannot be opened.
    """

    model: ModelRef
    features: str
    same_features: bool


async def check_version(pipeline: Pipeline, name: str, version: str, worker: WorkerSettings) -> Fit:
    """Open a version for a pipeline and try it. Raises what ``open_candidate`` raises."""
    registry = Registry(worker.models)
    choice = Choice(name, version, registry.folder(name, version), "pinned")
    compute = await open_candidate(pipeline, choice, worker)
    try:
        model, features = compute.model, compute.features
    finally:
        compute.close()
    return Fit(model, features, features == await _present_features(pipeline, registry, worker))


async def _present_features(
    pipeline: Pipeline, registry: Registry, worker: WorkerSettings
) -> str | None:
    try:
        compute = await open_candidate(pipeline, choose(pipeline.model, registry), worker)
    except WorkerError:
        return None
    compute.close()
    return compute.features
