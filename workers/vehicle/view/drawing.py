"""Lines, texts and polygons on images, by OpenCV, with colours as RGB."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from workers.vehicle.view.sight import Color, Image

_FONT = cv2.FONT_HERSHEY_SIMPLEX
#: OpenCV takes coordinates in 1/2^_SHIFT pixels, so that slanted lines are smooth.
_SHIFT = 4
#: Farther outside an image nothing of a line can be seen, and its integers would overflow.
_FAR_PX = 20_000.0


def canvas(width: int, height: int, color: Color) -> Image:
    """An image of one colour."""
    return np.full((height, width, 3), color, np.uint8)


def polyline(
    image: Image, points: NDArray[np.float64], color: Color, width: int = 1, closed: bool = False
) -> None:
    """Lines from point to point, float64 (n, 2) in pixels; nothing where one is NaN."""
    if len(points) > 1 and np.isfinite(points).all():
        fixed = np.round(np.clip(points, -_FAR_PX, _FAR_PX) * (1 << _SHIFT)).astype(np.int32)
        cv2.polylines(image, [fixed], closed, color, width, cv2.LINE_AA, _SHIFT)


def area(image: Image, points: NDArray[np.float64], color: Color, opacity: float) -> None:
    """A filled polygon, float64 (n, 2) in pixels, through which what is below is seen."""
    if not np.isfinite(points).all():
        return
    height, width = image.shape[:2]
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, [width, height])
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, 0, [width, height])
    if (high <= low).any():
        return
    part = image[low[1] : high[1], low[0] : high[0]]
    over = part.copy()
    cv2.fillPoly(over, [np.round(points - low).astype(np.int32)], color, cv2.LINE_AA)
    part[:] = cv2.addWeighted(over, opacity, part, 1.0 - opacity, 0.0)


def text_size(text: str, scale: float) -> tuple[int, int]:
    """Width and height in pixels."""
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    return width, height


def text(image: Image, place: tuple[float, float], words: str, color: Color, scale: float) -> None:
    """Words whose left end and base line are at ``place``. OpenCV's font knows ASCII alone."""
    plain = words.encode("ascii", "replace").decode()
    corner = (round(place[0]), round(place[1]))
    cv2.putText(image, plain, corner, _FONT, scale, color, 1, cv2.LINE_AA)


def tag(image: Image, place: tuple[float, float], words: str, color: Color, scale: float) -> None:
    """Words on a dark ground, above ``place``, kept inside the image."""
    width, height = text_size(words, scale)
    x = int(np.clip(place[0], 0, max(0, image.shape[1] - width - 4)))
    y = int(np.clip(place[1], height + 4, image.shape[0]))
    ground = np.array(
        [[x, y - height - 4], [x + width + 4, y - height - 4], [x + width + 4, y], [x, y]],
        np.float64,
    )
    area(image, ground, (0, 0, 0), 0.6)
    text(image, (x + 2, y - 3), words, color, scale)


def fitted(image: Image, width: int, height: int) -> Image:
    """The image as large as fits into ``width`` by ``height``, its shape kept."""
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    how = cv2.INTER_AREA if scale < 1.0 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(image, size, interpolation=how), np.uint8)


def stack_of(points: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    """Points as float64 (n, 2)."""
    return np.array(points, np.float64).reshape(-1, 2)
