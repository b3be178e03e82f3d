"""Angles, overlaps of boxes in an image, and pairs of rows of one session."""

from __future__ import annotations

import math

import numpy as np

from workers.vehicle.tracking.detections import Floats, Integers


def wrapped(angle: Floats) -> Floats:
    """The same angle from -pi until before pi.

    >>> wrapped(np.array([3.5 * math.pi])) / math.pi
    array([-0.5])
    """
    turned: Floats = np.mod(angle + math.pi, 2 * math.pi) - math.pi
    return turned


def overlap(first: Floats, second: Floats) -> Floats:
    """Intersection over union of boxes row by row; (n, 4) each: x1, y1, x2, y2. NaN gives 0.

    >>> overlap(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])).round(3)
    array([0.333])
    """
    shared = intersection(first, second)
    union = area(first) + area(second) - shared
    return np.nan_to_num(shared / np.maximum(union, 1e-9), nan=0.0)


def area(boxes: Floats) -> Floats:
    """Of boxes (n, 4)."""
    return np.maximum(boxes[:, 2] - boxes[:, 0], 0.0) * np.maximum(boxes[:, 3] - boxes[:, 1], 0.0)


def intersection(first: Floats, second: Floats) -> Floats:
    """Area that boxes share, row by row."""
    width = np.minimum(first[:, 2], second[:, 2]) - np.maximum(first[:, 0], second[:, 0])
    height = np.minimum(first[:, 3], second[:, 3]) - np.maximum(first[:, 1], second[:, 1])
    shared: Floats = np.maximum(width, 0.0) * np.maximum(height, 0.0)
    return shared


def pairs(left: Integers, right: Integers) -> tuple[Integers, Integers]:
    """Every pair of a row of ``left`` and a row of ``right`` that are of the same session; both
    hold sessions, ascending. Pairs are ordered by left row, then right row.

    >>> pairs(np.array([0, 0, 1]), np.array([0, 1, 1]))
    (array([0, 1, 2, 2]), array([0, 0, 1, 2]))
    """
    begin = np.searchsorted(right, left, side="left")
    counts = np.searchsorted(right, left, side="right") - begin
    rows = np.repeat(np.arange(len(left)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    return rows, np.repeat(begin, counts) + within
