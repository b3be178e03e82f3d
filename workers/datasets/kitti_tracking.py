"""KITTI tracking as a stream: what a lidar's and a camera's detectors gave, frame by frame.

A. Geiger, P. Lenz, R. Urtasun, *Are we ready for autonomous driving? The KITTI vision benchmark
suite*, CVPR 2012. Detections are PointRCNN's (lidar) and RRC's (camera); the split is that of
AB3DMOT (X. Weng et al., IROS 2020). The folder is as in ``workers.vehicle.kitti``; sequence maps
(``evaluate_tracking.seqmap.train``, ``….val``) say how long the sequences are, but need not.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from streams.feed.item import FeedItem
from workers.datasets.base import DataSet, Split
from workers.errors import DataSetError
from workers.vehicle.kitti import (
    CAMERA,
    CLASSES,
    FRAME_US,
    LIDAR,
    Sequence2D3D,
    read_seqmap,
    read_sequence,
    read_truth,
)
from workers.vehicle.tracking.detections import Integers

ABOUT = "lists of objects of a camera and a lidar, to be tracked; compared with KITTI's truth"
LICENCE = "CC BY-NC-SA 3.0"
ORIGIN = (
    "KITTI tracking, training set, with detections of PointRCNN (lidar) and RRC (camera); split of "
    "AB3DMOT: 7 sequences to fit on, 11 to measure on"
)
#: Event time of every sequence's first frame: 2026-01-01T00:00:00Z. The data has no times.
FIRST_US = 1_767_225_600_000_000
INPUTS = {LIDAR: "lidar", CAMERA: "camera"}
_SEQMAPS: dict[Split, str] = {
    "train": "evaluate_tracking.seqmap.train",
    "test": "evaluate_tracking.seqmap.val",
}


@dataclass(frozen=True, slots=True)
class Recording:
    """One sequence. ``split``: ``None`` where no sequence map has it."""

    name: str
    frames: int
    split: Split | None


@dataclass(frozen=True, slots=True)
class Disturbance:
    """What goes wrong with a drive. ``sensors``: those that are there at all. ``camera_gone``: it
    gives nothing for 2 s of every 10. ``lidar_half``: only every second sweep comes.
    ``lidar_late_us``: how far the lidar's clock is ahead: what it saw seems to be later.
    """

    name: str
    sensors: tuple[str, ...] = (LIDAR, CAMERA)
    camera_gone: bool = False
    lidar_half: bool = False
    lidar_late_us: int = 0

    def has(self, sensor: str, frame: int) -> bool:
        """Whether a sensor gives anything in a frame."""
        if sensor not in self.sensors:
            return False
        if sensor == CAMERA and self.camera_gone:
            return not 4 <= frame * FRAME_US / 1e6 % 10 < 6
        return not (sensor == LIDAR and self.lidar_half and frame % 2)


UNDISTURBED = Disturbance("fused")


def find_recordings(path: Path, names: Sequence[str] = ()) -> list[Recording]:
    """The sequences of these names; without any, all that there are, by name.

    One that no sequence map has is as long as its labels and detections are. Raises
    ``DataSetError`` for names that the folder does not have, and for damaged files.
    """
    known: dict[str, Recording] = {}
    for split, file in _SEQMAPS.items():
        if (path / file).is_file():
            for name, frames in read_seqmap(path / file).items():
                known[name] = Recording(name, frames, split)
    there = sorted(file.stem for file in (path / "label_02").glob("*.txt"))
    if not there:
        raise DataSetError(f"{path}: expected label_02/*.txt, got none; check the path")
    for name in names:
        if name not in there:
            raise DataSetError(
                f"{path}: expected one of {', '.join(there)}, got sequence {name[:40]!r}"
            )
    return [known.get(name) or _measured(path, name) for name in (names or there)]


def _measured(path: Path, name: str) -> Recording:
    found = read_sequence(path, name, 0)
    last = [read_truth(path, name).frame, found.lidar_frame, found.camera_frame]
    return Recording(
        name, 1 + max((int(each.max()) for each in last if len(each)), default=0), None
    )


def load(path: Path, sequences: Sequence[str] = ()) -> DataSet:
    """The sequences of these names, or all, as sessions of their own names.

    There are no labels of the kind that classifiers are judged by: boxes are compared with
    ``label_02`` by TrackEval.
    """
    recordings = find_recordings(path, sequences)
    drives = [read_sequence(path, each.name, each.frames) for each in recordings]
    return DataSet(
        "kitti-tracking",
        partial(merged, [(drive.name, drive, UNDISTURBED) for drive in drives]),
        (),
        {},
        {each.name: each.name for each in recordings},
        LICENCE,
        False,
        ORIGIN,
        {each.name: each.split for each in recordings if each.split is not None},
    )


def merged(
    drives: Sequence[tuple[str, Sequence2D3D, Disturbance]],
) -> Iterator[FeedItem]:
    """The samples of several drives, each with its session, in order of time."""
    return heapq.merge(*(feed_items(*each) for each in drives), key=lambda item: item.due_us)


def feed_items(session: str, drive: Sequence2D3D, disturbed: Disturbance) -> Iterator[FeedItem]:
    """A drive's samples, an empty list where a sensor saw nothing."""
    for frame in range(drive.frames):
        due_us = FIRST_US + frame * FRAME_US
        for sensor, payload_of in ((LIDAR, _lidar), (CAMERA, _camera)):
            if disturbed.has(sensor, frame):
                at_us = due_us + (disturbed.lidar_late_us if sensor == LIDAR else 0)
                payload = json.dumps(payload_of(drive, frame), separators=(",", ":")).encode()
                yield FeedItem(
                    session,
                    INPUTS[sensor],
                    sensor,
                    at_us,
                    at_us,
                    "application/json",
                    payload,
                    frame,
                    due_us,
                )


def _lidar(drive: Sequence2D3D, frame: int) -> dict[str, Any]:
    found = drive.lidar_list(frame, frame)
    if found.image_boxes is None:
        raise DataSetError(f"{drive.name}: expected boxes in the image, got none")
    objects = [
        {"class": name, "score": score, "box3d": box, "box2d": image}
        for name, score, box, image in zip(
            _names(found.classes),
            found.scores.tolist(),
            found.boxes.tolist(),
            found.image_boxes.tolist(),
            strict=True,
        )
    ]
    return {"objects": objects, "camera": CAMERA}


def _camera(drive: Sequence2D3D, frame: int) -> dict[str, Any]:
    rows = slice(*np.searchsorted(drive.camera_frame, (frame, frame + 1)))
    objects = [
        {"class": name, "score": score, "box2d": box}
        for name, score, box in zip(
            _names(drive.camera_class[rows]),
            drive.camera_score[rows].tolist(),
            drive.camera_box[rows].tolist(),
            strict=True,
        )
    ]
    return {"objects": objects}


def _names(classes: Integers) -> list[str]:
    return [CLASSES[each].lower() for each in classes.tolist()]
