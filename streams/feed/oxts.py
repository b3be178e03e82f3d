"""The vehicle's own motion as KITTI's GNSS and inertial unit gives it: a folder ``oxts``.

``data/0000000000.txt`` and so on, one file a frame, with 30 numbers in a line, and the moments in
``timestamps.txt`` beside ``data``. A. Geiger et al., *Vision meets robotics: the KITTI dataset*,
IJRR 2013, section 2: number 9 is the speed forward, number 23 the turning about the axis up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.times import read_timestamps
from streams.feed.track import Reading, Track, read_text

_FIELDS = 30
_FORWARD, _UPWARD_RATE = 8, 22


def is_oxts(path: Path) -> bool:
    """Whether a folder holds such files."""
    return (path / "timestamps.txt").is_file() and any((path / "data").glob("*.txt"))


def oxts_track(path: Path) -> Track:
    """The folder as a series of ``speed_mps`` and ``yaw_rate_radps`` (to the left).

    Raises ``FeedError`` where a frame has no moment.
    """
    files = sorted((path / "data").glob("*.txt"))
    times = read_timestamps(path / "timestamps.txt")
    places = [int(file.stem) if file.stem.isdecimal() else -1 for file in files]
    if min(places) < 0 or max(places) >= len(times):
        raise FeedError(
            f"{path}: expected files named by numbers below {len(times)}, the lines of "
            f"timestamps.txt, got {files[places.index(max(places))].name}; add the missing ones"
        )
    timed = sorted((times[place], file) for place, file in zip(places, files, strict=True))
    read = partial(_readings, timed)
    return Track(path, "", (Modality.SERIES,), "epoch", timed[0][0], len(timed), read)


def _readings(timed: Sequence[tuple[int, Path]]) -> Iterator[Reading]:
    for time_us, file in timed:
        fields = read_text(file).split()
        try:
            values = [float(field) for field in fields]
        except ValueError:
            values = []
        if len(values) != _FIELDS or not all(map(math.isfinite, values)):
            raise FeedError(
                f"{file}: expected {_FIELDS} numbers in a line, got {len(fields)} words"
            )
        motion = {"speed_mps": values[_FORWARD], "yaw_rate_radps": values[_UPWARD_RATE]}
        yield Reading(time_us, time_us, "application/json", json.dumps(motion).encode())
