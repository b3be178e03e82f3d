"""What detections by themselves tell of a sensor: how its scores are to be read, and how far its
boxes are off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from workers.vehicle.fit.drives import Drives
from workers.vehicle.fit.labelling import NEITHER, REAL, label
from workers.vehicle.fit.logistic import fit_logistic
from workers.vehicle.kitti import Sequence2D3D, Truth
from workers.vehicle.tracking.detections import Floats, Integers, Kind

#: Weight of the prior of a score's curve (offset 0, slope 1), in detections near its middle.
_CURVE_STRENGTH = 3.0
#: Median absolute deviation of a normal distribution, times this, is its standard deviation.
_OF_MAD = 1.4826
#: With fewer detections on real objects nothing is said of how far boxes are off.
_FEW = 30
#: No detector's edges are better than so, as a share of the size, nor its places, m.
_LEAST_NOISE = 0.005
_LEAST_NOISE_M = 0.1


class Found(NamedTuple):
    """Detections of one kind and class over all sequences, with what is true of them."""

    scores: Floats
    verdict: Integers
    images: Floats
    true_images: Floats
    boxes: Floats
    true_boxes: Floats


def collect(drives: Drives, kind: Kind, class_index: int) -> Found:
    """``true_…`` are NaN where the detection is not on a real object."""
    parts = [
        _of_sequence(drives.sequences[name], drives.truths[name], kind, class_index)
        for name in drives.lengths
    ]
    return Found(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _of_sequence(sequence: Sequence2D3D, truth: Truth, kind: Kind, class_index: int) -> Found:
    if kind is Kind.BOXES:
        frames, classes = sequence.lidar_frame, sequence.lidar_class
        images, scores, boxes = sequence.lidar_image, sequence.lidar_score, sequence.lidar_box
    else:
        frames, classes = sequence.camera_frame, sequence.camera_class
        images, scores = sequence.camera_box, sequence.camera_score
        boxes = np.full((len(images), 7), np.nan)
    labelled = label(truth, frames, classes, images)
    mine = classes == class_index
    real = labelled.verdict == REAL
    true_images, true_boxes = np.full((len(images), 4), np.nan), np.full((len(images), 7), np.nan)
    true_images[real] = truth.image[labelled.match[real]]
    true_boxes[real] = truth.box[labelled.match[real]]
    columns = (scores, labelled.verdict, images, true_images, boxes, true_boxes)
    return Found(*(column[mine] for column in columns))


def sensor_values(found: Found) -> dict[str, Any]:
    """``SensorValues`` by name, as far as these detections tell them."""
    judged = found.verdict != NEITHER
    answers = (found.verdict[judged] == REAL).astype(np.float64)
    clipped = np.clip(found.scores[judged], 1e-6, 1 - 1e-6)
    odds = np.log(clipped) - np.log1p(-clipped)
    features = np.stack([np.ones(len(odds)), odds], axis=1)
    offset, slope = fit_logistic(
        features, answers, prior=np.array([0.0, 1.0]), strength=_CURVE_STRENGTH
    )
    share = (answers.sum() + 1) / (len(answers) + 2)
    values: dict[str, Any] = {
        "offset": float(offset),
        "slope": float(slope),
        "base_rate": float(np.log(share / (1 - share))),
    }
    real = found.verdict == REAL
    if real.sum() >= _FEW:
        values |= _edges(found.images[real], found.true_images[real])
        if not np.isnan(found.boxes[real]).any():
            values |= _places(found.boxes[real], found.true_boxes[real])
    return values


def _edges(images: Floats, truth: Floats) -> dict[str, Any]:
    width, height = truth[:, 2] - truth[:, 0], truth[:, 3] - truth[:, 1]
    off = (images - truth) / np.stack([width, height, width, height], axis=1)
    shift = np.median(off, axis=0)
    spread = _OF_MAD * np.median(np.abs(off - shift), axis=0)
    noise = max(float(spread.mean()), _LEAST_NOISE)
    return {"box_shift": tuple(map(float, shift)), "box_noise": noise}


def _places(boxes: Floats, truth: Floats) -> dict[str, Any]:
    """A constant and a share of the range, from the spread near and far of the middle range."""
    distance = np.hypot(truth[:, 0], truth[:, 1])
    off = np.abs(boxes[:, :2] - truth[:, :2]).mean(axis=1)
    middle = np.median(distance)
    halves: Sequence[Any] = (distance < middle, distance >= middle)
    spreads = [_OF_MAD * float(np.median(off[half])) for half in halves]
    ranges = [float(np.median(distance[half])) for half in halves]
    slope = max((spreads[1] - spreads[0]) / (ranges[1] - ranges[0]), 0.0)
    return {"noise_m": max(spreads[0] - slope * ranges[0], _LEAST_NOISE_M), "noise_per_m": slope}
