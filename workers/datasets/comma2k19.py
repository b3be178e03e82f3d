"""comma2k19: a minute of highway by radar, CAN and gyroscope, with the devices' own clocks.

Layout: a segment as one ``.npz`` of arrays: ``radar_t`` (n,) s, ``radar_value`` (n, 7): metres
ahead and to the left, relative speed in m/s, two that are not given, address, new-track flag;
``speed_t`` and ``speed_value`` m/s; ``gyro_t`` and ``gyro_value`` (m, 3) rad/s about axes ahead,
right, down. H. Schafer, E. Santana, A. Haden, R. Biasini, *A commute in data: the comma2k19
dataset*, 2018.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from schemas.payloads import DetectedObject, ObjectList
from streams.feed.item import FeedItem
from workers.datasets.base import DataSet
from workers.datasets.files import nothing_of
from workers.datasets.making import second
from workers.errors import DataSetError

ABOUT = "a minute of radar returns, speed and gyroscope on a highway"
#: Tasks and labels: there are none, what is looked at is in ``workers.recipes.comma2k19``.
_NAMES = ("radar_t", "radar_value", "speed_t", "speed_value", "gyro_t", "gyro_value")
#: A radar gives its tracks within a few milliseconds, 20 times a second.
_BETWEEN_SWEEPS_S = 0.01
#: The car's own motion is told so often.
_EGO_S = 0.05

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Segment:
    """Radar returns in order of time, with the car's motion at each.

    Arrays (n,): ``times_s`` by the device's clock, ``x_m`` ahead, ``y_m`` to the left,
    ``range_rates_mps`` negative when approaching, ``addresses``: the radar's own number of the
    track, ``begins``: whether it says that the track is new; ``speed_mps`` and ``yaw_rate_radps``
    (to the left) of the car.
    """

    name: str
    times_s: Floats
    x_m: Floats
    y_m: Floats
    range_rates_mps: Floats
    addresses: NDArray[np.int64]
    begins: NDArray[np.bool_]
    speed_mps: Floats
    yaw_rate_radps: Floats

    def __len__(self) -> int:
        return len(self.times_s)


def read_segment(file: Path) -> Segment:
    """Read one segment. Raises ``DataSetError`` where it is missing, damaged or another thing."""
    try:
        # NumPy leaves a file of a name open where it is no archive.
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as held:
            found = {name: np.asarray(held[name], np.float64) for name in _NAMES}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataSetError(
            f"{file}: expected the arrays {', '.join(_NAMES)}, got {type(error).__name__} "
            f"({str(error)[:60]}); copy it anew"
        ) from None
    radar, gyro = found["radar_value"], found["gyro_value"]
    lengths = [(found[f"{each}_t"], found[f"{each}_value"]) for each in ("radar", "speed", "gyro")]
    if (
        radar.ndim != 2
        or radar.shape[1] != 7
        or gyro.shape[1:] != (3,)
        or any(times.ndim != 1 or len(times) != len(values) for times, values in lengths)
        or not len(radar)
        or not np.isfinite(radar[:, [0, 1, 2, 5, 6]]).all()
    ):
        raise DataSetError(
            f"{file}: expected radar_value (n, 7) and gyro_value (m, 3) with a time each, got "
            f"{radar.shape} and {gyro.shape}; copy it anew"
        )
    order = np.argsort(found["radar_t"], kind="stable")
    times, radar = found["radar_t"][order], radar[order]
    return Segment(
        name=file.stem,
        times_s=times,
        x_m=radar[:, 0],
        y_m=radar[:, 1],
        range_rates_mps=radar[:, 2],
        addresses=radar[:, 5].astype(np.int64),
        begins=radar[:, 6] != 0,
        speed_mps=np.interp(times, found["speed_t"], found["speed_value"].reshape(-1)),
        # About the axis down, so clockwise seen from above.
        yaw_rate_radps=-np.interp(times, found["gyro_t"], gyro[:, 2]),
    )


def load(path: Path) -> DataSet:
    """Read a segment, or all of a folder; a session is one segment."""
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files or not files[0].is_file():
        raise nothing_of(path, "segment*.npz with radar_t, radar_value, speed_t, gyro_t")
    segments = [read_segment(file) for file in files]

    def items() -> Iterator[FeedItem]:
        for segment in segments:
            yield from _items(segment)

    return DataSet(
        name="comma2k19",
        items=items,
        labels=(),
        tasks={},
        groups={segment.name: segment.name for segment in segments},
        licence="MIT",
        redistributable=True,
        origin="comma2k19 (Schafer et al. 2018); it has no labels",
    )


def _items(segment: Segment) -> Iterator[FeedItem]:
    ends = np.flatnonzero(np.diff(segment.times_s) > _BETWEEN_SWEEPS_S) + 1
    sweeps = np.split(np.arange(len(segment)), ends)
    told_s = -np.inf
    told = 0
    for number, rows in enumerate(sweeps):
        at_s = float(segment.times_s[rows[-1]])
        if at_s - told_s >= _EGO_S:
            told_s = at_s
            motion = {
                "speed_mps": float(segment.speed_mps[rows[-1]]),
                "yaw_rate_radps": float(segment.yaw_rate_radps[rows[-1]]),
            }
            yield _item(segment, "ego", "can", at_s, told, msgspec.json.encode(motion))
            told += 1
        returns = ObjectList([_return(segment, int(row)) for row in rows])
        yield _item(segment, "radar", "radar.front", at_s, number, msgspec.json.encode(returns))


def _return(segment: Segment, row: int) -> DetectedObject:
    x, y = float(segment.x_m[row]), float(segment.y_m[row])
    return DetectedObject(
        score=0.9,
        range=float(np.hypot(x, y)),
        bearing=float(np.arctan2(y, x)),
        range_rate=float(segment.range_rates_mps[row]),
    )


def _item(
    segment: Segment, input: str, sensor: str, at_s: float, number: int, payload: bytes
) -> FeedItem:
    at_us = second(at_s)
    return FeedItem(
        segment.name, input, sensor, at_us, at_us, "application/json", payload, number, at_us
    )
