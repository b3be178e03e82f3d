"""Trains a classifier recipe's cuts one by one and asks each model about what it has not seen."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from schemas.settings import Settings
from workers.datasets.base import DataSet
from workers.demo.site import Site
from workers.evaluation.answering import WHOLE, Trial, View, open_trial
from workers.evaluation.in_stream import (
    answered_in_stream,
    hold_against,
    named_apart,
    stream_site,
)
from workers.evaluation.moments import Moments
from workers.evaluation.predictions import Predictions, join
from workers.recipes.base import Curve, Options, Progress, StreamEquality
from workers.recipes.classifier import Classifier, Cut
from workers.recipes.keeping import Kept, forget, read_kept, training_digest, write_kept

#: By how much one input's event times are off, microseconds.
SHIFTS_US = (250_000, 500_000, 1_000_000, 2_000_000)


@dataclass(frozen=True, slots=True)
class Way:
    """One way to train: with these inputs, as the recipe does or as one of its variants."""

    inputs: tuple[str, ...]
    variant: str = ""

    @property
    def name(self) -> str:
        """Such as ``text+audio`` or ``concatenation (text+audio+video)``."""
        joined = "+".join(self.inputs)
        return f"{self.variant} ({joined})" if self.variant else joined


@dataclass(slots=True)
class Outcome:
    """What one way to train came to. ``answers``: view -> one for each seed, all folds of a seed
    joined; ``by_fold``: the undisturbed ones, cut by cut. ``moments``: of the first cut's
    model. ``refused``, ``late``: held-out samples
    that are in no window.
    """

    way: Way
    answers: dict[View, list[Predictions]] = field(default_factory=dict)
    by_fold: list[tuple[Cut, Predictions]] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    equality: list[StreamEquality] = field(default_factory=list)
    moments: Moments | None = None
    reused: int = 0
    refused: int = 0
    late: int = 0

    @property
    def whole(self) -> list[Predictions]:
        """The answers to the undisturbed data, one for each seed."""
        return self.answers[WHOLE]


class Runner:
    """Runs the ways of one recipe on one data set; models lie in ``options.keep`` or, without
    that, in a folder that goes with the block.
    """

    def __init__(
        self,
        classifier: Classifier,
        options: Options,
        progress: Progress,
        settings: Settings,
        folder: Path,
    ) -> None:
        self._classifier = classifier
        self._options = options
        self._progress = progress
        self._settings = settings
        self._folder = folder
        self._streamed = 0

    def run(
        self,
        data_set: DataSet,
        cuts: Sequence[Cut],
        way: Way,
        views: Collection[View],
        site: Site | None,
    ) -> Outcome:
        """Train every cut and answer its held-out sessions in every view; ``site``: where the
        stream's answers come from, if they are asked for. Blocks.
        """
        outcome = Outcome(way)
        parts: dict[tuple[View, int], list[Predictions]] = {}
        name = self._classifier.name
        with self._progress.track(f"{name}: {way.name}", len(cuts)) as advance:
            for cut in cuts:
                folder = self._folder / way.name.replace(" ", "-") / cut.name.replace(" ", "-")
                self._train(data_set, cut, way, folder, outcome)
                found = asyncio.run(self._ask(data_set, cut, way, folder, views, site, outcome))
                for view, answers in found.items():
                    parts.setdefault((view, cut.seed), []).append(answers)
                outcome.by_fold.append((cut, found[WHOLE]))
                advance(1)
        for (view, _), each in parts.items():
            outcome.answers.setdefault(view, []).append(join(each))
        return outcome

    def _train(self, data_set: DataSet, cut: Cut, way: Way, folder: Path, outcome: Outcome) -> None:
        if self._options.keep is None:
            outcome.curves += self._trained(data_set, cut, way, folder)
            return
        # Only what is kept has to be known again: the digest reads all samples.
        pipeline = self._classifier.pipeline(way.variant)
        digest = training_digest(self._classifier.name, data_set, cut, way.name, pipeline)
        kept = read_kept(folder, digest) if self._options.reuse else None
        if kept is None:
            forget(folder)
            kept = Kept(digest, tuple(self._trained(data_set, cut, way, folder)))
            write_kept(folder, kept)
        else:
            outcome.reused += 1
        outcome.curves += kept.curves

    def _trained(self, data_set: DataSet, cut: Cut, way: Way, folder: Path) -> Sequence[Curve]:
        folder.mkdir(parents=True, exist_ok=True)
        return self._classifier.train(
            data_set, cut, way.inputs, way.variant, folder, self._progress
        )

    async def _ask(
        self,
        data_set: DataSet,
        cut: Cut,
        way: Way,
        folder: Path,
        views: Collection[View],
        site: Site | None,
        outcome: Outcome,
    ) -> dict[View, Predictions]:
        task, worker = self._classifier.task, self._settings.worker
        worker = worker.model_copy(update={"device": self._options.device})
        pipeline = self._classifier.pipeline(way.variant)
        async with open_trial(
            pipeline, folder, data_set, task, cut.held_out, worker, way.inputs
        ) as trial:
            cutting = await trial.prepare()
            outcome.refused += sum(cutting.refused.values())
            outcome.late += cutting.late + cutting.dropped
            answers = {view: await trial.answers(view) for view in (WHOLE, *views)}
            if outcome.moments is None and not (self._options.quick or way.variant):
                outcome.moments = await trial.moments()
        if site is not None:
            outcome.equality.append(await self._stream(site, trial, cut, answers[WHOLE]))
        return answers

    async def _stream(
        self, site: Site, trial: Trial, cut: Cut, offline: Predictions
    ) -> StreamEquality:
        self._streamed += 1
        pipeline = named_apart(trial.pipeline, self._streamed)
        with self._progress.track(f"in the stream: {cut.name}"):
            results = await answered_in_stream(site, pipeline, trial.items(), trial.windows)
        return hold_against(cut.name, offline, trial.windows, results)


@contextmanager
def opened(options: Options, settings: Settings) -> Iterator[tuple[Path, Site | None]]:
    """Where models go and, if the stream is asked for, its servers, for the length of a block."""
    with ExitStack() as closing:
        if options.keep is None:
            folder = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix="sensorium-")))
        else:
            folder = options.keep
            folder.mkdir(parents=True, exist_ok=True)
        site = closing.enter_context(stream_site(settings)) if options.stream else None
        yield folder, site


def views_of(inputs: Sequence[str]) -> list[View]:
    """Each input left out, each alone, each misaligned; nothing where there is only one."""
    if len(inputs) < 2:
        return []
    everything = frozenset(inputs)
    shown = dict.fromkeys([everything - {name} for name in inputs])
    shown.update(dict.fromkeys(frozenset({name}) for name in inputs))
    return [
        *(View(inputs=each) for each in shown),
        *(View(off=(name, by_us)) for name in inputs for by_us in SHIFTS_US),
    ]
