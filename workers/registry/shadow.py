"""A pipeline's shadow, opened and checked as any other model."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from schemas.model import ExplainSpec, ModelSpec
from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.settings import WorkerSettings
from streams.align.types import Window
from streams.compute import Compute, Fusion
from workers.inference.compute import ModelCompute
from workers.registry.candidate import open_candidate
from workers.registry.choice import choose
from workers.registry.framed import FramedCompute, framed_features, shadow_part
from workers.registry.store import Registry

log = logging.getLogger(__name__)


class OpenShadow:
    """``streams.processor.shadow.ShadowModel`` by a model of its own threads; ``close`` ends them.

    Where its encoders are not the primary's, ``beside`` has its features made beside the primary's.
    """

    def __init__(self, compute: ModelCompute) -> None:
        self._compute = compute

    def beside(self, primary: Compute) -> Compute:
        """The primary, making features that the shadow can use too."""
        if primary.features == self._compute.features:
            return primary
        return FramedCompute(primary, self._compute)

    @property
    def model(self) -> ModelRef:
        """The model that answers."""
        return self._compute.model

    def takes(self, features: str) -> bool:
        """Those that its own encoders make, alone or beside others'."""
        return features == self._compute.features or self._is_framed(features)

    def _is_framed(self, features: str) -> bool:
        return features.endswith(framed_features("", self._compute.features))

    async def fuse(self, windows: Sequence[Window], features: str) -> Sequence[Fusion | None]:
        """``None`` for a window that lacks one of the shadow's features. Raises what the model
        raises.
        """
        if not self._is_framed(features):
            return await self._compute.fuse(windows)
        parts = [shadow_part(window) for window in windows]
        whole = [part for part in parts if part is not None]
        answers = iter(await self._compute.fuse(whole) if whole else [])
        return [None if part is None else next(answers) for part in parts]

    def close(self) -> None:
        """End the threads and close the model; blocks."""
        self._compute.close()


def shadow_pipeline(pipeline: Pipeline) -> Pipeline | None:
    """The pipeline with its shadow as its model, as plain as one can be; ``None`` without one."""
    shadow = pipeline.model.shadow
    if shadow is None:
        return None
    spec = ModelSpec(
        name=shadow.name,
        version=shadow.version,
        max_batch=pipeline.model.max_batch,
        precision=pipeline.model.precision,
        compile=pipeline.model.compile,
        explain=ExplainSpec(),
    )
    # Nobody acts on a shadow: it needs none of the labels that events are made from.
    return pipeline.model_copy(update={"model": spec, "events": ()})


async def open_shadow(pipeline: Pipeline, worker: WorkerSettings) -> OpenShadow | None:
    """The pipeline's shadow; ``None`` where none is named, or it cannot be used: a worker does not
    wait for its shadow to be mended.
    """
    shadowed = shadow_pipeline(pipeline)
    if shadowed is None:
        return None
    try:
        choice = choose(shadowed.model, Registry(worker.models))
        compute = await open_candidate(shadowed, choice, worker)
    except Exception as error:
        log.error("no shadow: %s: %s", type(error).__name__, " ".join(str(error).split()))
        return None
    if compute.states:
        compute.close()
        log.error(
            "no shadow: %s keeps state from window to window, and a shadow may miss some",
            compute.model.name,
        )
        return None
    log.info("shadow %s: version %s", compute.model.name, compute.model.version)
    return OpenShadow(compute)
