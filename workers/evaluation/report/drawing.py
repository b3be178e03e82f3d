"""Plots as text that a page holds: SVG in a data URI, so that no plot meets another's names."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which stay apart for most of those who see fewer.
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#8C6D31",
    "#4D4D4D",
)
INK, FAINT = "#222222", "#d9d9d9"
_STYLE: Any = {
    "svg.hashsalt": "sensorium",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#888888",
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
}


def new_figure(
    width: float, height: float, columns: int = 1, rows: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure in inches and its axes, row by row. No window and no global state of matplotlib."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False)
    return figure, list(axes.flat)


def as_image(figure: Figure, alt: str) -> str:
    """The figure as an HTML image element. The same figure gives the same text."""
    import matplotlib as mpl

    out = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return image_element("image/svg+xml", out.getvalue(), alt)


def image_element(media_type: str, body: bytes, alt: str) -> str:
    """An HTML image element that holds its picture."""
    coded = base64.b64encode(body).decode()
    return f'<img alt="{html.escape(alt, quote=True)}" src="data:{media_type};base64,{coded}">'
