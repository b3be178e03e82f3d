"""KITTI's label files, as boxes in the lidar's frame.

A line: type, truncated, occluded, alpha, x1 y1 x2 y2, height width length, x y z of the bottom's
centre in the rectified camera frame, rotation about its y axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.errors import DataSetError
from workers.vehicle.calibration.rig import transform

Floats = NDArray[np.float64]

#: Regions in which nobody labelled: what is found there is neither right nor wrong.
IGNORED = "DontCare"
_FIELDS = 15


@dataclass(frozen=True, slots=True)
class Labelled:
    """Objects of one frame. ``kinds``: as the file names them. ``spans``: float64 (n, 4), x1 y1 x2
    y2 in pixels. ``boxes``: float64 (n, 7), x y z length width height yaw in the lidar's frame.
    ``ignored``: float64 (m, 4), spans in which nobody labelled.
    """

    kinds: tuple[str, ...]
    spans: Floats
    boxes: Floats
    ignored: Floats


def read_labels(file: Path, camera_to_lidar: Floats) -> Labelled:
    """Read one frame's labels. Raises ``DataSetError``."""
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(f"{file}: expected a text file of labels ({error})") from None
    kinds: list[str] = []
    rows: list[list[float]] = []
    ignored: list[list[float]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        kind, *fields = line.split()
        try:
            values = [float(field) for field in fields[: _FIELDS - 1]]
        except ValueError:
            values = []
        if len(values) < _FIELDS - 1:
            raise DataSetError(
                f"{file}:{number}: expected a type and {_FIELDS - 1} numbers, got {line[:60]!r}"
            )
        if kind == IGNORED:
            ignored.append(values[3:7])
        else:
            kinds.append(kind)
            rows.append(values)
    table = np.array(rows, np.float64).reshape(-1, _FIELDS - 1)
    return Labelled(
        tuple(kinds),
        table[:, 3:7],
        _boxes(table, camera_to_lidar),
        np.array(ignored, np.float64).reshape(-1, 4),
    )


def _boxes(table: Floats, camera_to_lidar: Floats) -> Floats:
    height, width, length = table[:, 7], table[:, 8], table[:, 9]
    middle = table[:, 10:13].copy()
    middle[:, 1] -= height / 2.0
    places = transform(camera_to_lidar, middle)
    # The camera's y axis points down and its x axis right, against the lidar's z and y.
    yaw = (-table[:, 13] - math.pi / 2.0 + math.pi) % (2.0 * math.pi) - math.pi
    return np.column_stack([places, length, width, height, yaw])
