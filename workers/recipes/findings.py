"""Figures, charts and tables from the answers of the ways to train. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from workers.evaluation.answering import WHOLE, View
from workers.evaluation.bootstrap import difference_interval, interval_of
from workers.evaluation.calibration import reliability
from workers.evaluation.metrics import METRICS, find_metric, usual_metrics, value_of
from workers.evaluation.predictions import Predictions
from workers.recipes.base import Bar, Chart, Figure, Goal, Table
from workers.recipes.running import Outcome, Way

#: What a model may lose to the best model of the inputs that are left, as a share.
TOLERATED = 0.02


def claimed_figures(goals: Sequence[Goal], repetitions: Sequence[Predictions]) -> list[Figure]:
    """The claimed metrics first, then the usual ones and the calibration error."""
    above = {goal.metric: goal for goal in goals}
    names = list(dict.fromkeys([*above, *usual_metrics(repetitions[0])]))
    figures = [
        measured(
            METRICS[name].title,
            name,
            repetitions,
            goal=above[name].above if name in above else None,
            note=above[name].source if name in above else "",
        )
        for name in names
    ]
    errors = [reliability(each).ece for each in repetitions]
    calibration = Figure(
        "calibration error (ECE)",
        float(np.mean(errors)),
        _deviation(errors),
        None,
        len(repetitions[0]),
        len(repetitions),
    )
    return [*figures, calibration]


def measured(
    title: str,
    metric: str,
    repetitions: Sequence[Predictions],
    goal: float | None = None,
    note: str = "",
) -> Figure:
    """One metric over the repetitions, with deviation and interval."""
    values = [value_of(metric, each) for each in repetitions]
    return Figure(
        title,
        float(np.mean(values)),
        _deviation(values),
        interval_of(metric, repetitions),
        len(repetitions[0]),
        len(repetitions),
        goal,
        note,
    )


def difference(
    title: str,
    metric: str,
    first: Sequence[Predictions],
    second: Sequence[Predictions],
    goal: float | None = None,
    note: str = "",
) -> Figure:
    """``first`` less ``second``, item by item of the same draws, seed by seed for the deviation."""
    value, interval = difference_interval(metric, first, second)
    apart = [
        value_of(metric, one) - value_of(metric, other)
        for one, other in zip(first, second, strict=False)
    ]
    return Figure(title, value, _deviation(apart), interval, len(first[0]), len(apart), goal, note)


def fold_table(metric: str, outcome: Outcome) -> Table | None:
    """The metric fold by fold, and its deviation over folds; ``None`` without folds."""
    folds = [(cut, answers) for cut, answers in outcome.by_fold if cut.fold]
    if not folds:
        return None
    values = [value_of(metric, answers) for _, answers in folds]
    rows = [
        (cut.name, str(len(answers)), f"{value:.4f}")
        for (cut, answers), value in zip(folds, values, strict=True)
    ]
    spread = f"{np.mean(values):.4f} ± {_deviation(values) or 0.0:.4f}"
    title = find_metric(metric).title
    return Table(
        f"Fold by fold: {title}",
        ("fold", "items", title),
        (*rows, ("mean ± deviation over folds", "", spread)),
    )


def alone(metric: str, whole: Outcome, parts: Mapping[Way, Outcome]) -> list[Figure]:
    """What each smaller set of inputs reaches, trained for it, and what fusion adds to the best
    single one: more than its own deviation over seeds is claimed.
    """
    title = find_metric(metric).title
    spread = _deviation([value_of(metric, each) for each in whole.whole])
    figures = [
        measured(f"{way.name} alone: {title}", metric, outcome.whole, note="trained for it")
        for way, outcome in parts.items()
    ]
    singles = {way: outcome for way, outcome in parts.items() if len(way.inputs) == 1}
    best = best_of(metric, singles)
    if best is not None:
        figures.append(
            difference(
                f"fused less {best.name} alone: {title}",
                metric,
                whole.whole,
                parts[best].whole,
                goal=spread or 0.0,
                note="paired by item; the best single input is chosen by this same figure; claimed "
                "is more than the deviation over seeds",
            )
        )
    return figures


def missing_inputs(metric: str, whole: Outcome, parts: Mapping[Way, Outcome]) -> list[Figure]:
    """With each input absent: the fused model against the best that was trained for some of the
    inputs that are left. In shares: 0.02 are 2 points.
    """
    title = find_metric(metric).title
    figures = []
    for absent in whole.way.inputs:
        left = frozenset(whole.way.inputs) - {absent}
        rivals = {way: outcome for way, outcome in parts.items() if left.issuperset(way.inputs)}
        best = best_of(metric, rivals)
        masked = whole.answers.get(View(left))
        if best is None or masked is None:
            continue
        figures.append(
            difference(
                f"without {absent}: fused less {best.name}: {title}",
                metric,
                masked,
                parts[best].whole,
                goal=-TOLERATED,
                note="the best of the models trained for what is left, chosen by this same figure",
            )
        )
    return figures


def masking_chart(metric: str, whole: Outcome) -> Chart:
    """The one trained model with inputs left out and with each alone."""
    inputs = frozenset(whole.way.inputs)
    shown = {inputs - {name}: f"without {name}" for name in whole.way.inputs}
    # Of two inputs, one is alone where the other is left out.
    for name in whole.way.inputs:
        shown.setdefault(frozenset({name}), f"{name} alone")
    bars = [_bar("all", metric, whole.answers[WHOLE])]
    bars += [
        _bar(title, metric, whole.answers[View(left)])
        for left, title in shown.items()
        if View(left) in whole.answers
    ]
    return Chart(
        "The trained model with inputs masked",
        find_metric(metric).title,
        tuple(bars),
        "One model, trained with all inputs; what it is not shown is absent as it may be live.",
    )


def training_chart(metric: str, whole: Outcome, others: Mapping[Way, Outcome]) -> Chart:
    """Models trained for fewer inputs, and the variants, beside the model itself."""
    bars = [_bar(f"{whole.way.name} (the recipe)", metric, whole.whole)]
    bars += [_bar(way.name, metric, outcome.whole) for way, outcome in others.items()]
    return Chart("Trained anew for each", find_metric(metric).title, tuple(bars))


def misalignment_chart(metric: str, whole: Outcome) -> Chart:
    """The trained model where one input's event times are wrong."""
    bars = [_bar("aligned", metric, whole.answers[WHOLE])]
    bars += [
        _bar(f"{view.off[0]} {view.off[1] / 1e6:+g} s", metric, found)
        for view, found in whole.answers.items()
        if view.off is not None
    ]
    return Chart(
        "Misaligned by up to 2 s",
        find_metric(metric).title,
        tuple(bars),
        "The event times of one input are shifted before the aligner. A window that is no longer "
        "there counts as wrong.",
    )


def best_of(metric: str, outcomes: Mapping[Way, Outcome]) -> Way | None:
    """The way with the highest mean; ``None`` of none."""
    means = {
        way: float(np.mean([value_of(metric, each) for each in outcome.whole]))
        for way, outcome in outcomes.items()
    }
    return max(means, key=means.__getitem__) if means else None


def _bar(name: str, metric: str, repetitions: Sequence[Predictions]) -> Bar:
    values = [value_of(metric, each) for each in repetitions]
    return Bar(name, float(np.mean(values)), _deviation(values), interval_of(metric, repetitions))


def _deviation(values: Sequence[float]) -> float | None:
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
