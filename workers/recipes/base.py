"""What a recipe is asked for, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from workers.datasets.base import DataSet
from workers.evaluation.moments import Moments
from workers.evaluation.predictions import Predictions


class Goal(msgspec.Struct, frozen=True):
    """A figure that is claimed: ``metric`` is above ``above``; ``None`` for one that is only shown
    first. ``source``: where the bar is from, or what it means.
    """

    metric: str
    above: float | None
    source: str = ""


class Figure(msgspec.Struct, frozen=True):
    """One measured figure.

    ``value``: the mean over the repetitions (seeds). ``deviation``: their standard deviation
    (n - 1), ``None`` for a single one. ``interval``: 95 % by bootstrap over items, drawn by group
    where there are groups. ``count``: items that it was measured on. ``repetitions``: how often it
    was measured. ``goal``: what it has to be above, ``None`` where nothing is claimed.
    """

    name: str
    value: float
    deviation: float | None = None
    interval: tuple[float, float] | None = None
    count: int = 0
    repetitions: int = 1
    goal: float | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the goal is reached; ``None`` without one."""
        return None if self.goal is None else self.value > self.goal


class Table(msgspec.Struct, frozen=True):
    """Rows of plain text under a title, for figures that do not stand alone. ``rows`` are as long
    as ``columns``; ``note`` says how to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


class Curve(msgspec.Struct, frozen=True):
    """How training went: ``series`` name (``loss``, ``validation accuracy``) -> a value an epoch.

    ``name``: which training, such as ``seed 1``. ``chosen``: the epoch that was kept, from 0 on.
    """

    name: str
    series: dict[str, list[float]]
    chosen: int | None = None


class Bar(msgspec.Struct, frozen=True):
    """One bar of a chart: ``value`` in the chart's metric, ``deviation`` and ``interval`` as in
    ``Figure``.
    """

    name: str
    value: float
    deviation: float | None = None
    interval: tuple[float, float] | None = None


class Chart(msgspec.Struct, frozen=True):
    """Bars beside each other, such as each input alone and left out; in ``metric``."""

    title: str
    metric: str
    bars: tuple[Bar, ...]
    note: str = ""


class StreamEquality(msgspec.Struct, frozen=True):
    """One model's answers in the stream held against its offline answers, item by item.

    ``equal``: same session, window and label, probabilities as near as they are published.
    ``missing``: offline only; ``doubled``: published as final more than once; ``unequal``: another
    label or other probabilities; ``unexpected``: a labelled window that is not among the offline
    ones. ``largest_difference``: of a probability.
    """

    model: str
    items: int
    equal: int
    missing: int
    doubled: int
    unequal: int
    unexpected: int
    largest_difference: float

    @property
    def flawless(self) -> bool:
        """Whether every item came once and is equal."""
        return self.equal == self.items and not (self.missing or self.doubled or self.unexpected)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What a recipe found out.

    ``split``: where the split comes from, in a sentence. ``origin``, ``licence``: of the data.
    ``notes``: what a reader has to know to believe the figures, one sentence each.
    ``predictions``: name of a repetition (``seed 1``) -> its answers on every held-out item, for
    recipes that classify. ``stream``: what came of the comparison with the stream, one row a
    model; empty where it was not asked for. ``inside``: the first model's answers to what it has
    not seen, with what it has fused; ``moments``: on what they rest. ``data_set``, ``window_us``:
    where a report finds the samples behind an answer, and how long a window is.
    """

    recipe: str
    claim: str
    figures: Sequence[Figure]
    split: str
    origin: str
    licence: str
    notes: Sequence[str] = ()
    tables: Sequence[Table] = ()
    charts: Sequence[Chart] = ()
    curves: Sequence[Curve] = ()
    predictions: dict[str, Predictions] = field(default_factory=dict)
    stream: Sequence[StreamEquality] = ()
    inside: Predictions | None = None
    moments: Moments | None = None
    data_set: DataSet | None = None
    window_us: int = 0


class Progress(Protocol):
    """Where a recipe tells how far it is."""

    def track(
        self, what: str, total: int | None = None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """A bar for the length of a block; what it gives is called with the steps just done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the user asked for besides the data. ``None`` is what the recipe says by itself.

    ``seeds``: how many, from 1 on. ``folds``: how many. ``sequences``: recordings to judge, of
    recipes that have them by name. ``inputs``: train and judge with these only. ``stream``: hold
    the answers against those of a worker behind a real broker. ``keep``: folder that trained
    models go to, one subfolder each. ``reuse``: take models from ``keep`` that were trained on the
    same data in the same way, which their own description says. ``quick``: the claimed figures
    only; no models of fewer inputs, no variants, no robustness.
    """

    seeds: int | None = None
    folds: int | None = None
    sequences: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    stream: bool = False
    keep: Path | None = None
    reuse: bool = False
    quick: bool = False
    device: str = "cpu"


class Recipe(Protocol):
    """One published claim that can be measured again. See ``workers.recipes.classifier`` for
    those that train classifiers, which need not do this themselves.
    """

    @property
    def name(self) -> str:
        """As ``--recipe`` takes it."""

    @property
    def claim(self) -> str:
        """What it measures, on what, and which figure it is held to: one sentence."""

    def run(
        self, data: Path, test: Path | None, options: Options, progress: Progress
    ) -> Evaluation:
        """Train where needed, and measure. Blocks.

        ``data``: the data set's folder or file. ``test``: one of the same layout, whose test part,
        or all where it has none, is judged in place of that of ``data``, which is then neither
        trained on nor judged.

        Raises ``DataSetError`` for files that are missing or damaged, ``TrainError``,
        ``EvaluationError`` for options that the recipe cannot follow.
        """
