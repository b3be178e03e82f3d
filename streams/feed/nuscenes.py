"""Folders of samples named as nuScenes names them: ``<log>__<SENSOR>__<microseconds>.<suffix>``.

They lie side by side, or in a folder per sensor below ``samples`` or ``sweeps``. The times are the
sensors' own moments of capture.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.folder import POINTS_TYPE, xyzi
from streams.feed.still import image_type
from streams.feed.track import Reading, Track

_NAME = re.compile(r".+__([A-Z][A-Z0-9_]{1,47})__(\d{16})\.(jpg|png|pcd\.bin|bin)$")
_FOLDERS = ("samples", "sweeps")
#: A scene of nuScenes has 20 s of twelve sensors at 12 to 20 Hz, a whole log some hundred times it.
_MAX_FILES = 1_000_000


def is_sample_folder(path: Path) -> bool:
    """Whether a folder has files that are named so, or folders of them."""
    return next(_named(path), None) is not None


def sample_tracks(path: Path) -> list[Track]:
    """A track per sensor, labelled by the sensor's name, in the order of names.

    Raises ``FeedError`` where two files of a sensor have one time.
    """
    by_sensor: dict[str, list[tuple[int, Path]]] = {}
    for count, (sensor, time_us, file) in enumerate(_named(path), 1):
        if count > _MAX_FILES:
            raise FeedError(f"{path}: expected at most {_MAX_FILES} files, got more; split it")
        by_sensor.setdefault(sensor, []).append((time_us, file))
    return [_track(path, sensor, sorted(files)) for sensor, files in sorted(by_sensor.items())]


def _track(path: Path, sensor: str, files: Sequence[tuple[int, Path]]) -> Track:
    times = {time_us for time_us, _ in files}
    kinds = {_modalities(file) for _, file in files}
    if len(times) < len(files) or len(kinds) > 1:
        raise FeedError(
            f"{path}: {sensor}: expected files of one kind, each with a time of its own, got two "
            "that differ in kind or share a time; keep one"
        )
    read = partial(_readings, files)
    return Track(path, sensor, kinds.pop(), "epoch", files[0][0], len(files), read)


def _modalities(file: Path) -> tuple[Modality, ...]:
    if file.suffix == ".bin":
        return (Modality.POINTS,)
    return (Modality.VIDEO, Modality.IMAGE)


def _named(path: Path) -> Iterator[tuple[str, int, Path]]:
    folders = [path, *(path / name / sub.name for name in _FOLDERS for sub in _below(path / name))]
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if (match := _NAME.match(file.name)) is not None:
                yield match[1], int(match[2]), file


def _below(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_dir()) if path.is_dir() else []


def _readings(files: Sequence[tuple[int, Path]]) -> Iterator[Reading]:
    for time_us, file in files:
        payload = file.read_bytes()
        if file.suffix == ".bin":
            yield Reading(time_us, time_us, POINTS_TYPE, xyzi(file, payload))
        else:
            yield Reading(time_us, time_us, image_type(file, payload), payload)
