"""Lidar sweeps as a bird's-eye-view grid and range histograms."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from workers.codecs.media_type import MediaType
from workers.errors import CodecError

#: The grid covers x (forward) and y (left) from -EXTENT_M to EXTENT_M around the sensor.
EXTENT_M = 48.0
GRID = 64
#: log point count, highest z, lowest z, mean intensity.
CHANNELS = 4
#: Ranges from 0 m to EXTENT_M in equal bins, once over all bearings and once ahead.
HISTOGRAM_BINS = 32
HISTOGRAMS = 2
#: Length of the decoded vector: the grid, then the histograms.
LENGTH = CHANNELS * GRID * GRID + HISTOGRAMS * HISTOGRAM_BINS
#: Four times a 128-beam sweep at 10 Hz; 16 MB of payload.
MAX_POINTS = 1_000_000

_POINT_BYTES = 16
#: Heights are taken from -3 m (below a roof-mounted sensor's road) to 5 m.
_LOW_M, _HIGH_M = -3.0, 5.0
#: "Ahead": less than 2 m to either side, the width of a lane.
_AHEAD_M = 2.0
#: Returns this far over the lowest one near the sensor are no ground.
_GROUND_MARGIN_M = 0.4


def parse_points(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """Returns of a sweep as they lie in the payload, float32 (n, 4): x forward, y left, z up in
    metres, intensity. Raises ``CodecError`` as ``decode_points`` does.
    """
    known = ("application/vnd.sensorium.points", "application/octet-stream")
    if media.essence not in known:
        raise CodecError("unknown_content_type", f"expected {known[0]}, got {media.essence!r:.80}")
    fields = media.parameters.get("fields", "xyzi").lower()
    dtype = media.parameters.get("dtype", "f32le").lower()
    if (fields, dtype) != ("xyzi", "f32le"):
        raise CodecError(
            "unsupported_format",
            f"expected fields=xyzi;dtype=f32le, got fields={fields:.20};dtype={dtype:.20}",
        )
    if len(payload) % _POINT_BYTES:
        raise CodecError(
            "odd_length", f"expected a multiple of {_POINT_BYTES} bytes, got {len(payload)}"
        )
    count = len(payload) // _POINT_BYTES
    if count > MAX_POINTS:
        raise CodecError("too_many_points", f"expected at most {MAX_POINTS} points, got {count}")
    points = np.frombuffer(payload, "<f4").reshape(-1, 4)
    if not np.isfinite(points).all():
        raise CodecError("non_finite_value", "points: a coordinate is NaN or infinite")
    return points


def _histogram(distance: NDArray[np.float32]) -> NDArray[np.float32]:
    counts, _ = np.histogram(distance, HISTOGRAM_BINS, range=(0.0, EXTENT_M))
    return np.asarray(np.log1p(counts) / 8.0, np.float32)


def project(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grid and histograms of a sweep, float32 (LENGTH,), every value about 0 to 1.

    ``points``: float32 (n, 4): x forward, y left, z up in metres, intensity (0 to 1, or 0 to 255).
    The grid is (CHANNELS, GRID, GRID), rows by x, columns by y, both ascending.
    """
    cell_m = 2 * EXTENT_M / GRID
    x, y, z, intensity = points.T
    inside = (np.abs(x) < EXTENT_M) & (np.abs(y) < EXTENT_M)
    x, y, intensity = x[inside], y[inside], intensity[inside]
    z = np.clip(z[inside], _LOW_M, _HIGH_M)
    rows = np.minimum(((x + np.float32(EXTENT_M)) / cell_m).astype(np.int64), GRID - 1)
    columns = np.minimum(((y + np.float32(EXTENT_M)) / cell_m).astype(np.int64), GRID - 1)
    cells = rows * GRID + columns
    counts = np.bincount(cells, minlength=GRID * GRID)
    high = np.full(GRID * GRID, _LOW_M, np.float32)
    low = np.full(GRID * GRID, _HIGH_M, np.float32)
    np.maximum.at(high, cells, z)
    np.minimum.at(low, cells, z)
    low[counts == 0] = _LOW_M
    full_scale = 255.0 if intensity.size and float(intensity.max()) > 1.0 else 1.0
    brightness = np.clip(intensity / full_scale, 0.0, 1.0)
    glow = np.bincount(cells, weights=brightness, minlength=GRID * GRID)
    height_m = _HIGH_M - _LOW_M
    ground_m = float(low[counts > 0].min()) if z.size else _LOW_M
    raised = z > ground_m + _GROUND_MARGIN_M
    distance = np.hypot(x, y)
    ahead = raised & (x > 0.0) & (np.abs(y) < _AHEAD_M)
    return np.concatenate(
        [
            np.log1p(counts).astype(np.float32) / np.float32(6.0),
            (high - _LOW_M) / np.float32(height_m),
            (low - _LOW_M) / np.float32(height_m),
            (glow / np.maximum(counts, 1)).astype(np.float32),
            _histogram(distance[raised]),
            _histogram(distance[ahead]),
        ]
    ).astype(np.float32)


def decode_points(payload: bytes, media: MediaType) -> NDArray[np.float32]:
    """A sweep of f32le x, y, z, intensity as float32 (LENGTH,), see ``project``.

    Raises ``CodecError``: ``unknown_content_type``, ``unsupported_format``, ``odd_length``,
    ``too_many_points``, ``non_finite_value``.
    """
    return project(parse_points(payload, media))
