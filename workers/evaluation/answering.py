"""A trained model's answers to a data set, offline: by the windows and the compute of a worker."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from schemas.pipeline import Pipeline
from schemas.settings import WorkerSettings
from streams.align.types import Window
from streams.compute import Compute, Fusion
from streams.feed.item import FeedItem
from workers.backends.base import Model
from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.evaluation.inside import representation
from workers.evaluation.moments import Moments, moments
from workers.evaluation.predictions import Predictions
from workers.evaluation.remembering import Remembering
from workers.evaluation.windows import (
    Cutting,
    ItemKey,
    cut_windows,
    keep_inputs,
    of_sessions,
    shifted,
    truths,
)
from workers.inference.compute import ModelCompute
from workers.inference.loading import open_served

#: Windows fused at a time.
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class View:
    """How a model is shown the data. ``inputs``: those it gets, all where ``None``. ``off``: an
    input whose event times are wrong, and by how many microseconds.
    """

    inputs: frozenset[str] | None = None
    off: tuple[str, int] | None = None


#: All there is, as it is.
WHOLE = View()


class Trial:
    """One model on the held-out sessions of one data set. Make it by ``open_trial``.

    ``items``: what is judged, always the windows of the undisturbed data: a window that a
    disturbed stream does not have counts as unanswered, hence as wrong.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        compute: Compute,
        data_set: DataSet,
        task: str,
        sessions: Collection[str],
        inputs: Collection[str],
        model: Model | None = None,
    ) -> None:
        """``model``: the one behind ``compute``, to be looked into."""
        self.pipeline = pipeline
        self.data_set = data_set
        self.task = task
        self.sessions = frozenset(sessions)
        self.truths: Mapping[ItemKey, str] = {}
        self.inputs = frozenset(inputs)
        self._compute = Remembering(compute, inputs)
        self._model = model
        self._whole: Cutting | None = None

    async def prepare(self) -> Cutting:
        """Cut and encode the undisturbed windows. Raises ``DataSetError``, see ``truths``."""
        self._whole = await self._cut(self.items())
        self.truths = truths(
            self.data_set, self.pipeline, self.task, self._whole.windows, self.sessions
        )
        return self._whole

    @property
    def windows(self) -> frozenset[ItemKey]:
        """Every window of the undisturbed data, labelled or not."""
        cut = [] if self._whole is None else self._whole.windows
        return frozenset((window.session, window.start_us) for window in cut)

    async def answers(self, view: View = WHOLE) -> Predictions:
        """The model's answers where the data is shown in this way."""
        cutting = self._whole or await self.prepare()
        if view.off is not None:
            cutting = await self._cut(shifted(self.items(), *view.off))
        shown = self.inputs if view.inputs is None else self.inputs & view.inputs
        windows = [keep_inputs(window, shown) for window in cutting.windows]
        return await self._judged(windows, look_inside=view == WHOLE)

    async def moments(self) -> Moments | None:
        """On what the answers to the undisturbed data rest; see ``workers.evaluation.moments``."""
        cutting = self._whole or await self.prepare()
        judged = [one for one in cutting.windows if (one.session, one.start_us) in self.truths]
        inputs = [name for name in self.pipeline.inputs if name in self.inputs]
        shown = [keep_inputs(window, self.inputs) for window in judged]
        return await moments(self._compute.fuse, self.task, inputs, shown)

    def items(self) -> Iterable[FeedItem]:
        """The samples of its sessions, in ascending ``due_us``."""
        return of_sessions(self.data_set.items(), self.sessions)

    async def _cut(self, items: Iterable[FeedItem]) -> Cutting:
        return await cut_windows(self.pipeline, items, self._compute)

    async def _judged(self, windows: Sequence[Window], *, look_inside: bool) -> Predictions:
        judged = [one for one in windows if (one.session, one.start_us) in self.truths]
        judged.sort(key=lambda one: (one.session, one.start_us))
        answers: dict[ItemKey, Fusion] = {}
        for first in range(0, len(judged), _AT_ONCE):
            batch = judged[first : first + _AT_ONCE]
            for window, answer in zip(batch, await self._compute.fuse(batch), strict=True):
                answers[window.session, window.start_us] = answer
        found = _predictions(self.data_set, self.task, self.truths, answers)
        if not look_inside or self._model is None or len(judged) != len(found):
            return found
        return replace(found, representation=representation(self._model, self.task, judged))


@asynccontextmanager
async def open_trial(
    pipeline: Pipeline,
    model: Path,
    data_set: DataSet,
    task: str,
    sessions: Collection[str],
    settings: WorkerSettings,
    inputs: Collection[str] | None = None,
) -> AsyncIterator[Trial]:
    """A trial of the model in a folder, for the length of a block.

    ``inputs``: those that it was trained with, all of the pipeline's where ``None``. Raises
    ``ModelError``; ``EvaluationError`` where the model does not have the task's labels.
    """
    served = serving(pipeline, model)
    known = served.inputs.keys() if inputs is None else inputs
    # A model need not take the modality of an input that it was not trained with.
    narrowed = {name: spec for name, spec in served.inputs.items() if name in known}
    asked = served.model_copy(update={"inputs": narrowed, "events": ()})
    opened = open_served(asked, settings)
    compute = ModelCompute(asked, opened)
    try:
        yield Trial(served, compute, data_set, task, sessions, known, opened)
    finally:
        compute.close()


def serving(pipeline: Pipeline, model: Path) -> Pipeline:
    """The pipeline with the model of a folder, which one's own model gets as ``folder``."""
    folder = str(model.resolve())
    spec = pipeline.model
    update: dict[str, object] = {"name": folder, "version": None}
    if spec.python is not None:
        update = {"options": {**spec.options, "folder": folder}}
    return pipeline.model_copy(update={"model": spec.model_copy(update=update)})


def _predictions(
    data_set: DataSet,
    task: str,
    truths: Mapping[ItemKey, str],
    answers: Mapping[ItemKey, Fusion],
) -> Predictions:
    """In the order of session and time, whatever order windows closed in."""
    keys = sorted(truths)
    labels = data_set.tasks[task]
    probabilities = np.full((len(keys), len(labels)), np.nan)
    modalities = sorted({name for answer in answers.values() for name in answer.modalities})
    shares = np.zeros((len(keys), len(modalities)), np.float32)
    for row, key in enumerate(keys):
        answer = answers.get(key)
        if answer is None or answer.failure is not None:
            continue
        said = answer.tasks.get(task, {})
        if set(said) != set(labels):
            raise EvaluationError(
                f"model: expected the {len(labels)} labels of task {task!r} in "
                f"{data_set.name}, got {len(said)} others; take a model that was trained for it"
            )
        probabilities[row] = [said[label] for label in labels]
        shares[row] = [answer.modalities.get(name, 0.0) for name in modalities]
    return Predictions(
        task,
        labels,
        tuple(session for session, _ in keys),
        tuple(data_set.groups.get(session, session) for session, _ in keys),
        np.asarray([start_us for _, start_us in keys], np.int64),
        np.asarray([labels.index(truths[key]) for key in keys], np.int64),
        probabilities,
        None,
        tuple(modalities),
        shares if modalities else None,
    )
