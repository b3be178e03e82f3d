"""A model whose answers say what they rest on: any other model, asked again without each part."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence

from msgspec.structs import replace

from schemas.pipeline import Pipeline
from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded, Model, StatefulModel
from workers.errors import WorkerError
from workers.insight.leave_one_out import Detail, contributions

log = logging.getLogger(__name__)


class ContributingModel:
    """``workers.backends.base.Model`` around another one, the same in all but ``fuse``."""

    def __init__(
        self,
        model: Model,
        modality_of: Mapping[str, Modality],
        detail: Detail,
        *,
        max_batch: int,
    ) -> None:
        """``modality_of``: input -> modality. ``max_batch``: what the model is warmed for."""
        self._model = model
        self._modality_of = dict(modality_of)
        self._detail: Detail = detail
        self._max_batch = max_batch

    @property
    def ref(self) -> ModelRef:
        """The model's."""
        return self._model.ref

    @property
    def modalities(self) -> Collection[Modality]:
        """The model's."""
        return self._model.modalities

    @property
    def tasks(self) -> Mapping[str, Sequence[str]]:
        """The model's."""
        return self._model.tasks

    @property
    def features(self) -> str:
        """The model's."""
        return self._model.features

    @property
    def lanes(self) -> int:
        """The model's."""
        return self._model.lanes

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """As the model does."""
        return self._model.decode(sample)

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> Sequence[bytes]:
        """As the model does."""
        return self._model.encode(modality, decoded)

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """The model's answers, with their contributions. Raises what the model raises for the
        windows themselves; where it fails without a part of them, they have no contributions.
        """
        answers = self._model.fuse(windows)
        try:
            found = contributions(
                self._model.fuse,
                windows,
                answers,
                self._modality_of,
                self._detail,
                max_batch=self._max_batch,
            )
        except WorkerError as error:
            log.warning("%d results without contributions: %s", len(windows), error)
            return list(answers)
        return [
            replace(answer, contributions=one) for answer, one in zip(answers, found, strict=True)
        ]

    def warm(self, max_batch: int) -> None:
        """As the model does: its batches are no larger than before."""
        self._model.warm(max_batch)

    def close(self) -> None:
        """Close the model."""
        self._model.close()


def with_contributions(model: Model, pipeline: Pipeline) -> Model:
    """The model as the pipeline file wants its answers: with contributions, or as it is."""
    detail = pipeline.model.explain.leave_one_out
    if detail == "none" or isinstance(model, StatefulModel):
        # One that keeps state is not asked twice: whoever serves it refuses to.
        return model
    modality_of = {name: spec.modality for name, spec in pipeline.inputs.items()}
    return ContributingModel(model, modality_of, detail, max_batch=pipeline.model.max_batch)
