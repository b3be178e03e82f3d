"""What one picture shows: a window's frames, its sweep, the objects, and when sensors spoke."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from schemas.objects import TrackedObject

Image = NDArray[np.uint8]
#: Red, green, blue.
Color = tuple[int, int, int]

BACKGROUND: Color = (16, 18, 24)
PANEL: Color = (26, 29, 38)
LINE: Color = (58, 64, 80)
TEXT: Color = (214, 220, 232)
FAINT: Color = (128, 136, 156)
ALARM: Color = (255, 88, 88)

#: Told apart by eye on a dark ground, also by those who see red and green as one: after P. Okabe
#: and K. Ito's palette, lightened.
_PALETTE: Sequence[Color] = (
    (86, 180, 233), (230, 159, 0), (0, 190, 140), (240, 228, 66),
    (120, 140, 255), (255, 120, 60), (220, 140, 200), (170, 220, 120),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sight:
    """One window of a session.

    ``start_us``, ``end_us``: its span of event time. ``frames``: camera -> RGB (height, width, 3).
    ``points``: float32 (n, 3) of its sweeps, in the objects' frame, or ``None``. ``objects``: as of
    the window's end. ``trails``: object id -> earlier positions, float64 (k, 2), oldest first, in
    the frame as it is now. ``samples``: sensor -> event times of its samples, µs, those of the
    windows before included. ``absent``: sensor -> why it has nothing in the window.
    ``situations``: sentences about what is dangerous.
    """

    session: str
    start_us: int
    end_us: int
    frames: Mapping[str, Image] = field(default_factory=dict)
    points: NDArray[np.float32] | None = None
    objects: Sequence[TrackedObject] = ()
    trails: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    samples: Mapping[str, Sequence[int]] = field(default_factory=dict)
    absent: Mapping[str, str] = field(default_factory=dict)
    situations: Sequence[str] = ()


def color_of(object_id: str) -> Color:
    """The colour of an object, the same in every picture."""
    return _PALETTE[zlib.crc32(object_id.encode()) % len(_PALETTE)]


def is_told(item: TrackedObject) -> bool:
    """Whether an object is sure enough to be drawn in frames and named."""
    return item.status in ("confirmed", "coasted") and not item.suspended


def short_name(item: TrackedObject) -> str:
    """Class and the first digits of the id, enough to follow an object by eye."""
    return f"{item.label} {item.object_id[:4]}"
