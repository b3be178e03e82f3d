"""An insight as a terminal shows it, at most 100 columns wide. Pure.

With colour a picture is drawn in half blocks, two pixels to a character; without, the heat alone
is, in shades.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from rich.console import Group, RenderableType
from rich.style import Style
from rich.text import Text

from schemas.units import us_to_iso
from workers.explain.bars import bars
from workers.explain.words import plain
from workers.insight.gallery import HungPicture
from workers.insight.inquiry import Inquiry
from workers.insight.overlay import Picture
from workers.insight.report import HeatPicture, Insight

#: Columns of a picture and, of a high one, most lines.
_PICTURE_COLUMNS, _PICTURE_LINES = 72, 32
#: Lines of a heat that has one row: that of audio, over time.
_STRIP_LINES = 3
#: A sensor with a smaller share of the heat is not drawn.
_LEAST_SHARE = 0.05
#: A line of text is about twice as high as a character is wide.
_HIGH = 2
_SHADES = " ·░▒▓█"


def draw(inquiry: Inquiry, *, colour: bool) -> RenderableType:
    """The shares as bars and the warmest picture of each sensor."""
    insight = inquiry.insight
    parts: list[RenderableType] = [Text(), Text(_head(insight)), *_agreement(insight)]
    if insight.contributions is not None:
        found = insight.contributions.tasks[insight.task]
        answered = insight.probabilities[found.label]
        parts.append(bars(insight.task, found, answered, insight.attention, insight.sensors))
    for one in warmest(inquiry.pictures):
        parts += [
            Text(_caption(one.report, insight)),
            half_blocks(one.plain) if colour else shades(one.report),
        ]
    parts += [Text(plain(sentence)) for sentence in insight.limits]
    return Group(*parts)


def warmest(pictures: Sequence[HungPicture]) -> list[HungPicture]:
    """Of each sensor with some heat the picture with the most of it, the warmest first."""
    found: dict[str, HungPicture] = {}
    shares: dict[str, float] = {}
    for one in pictures:
        sensor, share = one.report.sensor, one.report.share
        shares[sensor] = shares.get(sensor, 0.0) + share
        if sensor not in found or share > found[sensor].report.share:
            found[sensor] = one
    some = [one for sensor, one in found.items() if shares[sensor] >= _LEAST_SHARE]
    return sorted(some, key=lambda one: -one.report.share)


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
    if len(grid) == 1:
        lines = _STRIP_LINES
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
    else:
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
