"""A small folder in the layout of KITTI tracking, made up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

#: h, w, l, x, y, z, ry: a car ten metres ahead of the camera, and its box in the image.
PLACE = "1.5 1.8 4.0 0.0 1.5 10.0 -1.57"
IMAGE = (550.0, 160.0, 680.0, 260.0)


def label(frame: int, track: int = 1, kind: str = "Car") -> str:
    x1, y1, x2, y2 = IMAGE
    return f"{frame} {track} {kind} 0 0 -1.57 {x1} {y1} {x2} {y2} {PLACE}"


def lidar_row(frame: int, score: float = 9.0, kind: int = 2) -> str:
    place = PLACE.replace(" ", ",")
    x1, y1, x2, y2 = IMAGE
    return f"{frame},{kind},{x1},{y1},{x2},{y2},{score},{place},-1.57"


def camera_row(frame: int, score: float = 0.99) -> str:
    return ",".join(map(str, (frame, *IMAGE, score)))


def write_folder(
    root: Path,
    sequences: Mapping[str, Sequence[int]],
    seqmaps: Mapping[str, Mapping[str, int]] | None = None,
) -> Path:
    """``sequences``: name -> the frames in which the car is seen. ``seqmaps``: ``train`` or ``val``
    -> sequence -> frames.
    """
    for name, frames in sequences.items():
        for folder, rows in (
            ("label_02", [label(frame) for frame in frames]),
            ("det_lidar3d_pointrcnn/Car", [lidar_row(frame) for frame in frames]),
            ("det_lidar3d_pointrcnn/Pedestrian", []),
            ("det_camera2d_rrc/Car", [camera_row(frame) for frame in frames]),
            ("det_camera2d_rrc/Pedestrian", []),
        ):
            path = root / folder / f"{name}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(row + "\n" for row in rows))
    for split, lengths in (seqmaps or {}).items():
        text = "".join(f"{name} empty 000000 {n:06d}\n" for name, n in lengths.items())
        (root / f"evaluate_tracking.seqmap.{split}").write_text(text)
    return root
