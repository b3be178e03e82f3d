"""Video files (whatever FFmpeg opens) as JPEG frames at their own times."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import cv2

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.track import Reading, ReadOptions, Track

SUFFIXES = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".mpeg", ".mpg", ".m4v", ".gif"})

#: Container times are rounded to milliseconds, so a frame may seem to come this much early.
_ROUNDING_US = 1_000


class FrameClock:
    """Times of consecutive frames: the container's as long as they grow, then the frame rate's."""

    def __init__(self, fps: float) -> None:
        self._step_us = 1e6 / fps if math.isfinite(fps) and fps > 0 else None
        self._index = -1
        #: (index, time in µs) of the last frame whose container time was believed.
        self._anchor = (0, 0.0)
        self._trusted = True

    def next_us(self, container_ms: float) -> int | None:
        """Time of the next frame; ``None`` where neither the container nor a rate gives one."""
        self._index += 1
        time_us = container_ms * 1_000
        grows = self._index == 0 or time_us > self._anchor[1]
        if self._trusted and math.isfinite(time_us) and time_us >= 0 and grows:
            self._anchor = (self._index, time_us)
            return round(time_us)
        # Once wrong, never believed again: a clock that jumps back and forth has no second chance.
        self._trusted = False
        if self._step_us is None:
            return None
        index, anchor_us = self._anchor
        return round(anchor_us + (self._index - index) * self._step_us)


def _open(path: Path) -> cv2.VideoCapture:
    capture = cv2.VideoCapture(str(path))
    if not capture.isOpened():
        raise FeedError(f"{path}: expected a video that FFmpeg can open, got none; convert it")
    return capture


def _frames(path: Path, options: ReadOptions) -> Iterator[Reading]:
    capture = _open(path)
    parameters = [cv2.IMWRITE_JPEG_QUALITY, options.jpeg_quality]
    last_slot = -1
    empty = True
    try:
        clock = FrameClock(capture.get(cv2.CAP_PROP_FPS))
        while capture.grab():
            time_us = clock.next_us(capture.get(cv2.CAP_PROP_POS_MSEC))
            if time_us is None:
                raise FeedError(f"{path}: expected frame times or a frame rate, got neither; remux")
            if options.max_fps is not None:
                slot = int((time_us + _ROUNDING_US) * options.max_fps / 1e6)
                if slot <= last_slot:
                    continue
                last_slot = slot
            good, frame = capture.retrieve()
            if not good:
                raise FeedError(
                    f"{path}: expected a picture at {time_us / 1e6:.3f} s; re-encode it"
                )
            _, jpeg = cv2.imencode(".jpg", frame, parameters)
            empty = False
            yield Reading(time_us, time_us, "image/jpeg", jpeg.tobytes())
    finally:
        capture.release()
    if empty:
        raise FeedError(f"{path}: expected frames, got none; the file is empty or cut short")


def video_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One track of JPEG frames (BGR decoded, quality ``options.jpeg_quality``)."""
    capture = _open(path)
    try:
        frames = capture.get(cv2.CAP_PROP_FRAME_COUNT)
        fps = capture.get(cv2.CAP_PROP_FPS)
        if not capture.grab():
            raise FeedError(f"{path}: expected frames, got none; the file is empty or cut short")
        first_us = FrameClock(fps).next_us(capture.get(cv2.CAP_PROP_POS_MSEC)) or 0
    finally:
        capture.release()
    count = int(frames) if math.isfinite(frames) and frames > 0 else None
    if count is not None and options.max_fps is not None and fps > options.max_fps:
        count = math.ceil(count * options.max_fps / fps)

    def read() -> Iterator[Reading]:
        return _frames(path, options)

    return [Track(path, "", (Modality.VIDEO, Modality.IMAGE), "relative", first_us, count, read)]
