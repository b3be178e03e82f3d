"""The plots of a report, each an HTML image element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.evaluation.calibration import reliability
from workers.evaluation.metrics import confusion
from workers.evaluation.moments import Moments
from workers.evaluation.predictions import Predictions
from workers.evaluation.report.drawing import COLOURS, FAINT, INK, as_image, new_figure
from workers.recipes.base import Chart, Curve

#: Up to so many labels are written into the cells and at the sides of a confusion matrix.
WRITTEN_LABELS = 12
#: Sessions whose shares are drawn along their time.
_SESSIONS = 4


def learning_curves(curves: Sequence[Curve]) -> str:
    """A panel for each series, a line for each training; a dot where the epoch was kept."""
    names = list(dict.fromkeys(name for curve in curves for name in curve.series))
    figure, axes = new_figure(4.2 * len(names), 2.9, columns=len(names))
    for axis, name in zip(axes, names, strict=True):
        for number, curve in enumerate(curves):
            values = curve.series.get(name)
            if not values:
                continue
            colour = COLOURS[number % len(COLOURS)]
            axis.plot(range(len(values)), values, color=colour, linewidth=1, alpha=0.8)
            if curve.chosen is not None and curve.chosen < len(values):
                axis.plot(curve.chosen, values[curve.chosen], "o", color=colour, markersize=4)
        axis.set_title(name)
        axis.set_xlabel("epoch")
        axis.grid(visible=True, color=FAINT, linewidth=0.5)
    return as_image(figure, f"learning curves of {len(curves)} trainings: {', '.join(names)}")


def confusion_matrix(predictions: Sequence[Predictions]) -> str:
    """Shares of each true label's items, over all repetitions together."""
    counts = np.sum([confusion(each) for each in predictions], axis=0)
    labels = list(predictions[0].labels)
    unanswered = counts[:, -1].any()
    counts = counts if unanswered else counts[:, :-1]
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.zeros(counts.shape), where=total > 0)
    few = len(labels) <= WRITTEN_LABELS
    size = 1.6 + 0.62 * len(labels) if few else 6.4
    figure, (axis,) = new_figure(max(3.4, size) + 0.8, max(3.0, size))
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1, interpolation="nearest")
    figure.colorbar(image, ax=axis, shrink=0.8, label="share of the true label's items")
    axis.set_xlabel("predicted")
    axis.set_ylabel("true")
    if few:
        columns = [*labels, "(no answer)"] if unanswered else labels
        axis.set_xticks(range(len(columns)), columns, rotation=30, ha="right")
        axis.set_yticks(range(len(labels)), labels)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.55 else INK
            written = f"{share:.2f}\n{counts[row, column]:,}"
            axis.text(column, row, written, ha="center", va="center", color=colour, fontsize=8)
    return as_image(figure, "confusion matrix: true labels by row, predicted ones by column")


def reliability_diagram(predictions: Sequence[Predictions]) -> str:
    """Accuracy by confidence in bins, all repetitions together, over the count of items."""
    found = [reliability(each) for each in predictions]
    counts = np.sum([each.counts for each in found], axis=0)
    sure = _pooled([each.confidence for each in found], [each.counts for each in found])
    right = _pooled([each.accuracy for each in found], [each.counts for each in found])
    figure, (above, below) = new_figure(4.2, 4.4, rows=2)
    edges = np.linspace(0, 1, len(counts) + 1)
    above.plot([0, 1], [0, 1], color="#888888", linestyle="--", linewidth=1, label="calibrated")
    above.plot(sure, right, "o-", color=COLOURS[0], markersize=4, label="the model")
    above.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    above.legend(loc="upper left")
    below.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=COLOURS[5])
    below.set(xlim=(0, 1), xlabel="probability of the predicted label", ylabel="items")
    return as_image(figure, "reliability diagram: accuracy by the probability that was given")


def bars(chart: Chart) -> str:
    """A bar for each; a line from end to end of its interval."""
    figure, (axis,) = new_figure(6.6, 0.7 + 0.3 * len(chart.bars))
    names = [bar.name for bar in chart.bars]
    places = np.arange(len(names))[::-1]
    values = [bar.value for bar in chart.bars]
    colours = [COLOURS[0], *[COLOURS[5]] * (len(values) - 1)]
    axis.barh(places, values, color=colours, height=0.62)
    for place, bar in zip(places, chart.bars, strict=True):
        ends = bar.interval or (bar.value, bar.value)
        axis.plot(ends, [place, place], color=INK, linewidth=1.2)
        at = max(ends[1], bar.value)
        axis.text(at, place, f"  {bar.value:.3f}", va="center", fontsize=8, color=INK)
    axis.set_yticks(places, names)
    axis.set_xlim(0, max(1.08, 1.1 * max(values)))
    axis.set_xlabel(f"{chart.metric} (line: 95 % interval)")
    axis.grid(visible=True, axis="x", color=FAINT, linewidth=0.5)
    axis.set_axisbelow(True)
    return as_image(figure, f"{chart.title}: {chart.metric}")


def shares_over_time(predictions: Predictions) -> str | None:
    """Shares of the modalities, on average for each label and along some sessions; ``None`` where
    the model does not tell, or knows one modality.
    """
    shares = predictions.shares
    if shares is None or len(predictions.modalities) < 2:
        return None
    names = predictions.modalities
    sessions = _longest(predictions.sessions)
    predicted = predictions.predicted
    present = [at for at in range(len(predictions.labels)) if (predicted == at).any()]
    shown = present[:WRITTEN_LABELS]
    figure, axes = new_figure(8.6, 1.9 + 1.3 * len(sessions), rows=1 + len(sessions))
    left = np.zeros(len(shown))
    for column, name in enumerate(names):
        means = np.asarray([shares[predicted == at, column].mean() for at in shown])
        axes[0].barh(
            range(len(shown)), means, left=left, color=COLOURS[column], height=0.7, label=name
        )
        left = left + means
    axes[0].set_yticks(range(len(shown)), [predictions.labels[at] for at in shown])
    axes[0].set_title("mean share by predicted label")
    axes[0].legend(ncols=len(names), loc="upper center", bbox_to_anchor=(0.5, -0.15))
    for axis, session in zip(axes[1:], sessions, strict=True):
        chosen = np.asarray([each == session for each in predictions.sessions])
        seconds = (predictions.starts_us[chosen] - predictions.starts_us[chosen].min()) / 1e6
        axis.stackplot(
            seconds, shares[chosen].T, colors=COLOURS[: len(names)], step="post", alpha=0.9
        )
        axis.set(ylim=(0, 1), ylabel="share")
        axis.set_title(f"session {session}", loc="left", fontsize=8)
    if sessions:
        axes[-1].set_xlabel("start of the window in its session, s")
    return as_image(figure, "shares of attention by modality, and along the time of sessions")


def moments_map(found: Moments) -> str:
    """What answers lose without each input in each part of the window."""
    figure, (axis,) = new_figure(6.6, 1.2 + 0.45 * len(found.inputs))
    most = float(np.nanmax(np.abs(found.lost), initial=0.01))
    image = axis.imshow(
        found.lost, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", interpolation="nearest"
    )
    figure.colorbar(image, ax=axis, label="fall of probability")
    axis.set_yticks(range(len(found.inputs)), found.inputs)
    parts = found.lost.shape[1]
    ends = found.size_us / 1e6 * np.linspace(0, 1, parts + 1)
    axis.set_xticks(np.arange(parts + 1) - 0.5, [f"{end:g}" for end in ends])
    axis.set_xlabel("time in the window, s")
    return as_image(figure, "what answers lose without each input in each part of the window")


def feature_map(predictions: Predictions, places: Mapping[str, NDArray[np.float64]]) -> str:
    """Items in two dimensions, coloured by their true label; a ring where the answer is wrong."""
    figure, axes = new_figure(4.4 * len(places), 4.0, columns=len(places))
    wrong = predictions.predicted != predictions.truth
    labels = range(len(predictions.labels))
    few = len(labels) <= len(COLOURS)
    for axis, (title, at) in zip(axes, places.items(), strict=True):
        if few:
            for label in labels:
                mine = predictions.truth == label
                name, colour = predictions.labels[label], COLOURS[label]
                axis.scatter(at[mine, 0], at[mine, 1], s=9, color=colour, label=name, linewidths=0)
        else:
            hue = predictions.truth / max(1, len(labels) - 1)
            axis.scatter(at[:, 0], at[:, 1], s=7, c=hue, cmap="hsv", linewidths=0)
        axis.scatter(
            at[wrong, 0], at[wrong, 1], s=26, facecolors="none", edgecolors=INK, linewidths=0.6
        )
        axis.set_title(title)
        axis.set_xticks([])
        axis.set_yticks([])
    if few:
        axes[0].legend(fontsize=7, markerscale=1.6)
    return as_image(figure, "feature maps: " + ", ".join(places))


def _pooled(
    means: Sequence[NDArray[np.float64]], counts: Sequence[NDArray[np.int64]]
) -> NDArray[np.float64]:
    total = np.sum(counts, axis=0)
    summed = np.sum(
        [np.nan_to_num(mean) * count for mean, count in zip(means, counts, strict=True)], axis=0
    )
    mean: NDArray[np.float64] = np.divide(
        summed, total, out=np.full(len(total), np.nan), where=total > 0
    )
    return mean


def _longest(sessions: Sequence[str]) -> list[str]:
    """Some of the sessions with the most windows; none where all have one only."""
    names, counts = np.unique(np.asarray(sessions), return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_SESSIONS]
    return [str(names[at]) for at in order if counts[at] > 1]
