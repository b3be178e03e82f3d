"""The timeline of sensors below the pictures: who spoke when, and who is silent."""

from __future__ import annotations

import numpy as np

from workers.vehicle.view.drawing import area, canvas, polyline, stack_of, text
from workers.vehicle.view.sight import ALARM, BACKGROUND, FAINT, LINE, TEXT, Image, Sight

#: How much of the past is shown.
SPAN_US = 3_000_000
_LEFT_PX = 150
_RIGHT_PX = 70


def strip(sight: Sight, width: int, row_px: int = 16) -> Image:
    """A row per sensor, the window at the right end, ``SPAN_US`` of event time before it."""
    names = sorted({*sight.samples, *sight.absent})
    height = row_px * (len(names) + 1) + 8
    image = canvas(width, height, BACKGROUND)
    begin_us = sight.end_us - SPAN_US
    scale = (width - _LEFT_PX - _RIGHT_PX) / SPAN_US

    def x_of(time_us: int) -> float:
        return _LEFT_PX + (time_us - begin_us) * scale

    bottom = row_px * len(names) + 4
    left, right = x_of(max(begin_us, sight.start_us)), x_of(sight.end_us)
    area(image, stack_of([(left, 2), (right, 2), (right, bottom), (left, bottom)]), LINE, 0.7)
    for row, name in enumerate(names):
        base = row_px * (row + 1)
        why = sight.absent.get(name)
        text(image, (6, base), name[:22], ALARM if why else TEXT, 0.4)
        polyline(image, stack_of([(_LEFT_PX, base - 4), (right, base - 4)]), LINE)
        for time_us in sight.samples.get(name, ()):
            if begin_us <= time_us < sight.end_us:
                x = x_of(time_us)
                polyline(image, stack_of([(x, base - 10), (x, base + 1)]), TEXT, 1)
        if why:
            text(image, (right + 4, base), why[:10], ALARM, 0.35)
    for back_s in np.arange(0.0, SPAN_US / 1e6 + 0.1, 0.5):
        x = x_of(sight.end_us - round(back_s * 1e6))
        text(image, (x - 12, bottom + row_px - 2), f"-{back_s:.1f} s", FAINT, 0.35)
    return image
