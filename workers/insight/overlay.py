"""A heat map over its frame, with a legend below, as one picture. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.insight.heat import Grid

#: uint8 (height, width, 3), blue, green, red.
Picture = NDArray[np.uint8]

#: A smaller picture is enlarged by a whole factor until its legend can be read.
_LEGIBLE_PX = 640
#: Height of the legend, and of its lines of text.
LEGEND_PX, _LINE_PX = 84, 24
_MARGIN_PX = 14
_BAR_PX = 128
_COLOURS = cv2.COLORMAP_INFERNO
#: The colour map begins in black, which on a frame would look like a shadow: its start is skipped.
_FIRST_COLOUR = 0.3
#: What is left of the frame's own colours, so that heat is the only thing that glows.
_OWN_COLOUR = 0.45
#: How far heat covers the frame where it is greatest, and from which share of that on it shows.
_COVER, _FAINT = 0.82, 0.06
#: A line is drawn around what has at least this share of the greatest heat.
_OUTLINE = 0.5
_PAPER, _INK, _PALE = (26, 24, 22), (240, 240, 240), (170, 170, 170)


@dataclass(frozen=True, slots=True)
class Legend:
    """What is written below a picture: two lines of text, and a small one at the end."""

    title: str
    answer: str
    method: str


def factor(picture: Picture) -> int:
    """By how much a picture is enlarged."""
    width: int = picture.shape[1]
    return -(-_LEGIBLE_PX // width)


def stretched(grid: Grid, height: int, width: int) -> Grid:
    """The grid over a picture of that size, float32 (height, width), 0 and more."""
    smooth = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.maximum(np.asarray(smooth, np.float32), np.float32(0.0))


def glow(picture: Picture, grid: Grid, hottest: float) -> Picture:
    """The picture, paler, with the grid's heat on it; ``hottest`` is the greatest there can be."""
    height, width = picture.shape[:2]
    heat = stretched(grid, height, width) / np.float32(hottest or 1.0)
    heat = np.clip(heat, 0.0, 1.0)
    shade = np.uint8(255) * (_FIRST_COLOUR + (1.0 - _FIRST_COLOUR) * heat)
    colours = cv2.applyColorMap(shade.astype(np.uint8), _COLOURS).astype(np.float32)
    grey = cv2.cvtColor(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    base = picture * _OWN_COLOUR + grey * (1.0 - _OWN_COLOUR)
    cover = np.clip((heat - _FAINT) / (1.0 - _FAINT), 0.0, 1.0) ** 0.6 * _COVER
    mixed = base * (1.0 - cover[..., None]) + colours * cover[..., None]
    return np.asarray(np.clip(mixed, 0.0, 255.0), np.uint8)


def draw(picture: Picture, grid: Grid, hottest: float, legend: Legend) -> Picture:
    """The picture enlarged by ``factor``, its heat on it, ``LEGEND_PX`` of legend below."""
    times = factor(picture)
    height, width = picture.shape[0] * times, picture.shape[1] * times
    large = cv2.resize(picture, (width, height), interpolation=cv2.INTER_CUBIC)
    over = glow(np.asarray(large, np.uint8), grid, hottest)
    if hottest > 0.0:
        _outline(over, stretched(grid, height, width) >= _OUTLINE * hottest)
    return np.asarray(np.vstack([over, _written(legend, width)]), np.uint8)


def _outline(over: Picture, inside: NDArray[np.bool_]) -> None:
    found, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_TC89_L1
    )
    cv2.drawContours(over, found, -1, (255, 255, 255), 1, cv2.LINE_AA)


def _written(legend: Legend, width: int) -> Picture:
    strip = np.full((LEGEND_PX, width, 3), _PAPER, np.uint8)
    room = width - _BAR_PX - 3 * _MARGIN_PX
    lines = (
        (legend.title, 0.52, _INK),
        (legend.answer, 0.52, _INK),
        (legend.method, 0.42, _PALE),
    )
    for number, (text, size, colour) in enumerate(lines):
        at = (_MARGIN_PX, 24 + number * _LINE_PX)
        _put(strip, _fitted(text, size, room), at, size, colour)
    _bar(strip)
    return strip


def _bar(strip: Picture) -> None:
    """The scale of colours, at the right."""
    left = strip.shape[1] - _BAR_PX - _MARGIN_PX
    shades = np.linspace(255 * _FIRST_COLOUR, 255, _BAR_PX).astype(np.uint8)
    colours = cv2.applyColorMap(np.tile(shades, (12, 1)), _COLOURS)
    strip[20:32, left : left + _BAR_PX] = colours
    _put(strip, "less", (left, 48), 0.42, _PALE)
    (wide, _), _ = cv2.getTextSize("more", cv2.FONT_HERSHEY_SIMPLEX, 0.42, 1)
    _put(strip, "more", (left + _BAR_PX - wide, 48), 0.42, _PALE)


def _put(
    strip: Picture, text: str, at: tuple[int, int], size: float, colour: tuple[int, int, int]
) -> None:
    cv2.putText(strip, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)


def _fitted(text: str, size: float, room_px: int) -> str:
    """The text in what OpenCV's fonts can write, cut to the room that there is."""
    text = "".join(char if " " <= char <= "~" else "?" for char in text)
    while text and cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, size, 1)[0][0] > room_px:
        text = text[:-1]
    return text


def png(picture: Picture) -> bytes:
    """The picture as PNG."""
    done, data = cv2.imencode(".png", picture, [cv2.IMWRITE_PNG_COMPRESSION, 7])
    assert done, "OpenCV was built without PNG"
    return data.tobytes()
