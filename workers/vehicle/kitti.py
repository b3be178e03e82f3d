"""A sequence of KITTI tracking: detections of lidar and camera, as the tracker takes them, and the
truth.

Files: ``label_02/``, ``det_lidar3d_*/CLASS/``, ``det_camera2d_*/CLASS/``. Boxes in space are
in the camera's frame (x right, y down, z forward; the place is the middle of the underside), and
become boxes in a frame at the camera with the vehicle's axes (x forward, y left, z up).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from workers.errors import DataSetError
from workers.vehicle.tracking import BoxList, ImageList, Observation, SensorList
from workers.vehicle.tracking.detections import Floats, Integers

#: Class as the labels name it, in the order of the tracker's classes.
CLASSES = ("Car", "Pedestrian")
LIDAR, CAMERA = "lidar.top", "camera.front"
#: Frames are 10 Hz; the data has no times of its own.
FRAME_US = 100_000

_LIDAR_COLUMNS, _CAMERA_COLUMNS, _LABEL_COLUMNS = 15, 6, 17


@dataclass(frozen=True, slots=True)
class Sequence2D3D:
    """Detections of one sequence, sorted by frame. ``lidar`` (n, …) and ``camera`` (m, …) arrays.

    ``lidar_score`` and ``camera_score``: 0 to 1; a lidar detector's log odds went through the
    logistic function.
    """

    name: str
    frames: int
    lidar_frame: Integers
    lidar_class: Integers
    lidar_box: Floats
    lidar_image: Floats
    lidar_score: Floats
    camera_frame: Integers
    camera_class: Integers
    camera_box: Floats
    camera_score: Floats

    def observations(self, sensors: Sequence[str] = (LIDAR, CAMERA)) -> list[Observation]:
        """One for each frame, of these sensors."""
        found = []
        for frame in range(self.frames):
            lists: list[SensorList] = []
            if LIDAR in sensors:
                lists.append(self.lidar_list(frame, frame))
            if CAMERA in sensors:
                lists.append(self._camera_list(frame))
            found.append(Observation(frame * FRAME_US, lists))
        return found

    def lidar_list(self, frame: int, at: int) -> BoxList:
        """What the lidar saw in ``frame``, said to be of frame ``at``."""
        rows = slice(*np.searchsorted(self.lidar_frame, (frame, frame + 1)))
        return BoxList(
            LIDAR,
            at * FRAME_US,
            self.lidar_box[rows],
            self.lidar_score[rows],
            self.lidar_class[rows],
            self.lidar_image[rows],
            CAMERA,
        )

    def _camera_list(self, frame: int) -> ImageList:
        rows = slice(*np.searchsorted(self.camera_frame, (frame, frame + 1)))
        return ImageList(
            CAMERA,
            frame * FRAME_US,
            self.camera_box[rows],
            self.camera_score[rows],
            self.camera_class[rows],
        )


def read_seqmap(path: Path) -> dict[str, int]:
    """Sequences and how many frames each has; raises ``DataSetError``."""
    try:
        rows = [line.split() for line in path.read_text().splitlines() if line.strip()]
        return {row[0]: int(row[3]) for row in rows}
    except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise DataSetError(
            f"{path}: expected lines `SEQUENCE empty FIRST FRAMES`, got {error}"
        ) from None


def read_sequence(root: Path, name: str, frames: int) -> Sequence2D3D:
    """Detections of one sequence; raises ``DataSetError`` for a missing or damaged file."""
    lidar, lidar_class = _detections(root, "det_lidar3d_pointrcnn", name, _LIDAR_COLUMNS)
    camera, camera_class = _detections(root, "det_camera2d_rrc", name, _CAMERA_COLUMNS)
    return Sequence2D3D(
        name=name,
        frames=frames,
        lidar_frame=lidar[:, 0].astype(np.int64),
        lidar_class=lidar_class,
        lidar_box=to_vehicle(lidar[:, 7:14]),
        lidar_image=lidar[:, 2:6],
        lidar_score=1 / (1 + np.exp(-lidar[:, 6])),
        camera_frame=camera[:, 0].astype(np.int64),
        camera_class=camera_class,
        camera_box=camera[:, 1:5],
        camera_score=camera[:, 5],
    )


def to_vehicle(boxes: Floats) -> Floats:
    """h, w, l, x, y, z, ry in the camera's frame as x, y, z, length, width, height, yaw."""
    h, w, length, x, y, z, turn = boxes.T
    yaw = np.mod(-turn - math.pi / 2 + math.pi, 2 * math.pi) - math.pi
    return np.stack([z, -x, -y + h / 2, length, w, h, yaw], axis=1)


def to_camera(boxes: Floats) -> Floats:
    """The other way."""
    x, y, z, length, w, h, yaw = boxes.T
    turn = np.mod(-yaw - math.pi / 2 + math.pi, 2 * math.pi) - math.pi
    return np.stack([h, w, length, -y, -(z - h / 2), x, turn], axis=1)


def _detections(root: Path, folder: str, name: str, columns: int) -> tuple[Floats, Integers]:
    """Rows of all classes, by frame, and each row's class.

    A detector that found nothing of one class in a whole sequence has no file of that class.
    """
    paths = [root / folder / class_name / f"{name}.txt" for class_name in CLASSES]
    if not any(path.exists() for path in paths):
        raise DataSetError(f"{root / folder}: expected CLASS/{name}.txt, got no such file")
    parts, classes = [], []
    for index, path in enumerate(paths):
        rows = _numbers(path, columns) if path.exists() else np.zeros((0, columns))
        parts.append(rows)
        classes.append(np.full(len(rows), index, np.int64))
    rows, index_of = np.concatenate(parts), np.concatenate(classes)
    order = np.argsort(rows[:, 0], kind="stable")
    return rows[order], index_of[order]


def _numbers(path: Path, columns: int) -> Floats:
    try:
        lines = [line.split(",") for line in path.read_text().splitlines() if line.strip()]
        rows = np.array(lines, np.float64).reshape(-1, columns)
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataSetError(
            f"{path}: expected lines of {columns} numbers with commas between, got {error}"
        ) from None
    if not np.isfinite(rows).all():
        raise DataSetError(f"{path}: expected finite numbers, got NaN or infinity")
    return rows


@dataclass(frozen=True, slots=True)
class Truth:
    """Labels of one sequence, sorted by frame; arrays (n, …).

    ``kind``: the label's name; ``number``: of the object, -1 for regions nobody looked at;
    ``truncated``, ``occluded``: levels; ``image`` (n, 4); ``box`` (n, 7) in the vehicle's axes.
    """

    frame: Integers
    number: Integers
    kind: np.ndarray[tuple[int], np.dtype[np.str_]]
    truncated: Integers
    occluded: Integers
    image: Floats
    box: Floats


def read_truth(root: Path, name: str) -> Truth:
    """Labels; raises ``DataSetError`` for a missing or damaged file."""
    path = root / "label_02" / f"{name}.txt"
    try:
        lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
        kinds = np.array([line[2] for line in lines], np.str_)
        values = np.array([line[:2] + line[3:_LABEL_COLUMNS] for line in lines], np.float64)
        values = values.reshape(-1, _LABEL_COLUMNS - 1)
    except (OSError, UnicodeDecodeError, ValueError, IndexError) as error:
        raise DataSetError(
            f"{path}: expected lines of {_LABEL_COLUMNS} columns, got {error}"
        ) from None
    order = np.argsort(values[:, 0], kind="stable")
    values, kinds = values[order], kinds[order]
    whole = values[:, :4].astype(np.int64)
    return Truth(
        frame=whole[:, 0],
        number=whole[:, 1],
        kind=kinds,
        truncated=whole[:, 2],
        occluded=whole[:, 3],
        image=values[:, 5:9],
        box=to_vehicle(values[:, 9:16]),
    )
