"""Convolutional encoders of frames, still images and bird's-eye-view grids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from workers.codecs import points
from workers.codecs.image import FRAME_SHAPE, STILL_SHAPE
from workers.encoders.base import Array, Bounds, Encoder, Projection, stack

_FRAME_BOUNDS = Bounds(least=4, most=256, spare=2)
_SWEEP_BOUNDS = Bounds(least=4, most=256, spare=3)
#: Channels are normalised in this many groups.
_GROUPS = 4
#: What the trunk's four strides of 2 divide height and width by.
_SHRINK = 16


def _trunk(channels: int, width: int) -> nn.Sequential:
    """Four convolutions, each halving height and width: 1/16 of the input, 3·width channels.

    Group normalisation (Wu and He, ECCV 2018) works within one image, so it keeps images apart,
    and takes brightness and contrast out.
    """
    widths = (width, 2 * width, 3 * width, 3 * width)
    layers: list[nn.Module] = []
    for index, out in enumerate(widths):
        kernel = 5 if index == 0 else 3
        layers += [nn.Conv2d(channels, out, kernel, 2, kernel // 2)]
        layers += [nn.GroupNorm(_GROUPS, out), nn.ReLU()]
        channels = out
    return nn.Sequential(*layers)


class _Summary(nn.Module):
    """The coarse map as it lies, and each channel's maximum over it.

    Cameras and scanners are mounted: where something is seen carries meaning, and an average over
    the map would lose it. The maximum tells that something is there at all.
    """

    def forward(self, maps: Tensor) -> Tensor:
        return torch.cat([maps.flatten(1), maps.amax(dim=(2, 3))], dim=1)


def _summary_width(height: int, width: int, channels: int) -> int:
    """Length of a summary, from the input's size and the trunk's output channels."""
    return channels * ((height // _SHRINK) * (width // _SHRINK) + 1)


class ImageEncoder(Encoder):
    """uint8 (rows, height, width, channels) -> (rows, FEATURE_SIZE)."""

    def __init__(self, shape: tuple[int, int], channels: int, width: int = 12) -> None:
        super().__init__()
        self.shape = (*shape, channels)
        self.trunk = _trunk(channels, width)
        self.summary = _Summary()
        self.project = Projection(_summary_width(*shape, 3 * width))

    def bounds(self, size_class: int) -> Bounds:
        return _FRAME_BOUNDS

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.integers(0, 256, self.shape, np.uint8)

    def forward(self, pixels: Tensor) -> Tensor:
        # Pixels lie channels-last; converted as they lie, they need no copy more.
        maps = pixels.permute(0, 3, 1, 2).float().mul(2.0 / 255.0).sub(1.0)
        return self.project(self.summary(self.trunk(maps)))  # type: ignore[no-any-return]


class FrameEncoder(ImageEncoder):
    """Frames of a stream, in color."""

    def __init__(self) -> None:
        super().__init__(FRAME_SHAPE, channels=3)


class StillEncoder(ImageEncoder):
    """Still images, in grey."""

    def __init__(self) -> None:
        super().__init__(STILL_SHAPE, channels=1, width=16)


class PointsEncoder(Encoder):
    """Decoded sweeps (rows, points.LENGTH) -> (rows, FEATURE_SIZE)."""

    def __init__(self, width: int = 12, histogram_width: int = 48) -> None:
        super().__init__()
        self.trunk = _trunk(points.CHANNELS, width)
        self.summary = _Summary()
        bins = points.HISTOGRAMS * points.HISTOGRAM_BINS
        self.histogram = nn.Sequential(nn.Linear(bins, histogram_width), nn.ReLU())
        self.project = Projection(
            _summary_width(points.GRID, points.GRID, 3 * width) + histogram_width
        )

    def bounds(self, size_class: int) -> Bounds:
        return _SWEEP_BOUNDS

    def collate(self, arrays: Sequence[Array], size_class: int, rows: int) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> Array:
        return rng.standard_normal(points.LENGTH, np.float32)

    def forward(self, vectors: Tensor) -> Tensor:
        cells = points.CHANNELS * points.GRID * points.GRID
        grid = vectors[:, :cells].reshape(-1, points.CHANNELS, points.GRID, points.GRID)
        seen = self.summary(self.trunk(grid.contiguous()))
        ranges = self.histogram(vectors[:, cells:].contiguous())
        return self.project(torch.cat([seen, ranges], dim=1))  # type: ignore[no-any-return]
