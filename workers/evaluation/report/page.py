"""The report: one HTML file that needs nothing else, neither network nor scripts."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from workers.evaluation.extra import need_matplotlib
from workers.evaluation.metrics import confusion
from workers.evaluation.predictions import Predictions
from workers.evaluation.report import plots
from workers.evaluation.report.maps import chosen_items, placed
from workers.recipes.base import Evaluation, Figure, StreamEquality, Table

#: Pairs of labels that are listed as confused most.
_PAIRS = 15
_CSS = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1000px;margin:2rem auto;padding:0 1rem}
h1{margin-bottom:.2rem}h2{margin-top:2.4rem;border-bottom:1px solid #ddd;padding-bottom:.2rem}
table{border-collapse:collapse;margin:.8rem 0;font-size:14px}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #eee}
th:first-child,td:first-child{text-align:left}thead th{border-bottom:2px solid #999}
img{max-width:100%;height:auto}.small{color:#666;font-size:12.5px;margin:.2rem 0}
.met{color:#00734f;font-weight:600}.below{color:#b23c00;font-weight:600}
.cards{display:grid;grid-template-columns:repeat(auto-fill,minmax(240px,1fr));gap:.8rem}
.card{border:1px solid #ddd;border-left:5px solid #009E73;padding:.4rem .8rem;overflow:hidden}
.card.wrong{border-left-color:#D55E00}blockquote{margin:.3rem 0;font-size:13.5px}
dt{font-weight:600}dd{margin:0 0 .5rem 0}
"""


def write_report(path: Path, found: Evaluation, *, examples: bool = False) -> None:
    """Write the file. ``examples``: with samples of the data. Raises ``EvaluationError`` where
    matplotlib or scikit-learn is not installed, ``OSError`` where the file cannot be written.
    """
    path.write_text(render_report(found, examples=examples), encoding="utf-8")


def render_report(found: Evaluation, *, examples: bool = False) -> str:
    """The page as text. The same evaluation gives the same one."""
    need_matplotlib()
    title = html.escape(f"{found.recipe}: evaluation")
    body = "\n".join(section for section in _sections(found, examples) if section)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_CSS}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _sections(found: Evaluation, examples: bool) -> Iterable[str]:
    yield f"<h1>{html.escape(found.recipe)}</h1><p>{html.escape(found.claim)}</p>"
    yield _about(found)
    yield _section("Figures", _figures(found.figures))
    for table in found.tables:
        yield _section(table.title, _table(table), table.note)
    if found.stream:
        yield _section("In the stream", _stream(found.stream), _STREAM_NOTE)
    for chart in found.charts:
        yield _section(chart.title, plots.bars(chart), chart.note)
    repetitions = list(found.predictions.values())
    if repetitions:
        yield _section(
            "Confusion matrix", plots.confusion_matrix(repetitions) + _confused(repetitions)
        )
        yield _section(
            "Calibration",
            plots.reliability_diagram(repetitions),
            "A model that can be taken at its word lies on the dashed line.",
        )
    if any(curve.series for curve in found.curves):
        yield _section(
            "Learning curves",
            plots.learning_curves(found.curves),
            "A line for each training; a dot where the epoch that is used was.",
        )
    yield from _inside(found)
    if examples and repetitions and found.data_set is not None:
        from workers.evaluation.report.examples import examples as shown

        yield _section("Examples", shown(repetitions[0], found.data_set, found.window_us))


def _inside(found: Evaluation) -> Iterable[str]:
    """What the first model attends to, and where it has put the items."""
    if found.inside is None:
        return
    shares = plots.shares_over_time(found.inside)
    if shares is not None:
        yield _section(
            "Attention over modalities and time",
            shares,
            "The first model's own shares for what it has not seen.",
        )
    if found.moments is not None and np.isfinite(found.moments.lost).any():
        yield _section(
            "Which inputs and moments count",
            plots.moments_map(found.moments),
            f"How far the probability of the predicted label falls without an input's samples in "
            f"one part of the window, mean of {found.moments.windows} windows; white: nothing, or "
            "no sample there.",
        )
    if found.inside.representation is not None:
        some = found.inside.only(chosen_items(len(found.inside)))
        assert some.representation is not None
        maps = placed(some.representation)
        if maps:
            yield _section(
                "Feature maps",
                plots.feature_map(some, maps),
                f"What the first model has fused of {len(some)} held-out windows, coloured by the "
                "true label; a ring where its answer is wrong.",
            )


_STREAM_NOTE = (
    "The held-out samples were fed to a broker, a worker with the trained model answered, and each "
    "final result was held against the offline answer: session, window, label, and probabilities "
    "as near as they are published."
)


def _section(title: str, body: str, note: str = "") -> str:
    told = f'<p class="small">{html.escape(note)}</p>' if note else ""
    return f"<h2>{html.escape(title)}</h2>{body}{told}"


def _about(found: Evaluation) -> str:
    rows = [("Split", found.split), ("Data", found.origin), ("Licence of the data", found.licence)]
    rows += [("Note", note) for note in found.notes]
    listed = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in rows)
    return f"<dl>{listed}</dl>"


def _figures(figures: Sequence[Figure]) -> str:
    head = ("figure", "value", "± over runs", "95 % interval", "items", "runs", "claimed")
    rows = []
    for figure in figures:
        interval = figure.interval
        note = f'<div class="small">{html.escape(figure.note)}</div>' if figure.note else ""
        rows.append(
            (
                html.escape(figure.name) + note,
                f"{figure.value:.4f}",
                "" if figure.deviation is None else f"{figure.deviation:.4f}",
                "" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
                f"{figure.count:,}" if figure.count else "",
                str(figure.repetitions),
                _claimed(figure),
            )
        )
    return _rows(head, rows)


def _claimed(figure: Figure) -> str:
    if figure.goal is None:
        return ""
    kind, word = ("met", "met") if figure.met else ("below", "not met")
    return f'&gt; {figure.goal:g} <span class="{kind}">{word}</span>'


def _stream(rows: Sequence[StreamEquality]) -> str:
    head = (
        "model",
        "items",
        "equal",
        "missing",
        "doubled",
        "unequal",
        "unexpected",
        "largest difference",
    )
    return _rows(
        head,
        [
            (
                html.escape(one.model),
                *(
                    f"{count:,}"
                    for count in (
                        one.items,
                        one.equal,
                        one.missing,
                        one.doubled,
                        one.unequal,
                        one.unexpected,
                    )
                ),
                f"{one.largest_difference:g}",
            )
            for one in rows
        ],
    )


def _table(table: Table) -> str:
    return _rows(table.columns, [[html.escape(cell) for cell in row] for row in table.rows])


def _confused(repetitions: Sequence[Predictions]) -> str:
    """The pairs confused most often, where there are too many labels to write into the matrix."""
    labels = repetitions[0].labels
    if len(labels) <= plots.WRITTEN_LABELS:
        return ""
    counts = np.sum([confusion(each) for each in repetitions], axis=0)[:, :-1]
    total = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    order = np.argsort(-counts, axis=None, kind="stable")[:_PAIRS]
    rows = []
    for cell in order.tolist():
        true, said = divmod(cell, len(labels))
        if counts[true, said]:
            share = counts[true, said] / total[true]
            cells = (labels[true], labels[said], f"{counts[true, said]:,}", f"{share:.0%}")
            rows.append([html.escape(each) for each in cells])
    return _rows(("true", "taken for", "items", "of the label's"), rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; cells are HTML already."""
    titles = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
