"""An insight as a terminal shows it, at most 100 columns wide. Pure.

With colour a picture is drawn in half blocks, two pixels to a character; without, the heat alone
is, in shades.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from rich import box
from rich.console import Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from schemas.contributions import Contribution, Contributions
from schemas.units import us_to_iso
from workers.explain.words import plain
from workers.insight.gallery import HungPicture
from workers.insight.inquiry import Inquiry
from workers.insight.overlay import Picture
from workers.insight.report import HeatPicture, Insight

#: Columns of a picture and, of a high one, most lines; columns of a bar.
_PICTURE_COLUMNS, _PICTURE_LINES, _BAR_COLUMNS = 72, 32, 40
#: A line of text is about twice as high as a character is wide.
_HIGH = 2
_SHADES = " ·░▒▓█"
#: Eighths of a block, from none.
_EIGHTHS = ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")


def draw(inquiry: Inquiry, *, colour: bool) -> RenderableType:
    """The shares as bars and the warmest picture of each sensor."""
    insight = inquiry.insight
    parts: list[RenderableType] = [Text(), Text(_head(insight)), *_agreement(insight)]
    if insight.contributions is not None:
        parts.append(bars(insight.contributions, insight.task))
    for one in warmest(inquiry.pictures):
        parts += [
            Text(_caption(one.report, insight)),
            half_blocks(one.plain) if colour else shades(one.report),
        ]
    parts += [Text(plain(sentence)) for sentence in insight.limits]
    return Group(*parts)


def bars(contributions: Contributions, task: str) -> Table:
    """Each modality's share of a task's answer, and each sensor's where it has several."""
    found = contributions.tasks[task]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(f"{task}: {found.label}", no_wrap=True, max_width=24, overflow="ellipsis")
    table.add_column("share, by leaving it out", width=_BAR_COLUMNS, no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("without it", justify="right", no_wrap=True)
    for name, one in found.modalities.items():
        _row(table, name, one)
    for name, one in found.sensors.items():
        _row(table, f"  {name}", one)
    return table


def _row(table: Table, name: str, one: Contribution) -> None:
    table.add_row(
        Text(plain(name)), Text(_bar(one.share), "green"), f"{one.share:.0%}", f"{-one.drop:+.2f}"
    )


def _bar(share: float) -> str:
    """A bar of eighths of a column.

    >>> _bar(0.5) == "█" * 20, _bar(0.0)
    (True, '')
    """
    whole, rest = divmod(round(share * _BAR_COLUMNS * 8), 8)
    return "█" * whole + _EIGHTHS[rest]


def warmest(pictures: Sequence[HungPicture]) -> list[HungPicture]:
    """Of each sensor the picture with the most heat, the warmest first; none without heat."""
    found: dict[str, HungPicture] = {}
    for one in pictures:
        best = found.get(one.report.sensor)
        if one.report.share > (best.report.share if best else 0.0):
            found[one.report.sensor] = one
    return sorted(found.values(), key=lambda one: -one.report.share)


def half_blocks(picture: Picture) -> Text:
    """The picture at ``_PICTURE_COLUMNS`` or less: the upper pixel of two is the character's
    colour, the lower its ground.
    """
    columns, lines = _size(picture.shape[1], picture.shape[0])
    small = cv2.resize(picture, (columns, 2 * lines), interpolation=cv2.INTER_AREA)
    text = Text(no_wrap=True)
    for line in range(lines):
        for upper, lower in zip(small[2 * line], small[2 * line + 1], strict=True):
            text.append("▀", Style(color=_rgb(upper), bgcolor=_rgb(lower)))
        text.append("\n")
    text.rstrip()
    return text


def shades(report: HeatPicture) -> Text:
    """The heat in five shades and nothing, in a frame, without the picture itself."""
    columns, lines = _size(report.width, report.height)
    grid = np.asarray(report.grid, np.float32)
    spread = np.clip(cv2.resize(grid, (columns, lines), interpolation=cv2.INTER_LINEAR), 0, None)
    levels = np.ceil(spread / max(float(spread.max()), 1e-12) * (len(_SHADES) - 1) - 0.5)
    return Text("\n".join(_framed(levels.astype(int))), no_wrap=True)


def _framed(levels: np.ndarray[tuple[int, ...], np.dtype[np.int_]]) -> Iterator[str]:
    edge = "─" * levels.shape[1]
    yield f"┌{edge}┐"
    for row in levels:
        yield f"│{''.join(_SHADES[max(0, level)] for level in row)}│"
    yield f"└{edge}┘"


def _size(width: int, height: int) -> tuple[int, int]:
    """Columns and lines of a picture."""
    lines = max(1, round(_PICTURE_COLUMNS * height / width / _HIGH))
    if lines <= _PICTURE_LINES:
        return _PICTURE_COLUMNS, lines
    return max(1, round(_PICTURE_LINES * _HIGH * width / height)), _PICTURE_LINES


def _rgb(pixel: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    blue, green, red = (int(value) for value in pixel)
    return f"#{red:02x}{green:02x}{blue:02x}"


def _head(insight: Insight) -> str:
    model = insight.model
    return (
        f"{insight.task}: {insight.label} {insight.probability:.1%}, by {model.name} "
        f"{model.version} ({model.digest[:12]})"
    )


def _agreement(insight: Insight) -> Iterator[Text]:
    if insight.agreement.same:
        yield Text("encoded and fused again, the window gives the answer that was published")
        return
    yield Text(
        f"encoded and fused again, the window gives {insight.probability:.4f} and not "
        f"{insight.published:.4f}: what follows is about the former",
        "yellow",
    )
    for reason in insight.agreement.reasons:
        yield Text(f"  {plain(reason)}", "yellow")


def _caption(report: HeatPicture, insight: Insight) -> str:
    method = f", by {insight.method.name}" if insight.method else ""
    return (
        f"{report.sensor} {us_to_iso(report.start_us)}, {report.share:.0%} of the heat{method}; "
        f"{report.file}"
    )
