"""What the outputs of detectors mean: boxes in input pixels, each with a score per class.

Formats: YOLOv5 and YOLOv8 as Ultralytics exports them; ``boxes`` as detectors end that suppress
overlaps themselves (YOLOv10, torchvision); FastestDet as its author's README gives it
(github.com/dog-qiuqiu/FastestDet, BSD-3-Clause).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from workers.errors import ModelError, NonFiniteError

Floats = NDArray[np.float32]


class Raw(NamedTuple):
    """What a detector found: ``boxes`` float32 (n, 4), x1 y1 x2 y2 in input pixels; ``scores``
    float32 (n,); ``labels`` int64 (n,).
    """

    boxes: Floats
    scores: Floats
    labels: NDArray[np.int64]


def _corners(center: Floats, size: Floats) -> Floats:
    return np.concatenate([center - size / 2.0, center + size / 2.0], axis=1)


def _best(boxes: Floats, scores: Floats) -> Raw:
    labels = scores.argmax(axis=1)
    return Raw(boxes, scores[np.arange(len(scores)), labels], labels)


def _boxes(output: Floats, size: tuple[int, int]) -> Raw:
    return Raw(output[:, :4], output[:, 4], output[:, 5].astype(np.int64))


def _yolov5(output: Floats, size: tuple[int, int]) -> Raw:
    return _best(_corners(output[:, :2], output[:, 2:4]), output[:, 4:5] * output[:, 5:])


def _yolov8(output: Floats, size: tuple[int, int]) -> Raw:
    rows = output.T
    return _best(_corners(rows[:, :2], rows[:, 2:4]), rows[:, 4:])


def _fastestdet(output: Floats, size: tuple[int, int]) -> Raw:
    """A cell has objectness, the box's offset (tanh) and size (sigmoid) as shares of the frame, and
    the classes; the score is objectness^0.6 · class^0.4.
    """
    _, rows, columns = output.shape
    flat = output.reshape(len(output), -1).T
    y, x = np.divmod(np.arange(rows * columns), columns)
    grid = np.array([columns, rows], np.float32)
    pixels = np.array(size, np.float32)
    center = (np.tanh(flat[:, 1:3]) + np.stack([x, y], axis=1)) / grid * pixels
    extent = 1.0 / (1.0 + np.exp(-flat[:, 3:5])) * pixels
    objectness = np.clip(flat[:, :1], 0.0, 1.0)
    classes = np.clip(flat[:, 5:], 0.0, 1.0)
    corners = _corners(center.astype(np.float32), extent.astype(np.float32))
    return _best(corners, objectness**0.6 * classes**0.4)


_LAYOUTS: Mapping[str, tuple[Callable[[Floats, tuple[int, int]], Raw], int]] = {
    "boxes": (_boxes, 2),
    "yolov5": (_yolov5, 2),
    "yolov8": (_yolov8, 2),
    "fastestdet": (_fastestdet, 3),
}


def read_output(name: str, layout: str, output: Floats, size: tuple[int, int], labels: int) -> Raw:
    """What a detector's output for one frame says. ``size``: width and height of its input.

    ``output`` without the batch's axis. Raises ``ModelError`` where its shape is not the layout's,
    ``NonFiniteError`` where a value is NaN or infinite: that may be this frame's alone.
    """
    read, axes = _LAYOUTS[layout]
    values = {"boxes": 6, "yolov5": 5 + labels, "yolov8": 4 + labels, "fastestdet": 5 + labels}
    place = 1 if layout in ("boxes", "yolov5") else 0
    if output.ndim != axes or output.shape[place] != values[layout]:
        raise ModelError(
            name,
            f"layout {layout} with {labels} labels: expected {axes} axes, with {values[layout]} "
            f"values, got an output of shape {output.shape}; name the layout and all labels",
        )
    found = read(output, size)
    if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
        raise NonFiniteError(f"the output of {name} holds NaN or infinity")
    return found
