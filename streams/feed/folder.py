"""Folders of frames (JPEG, PNG) or lidar sweeps (float32 points), one file a sample."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from schemas.sample import Modality
from streams.errors import FeedError
from streams.feed.still import image_type
from streams.feed.times import EPOCH_FROM_US, TimeColumn, column_for, is_time_name, read_timestamps
from streams.feed.track import Reading, ReadOptions, Track, read_text

POINTS_TYPE = "application/vnd.sensorium.points;fields=xyzi;dtype=f32le"
_KINDS = {
    ".jpg": (Modality.VIDEO, Modality.IMAGE),
    ".jpeg": (Modality.VIDEO, Modality.IMAGE),
    ".png": (Modality.VIDEO, Modality.IMAGE),
    ".bin": (Modality.POINTS,),
}
_FRAME_NAMES = frozenset({"frame", "file", "filename", "image", "name", "index", "path"})
#: CSV files of times that are found without being named.
_TIMES_FILES = ("times.csv", "frames.csv")


def folder_tracks(path: Path, options: ReadOptions) -> list[Track]:
    """One track of a folder's files, in the order of their times.

    Times come from ``options.times`` or ``options.fps``; else from ``timestamps.txt`` (KITTI raw:
    beside the files, or beside their folder ``data``), or from ``times.csv`` or ``frames.csv`` in
    the folder or the one above. Raises ``FeedError`` unless each file has one time.
    """
    data = path / "data" if (path / "data").is_dir() else path
    files = sorted(file for file in data.iterdir() if file.suffix.lower() in _KINDS)
    kinds = {_KINDS[file.suffix.lower()] for file in files}
    if len(kinds) != 1:
        got = "both" if kinds else "neither"
        raise FeedError(
            f"{path}: expected a folder of frames (.jpg, .png) or of sweeps (.bin), got {got}; "
            "name the folder that holds the files"
        )
    timed = sorted(zip(_times(path, files, options), files, strict=True))
    first_us, last_us = timed[0][0], timed[-1][0]
    epoch = first_us >= EPOCH_FROM_US
    if epoch != (last_us >= EPOCH_FROM_US):
        raise FeedError(f"{path}: expected relative or absolute times, got both; use one of them")
    return [
        Track(
            path,
            "",
            kinds.pop(),
            "epoch" if epoch else "relative",
            first_us,
            len(timed),
            partial(_readings, timed),
        )
    ]


def _readings(timed: Sequence[tuple[int, Path]]) -> Iterator[Reading]:
    for time_us, file in timed:
        payload = file.read_bytes()
        if file.suffix.lower() == ".bin":
            yield Reading(time_us, time_us, POINTS_TYPE, xyzi(file, payload))
        else:
            yield Reading(time_us, time_us, image_type(file, payload), payload)


def xyzi(file: Path, payload: bytes) -> bytes:
    """Points as x, y, z (m) and intensity, float32; nuScenes' fifth column (ring) is left out."""
    fields = 5 if file.name.lower().endswith(".pcd.bin") else 4
    if not payload or len(payload) % (4 * fields):
        raise FeedError(
            f"{file}: expected points of {fields} float32 values, got {len(payload)} bytes; "
            "the file is empty or cut short"
        )
    if fields == 4:
        return payload
    return np.frombuffer(payload, "<f4").reshape(-1, fields)[:, :4].tobytes()


def _times(path: Path, files: Sequence[Path], options: ReadOptions) -> list[int]:
    """Microseconds of each file, in the order of ``files``."""
    if options.times is not None:
        return _from_csv(options.times, files)
    if options.fps is not None:
        return [round(index * 1e6 / options.fps) for index in range(len(files))]
    for folder in {path: None, files[0].parent: None}:
        if (folder / "timestamps.txt").is_file():
            return _from_timestamps(folder / "timestamps.txt", files)
    for folder in (path, path.parent):
        for name in _TIMES_FILES:
            if (folder / name).is_file():
                return _from_csv(folder / name, files)
    raise FeedError(
        f"{path}: expected times, got no timestamps.txt, {' or '.join(_TIMES_FILES)}; "
        "name a CSV of times or give the frames per second"
    )


def _from_timestamps(path: Path, files: Sequence[Path]) -> list[int]:
    """KITTI raw: line k is frame k, and single files may be missing."""
    times = read_timestamps(path)
    numbered = all(file.stem.isdecimal() for file in files)
    places = [int(file.stem) for file in files] if numbered else list(range(len(files)))
    if max(places) >= len(times):
        raise FeedError(
            f"{path}: expected a time for frame {max(places)}, got {len(times)} lines; "
            "add the missing ones"
        )
    return [times[place] for place in places]


def _from_csv(path: Path, files: Sequence[Path]) -> list[int]:
    known = {key: file for file in files for key in _keys(file)}
    if not path.is_file():
        raise FeedError(f"{path}: expected a CSV of times, got no such file; check the path")
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), skipinitialspace=True)
    names = reader.fieldnames or ()
    frame_name = next((name for name in names if name.strip().lower() in _FRAME_NAMES), None)
    time_name = next((name for name in names if is_time_name(name)), None)
    if frame_name is None or time_name is None:
        raise FeedError(
            f"{path}:1: expected a column for the frame ({', '.join(sorted(_FRAME_NAMES))}) and "
            f"one for the time (such as time_s), got {', '.join(names) or 'nothing'}; rename them"
        )
    column: TimeColumn | None = None
    times: dict[Path, int] = {}
    for row in reader:
        key = (row[frame_name] or "").strip()
        file = known.get(Path(key).name) or known.get(key.lstrip("0") or "0")
        if file is None:
            raise FeedError(
                f"{path}:{reader.line_num}: expected the name or number of a file in "
                f"{files[0].parent}, got {key[:40]!r}; correct the line"
            )
        cell = row[time_name] or ""
        try:
            column = column or column_for(time_name, cell)
            times[file] = column.read(cell)
        except ValueError as error:
            raise FeedError(f"{path}:{reader.line_num}: {error}; correct the line") from None
    without = [file.name for file in files if file not in times]
    if without:
        raise FeedError(
            f"{path}: expected a time for every file, got none for {len(without)} of "
            f"{len(files)} ({without[0]} first); add them or move the files away"
        )
    return [times[file] for file in files]


def _keys(file: Path) -> Iterator[str]:
    """What a CSV may call a file: its name, its stem, or its number."""
    yield file.name
    yield file.stem
    if file.stem.isdecimal():
        yield file.stem.lstrip("0") or "0"
