"""What a sample looks like to people: frames as they are, sweeps from above, audio as bands."""

from __future__ import annotations

import cv2
import numpy as np

from schemas.sample import Modality, Sample
from workers.codecs import points
from workers.codecs.mel import BANDS
from workers.encoders.base import Array
from workers.insight.heat import Grid
from workers.insight.overlay import Picture

#: A larger frame is made smaller; a PNG of it would have tens of megabytes.
MAX_SIDE_PX = 2_048
#: Side of a sweep's cell, pixels.
_CELL_PX = 10
#: Log-mel values from silence to a full-scale tone.
_SILENCE, _FULL = -1.0, 1.0
#: Height of an audio band, and least width of all of a chunk, pixels.
_BAND_PX, _CHUNK_PX = 6, 640


def picture_of(sample: Sample, decoded: Array | None) -> Picture:
    """A sample that a codec has accepted. ``decoded``: the codec's output, for a sweep or audio.

    Raises ``ValueError`` for one that has no picture.
    """
    if sample.modality in (Modality.VIDEO, Modality.IMAGE):
        return frame_of(sample.payload)
    if decoded is None:
        raise ValueError(f"expected a sample that can be drawn, got {sample.modality.value}")
    if sample.modality is Modality.POINTS:
        return _from_above(decoded)
    if sample.modality is Modality.AUDIO:
        return _bands(decoded)
    raise ValueError(f"expected a sample that can be drawn, got {sample.modality.value}")


def as_drawn(grid: Grid, modality: Modality) -> Grid:
    """The grid in the picture's orientation: a sweep's rows go by x (ahead), columns by y (left);
    drawn, ahead is up and left is left.
    """
    return grid[::-1, ::-1].copy() if modality is Modality.POINTS else grid


def frame_of(payload: bytes) -> Picture:
    """A JPEG or PNG as it is, or smaller where a side is longer than ``MAX_SIDE_PX``.

    Raises ``ValueError`` for one that OpenCV does not decode.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    frame = cv2.imdecode(np.frombuffer(payload, np.uint8), flags)
    if frame is None:
        raise ValueError(f"expected an image, got {len(payload)} bytes that are none")
    side = max(frame.shape[:2])
    if side > MAX_SIDE_PX:
        scale = MAX_SIDE_PX / side
        frame = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(frame, np.uint8)


def _from_above(vector: Array) -> Picture:
    """Height over number of points, with the sensor in the middle."""
    cells = points.GRID * points.GRID
    count, high = vector[:cells], vector[cells : 2 * cells]
    shade = np.clip(0.35 * count + 0.65 * high * (count > 0), 0.0, 1.0) ** 0.7
    grid = as_drawn(
        (255 * shade).astype(np.float32).reshape(points.GRID, points.GRID), Modality.POINTS
    )
    side = points.GRID * _CELL_PX
    large = cv2.resize(grid, (side, side), interpolation=cv2.INTER_NEAREST)
    picture = cv2.cvtColor(large.astype(np.uint8), cv2.COLOR_GRAY2BGR)
    middle = picture.shape[0] // 2
    nose = np.array([[middle, middle - 9], [middle - 6, middle + 7], [middle + 6, middle + 7]])
    cv2.polylines(picture, [nose.astype(np.int32)], True, (220, 180, 90), 1, cv2.LINE_AA)
    return np.asarray(picture, np.uint8)


def _bands(frames: Array) -> Picture:
    """Time to the right, pitch upwards."""
    shade = np.clip((frames.T[::-1] - _SILENCE) / (_FULL - _SILENCE), 0.0, 1.0)
    size = (max(len(frames), _CHUNK_PX), BANDS * _BAND_PX)
    large = cv2.resize((255 * shade).astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    return np.asarray(cv2.cvtColor(large, cv2.COLOR_GRAY2BGR), np.uint8)
