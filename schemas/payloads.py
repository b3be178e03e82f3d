"""JSON payloads of samples: transcript segments, object lists, vital signs and waveforms.

Unknown members are ignored, so that a producer may send more than we read.
"""

from __future__ import annotations

import msgspec


class Word(msgspec.Struct, frozen=True):
    """One word of a segment; times in ms after the segment's start."""

    word: str
    start_ms: float | None = None
    end_ms: float | None = None


class TextSegment(msgspec.Struct, frozen=True):
    """A transcript segment or note as ``application/json``."""

    text: str
    words: list[Word] = []
    speaker: str | None = None


class DetectedObject(msgspec.Struct, frozen=True):
    """One detection; lengths in metres, range rate in m/s (negative: approaching).

    ``box2d``: x1, y1, x2, y2 in pixels. ``box3d``: x, y, z of the centre, length, width, height,
    yaw in radians. ``position``: x (forward), y (left) and, where known, z (up). ``range`` and
    ``bearing`` (radians, positive to the left) say the same of a radar that gives these.
    """

    class_: str = msgspec.field(name="class", default="unknown")
    score: float = 1.0
    box2d: list[float] | None = None
    box3d: list[float] | None = None
    position: list[float] | None = None
    range_rate: float | None = None
    range: float | None = None
    bearing: float | None = None


class ObjectList(msgspec.Struct, frozen=True):
    """What a smart sensor saw at one moment; ``frame`` names the coordinate frame of positions:
    the vehicle's where it is left out. ``camera``: whose image ``box2d`` is in, where the list is
    not that camera's own.
    """

    objects: list[DetectedObject]
    frame: str | None = None
    camera: str | None = None


class Waveforms(msgspec.Struct, frozen=True):
    """A block of equally spaced values per channel; ``null`` is a missing value."""

    channels: dict[str, list[float | None]]
    rate_hz: float


#: Vital signs and other slow signals of one moment: channel -> value, ``null`` where missing.
Readings = dict[str, float | None]
