"""One picture of one window: cameras, bird's-eye view, timeline."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from schemas.units import us_to_iso
from workers.vehicle.calibration.rig import Rig
from workers.vehicle.view.cameras import camera_view
from workers.vehicle.view.drawing import canvas, text
from workers.vehicle.view.overhead import Ground, overhead
from workers.vehicle.view.sight import ALARM, BACKGROUND, FAINT, TEXT, Image, Sight, is_told
from workers.vehicle.view.strip import strip

_HEAD_PX = 26
_GAP_PX = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """``width``, ``height`` of the upper part in pixels; ``overhead_px`` of it are the bird's-eye
    view's. ``columns``: cameras side by side.
    """

    width: int = 1280
    height: int = 480
    overhead_px: int = 360
    columns: int = 1
    ground: Ground = field(default_factory=Ground)


def compose(sight: Sight, cameras: list[str], rig: Rig | None, layout: Layout) -> Image:
    """The picture, RGB, (rows, ``layout.width``, 3) with an even number of rows, as video needs.

    ``cameras``: those that have a panel, in this order, whether they have a frame or not.
    """
    head = canvas(layout.width, _HEAD_PX, BACKGROUND)
    counted = sum(map(is_told, sight.objects))
    words = f"{sight.session}   {us_to_iso(sight.start_us)}   {counted} objects"
    text(head, (6, 18), words, TEXT, 0.5)
    alarm = "   ".join(sight.situations)
    text(head, (layout.width // 2, 18), alarm[:80], ALARM, 0.5)
    upper = canvas(layout.width, layout.height, BACKGROUND)
    left_px = layout.width - layout.overhead_px - _GAP_PX if cameras else 0
    for place, name in enumerate(cameras):
        _put_camera(upper, place, name, sight, cameras, rig, layout, left_px)
    right = overhead(sight, layout.width - left_px - _GAP_PX, layout.height, layout.ground)
    upper[:, -right.shape[1] :] = right
    lower = strip(sight, layout.width)
    whole = np.concatenate([head, upper, lower])
    if len(whole) % 2:
        whole = np.concatenate([whole, canvas(layout.width, 1, FAINT)])
    return whole


def _put_camera(
    upper: Image,
    place: int,
    name: str,
    sight: Sight,
    cameras: list[str],
    rig: Rig | None,
    layout: Layout,
    left_px: int,
) -> None:
    columns = min(layout.columns, len(cameras))
    rows = math.ceil(len(cameras) / columns)
    width, height = left_px // columns, layout.height // rows
    row, column = divmod(place, columns)
    camera = rig.cameras.get(name) if rig is not None else None
    panel = camera_view(
        name, sight.frames.get(name), sight.objects, camera, width - _GAP_PX, height - _GAP_PX
    )
    top, left = row * height, column * width
    upper[top : top + panel.shape[0], left : left + panel.shape[1]] = panel
