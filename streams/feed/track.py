"""What a reader makes of a file: tracks, each one sensor's worth of samples, read lazily."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from schemas.sample import Modality
from streams.errors import FeedError

#: ``relative``: times count from the recording's zero. ``epoch``: microseconds since 1970.
Clock = Literal["relative", "epoch"]


class Reading(NamedTuple):
    """One sample of a track by the track's clock; ``start_us`` == ``end_us`` for an instant."""

    start_us: int
    end_us: int
    content_type: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Track:
    """One sensor's worth of a recording.

    ``label`` tells the tracks of one path apart (``1``, ``image_02``), empty where there is one.
    ``modalities``: what it can be fed as, the natural one first. ``first_us``: earliest start.
    ``count``: samples, an estimate for containers that do not say; ``None`` where only reading
    the file to its end would tell. ``read`` opens the file anew at each call and raises
    ``FeedError`` where it is broken.
    """

    path: Path
    label: str
    modalities: tuple[Modality, ...]
    clock: Clock
    first_us: int
    count: int | None
    read: Callable[[], Iterator[Reading]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadOptions:
    """How files are read; each option concerns the formats named.

    ``fps``: frames per second of a folder without times. ``times``: CSV of a folder's times.
    ``max_fps``: more video frames are skipped. ``jpeg_quality``: 1 to 100, of video frames.
    ``chunk_ms``: length of an audio chunk. ``mono``: mix an audio file's channels into one
    sensor. ``interval_s``: seconds between the rows of a CSV of signals without a time column.
    ``at_s``: moment of a still image or note. ``waveform_ms``: length of a chunk of waveforms.
    """

    fps: float | None = None
    times: Path | None = None
    max_fps: float | None = None
    jpeg_quality: int = 90
    chunk_ms: int = 200
    mono: bool = False
    interval_s: float | None = None
    at_s: float = 0.0
    waveform_ms: int = 1_000

    def __post_init__(self) -> None:
        for name in ("fps", "max_fps", "interval_s"):
            value = getattr(self, name)
            if value is not None and not 0 < value < 1e6:
                raise FeedError(f"{name}: expected a positive number, got {value}; correct it")
        for name, least, most in (
            ("jpeg_quality", 1, 100),
            ("chunk_ms", 10, 10_000),
            ("waveform_ms", 100, 60_000),
        ):
            value = getattr(self, name)
            if not least <= value <= most:
                raise FeedError(f"{name}: expected {least} to {most}, got {value}; correct it")
        if not 0 <= self.at_s < 1e9:
            raise FeedError(f"at_s: expected seconds from 0 on, got {self.at_s}; correct it")
        if self.fps is not None and self.times is not None:
            raise FeedError("expected fps or times, got both; leave one out")


def read_text(path: Path, *, max_bytes: int = 64_000_000) -> str:
    """A text file as a whole, without its byte order mark; ``FeedError`` unless small and UTF-8."""
    size = path.stat().st_size
    if size > max_bytes:
        raise FeedError(f"{path}: expected at most {max_bytes} bytes, got {size}; split the file")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise FeedError(f"{path}: expected UTF-8 text, got other bytes; save it as UTF-8") from None
