"""Which map of an encoder is looked at for evidence, and what a sample without any looks like."""

from __future__ import annotations

import numpy as np
from torch import nn

from schemas.sample import Modality
from workers.codecs import points
from workers.encoders.audio import AudioEncoder
from workers.encoders.base import Array, Encoder
from workers.encoders.image import ImageEncoder, PointsEncoder
from workers.insight.heat import Grid

#: Of the four convolutions of an image's trunk the one whose map is looked at, from 0: it has a
#: quarter of the height and width. The last has a sixteenth, 4 by 6 cells for a frame.
_STAGE = 1
#: A log-mel value of silence, see ``workers.codecs.mel``.
_SILENCE = -1.0


def layer_of(encoder: Encoder) -> nn.Module | None:
    """The convolution whose map is looked at; ``None`` for an encoder without one."""
    if isinstance(encoder, ImageEncoder | PointsEncoder):
        return [layer for layer in encoder.trunk if isinstance(layer, nn.ReLU)][_STAGE]
    return encoder.second if isinstance(encoder, AudioEncoder) else None


def plain(array: Array, modality: Modality) -> Array:
    """A frame in its mean colour, silence, a sweep without a return (its histograms stay)."""
    if modality is Modality.AUDIO:
        return np.full_like(array, _SILENCE)
    if modality is Modality.POINTS:
        empty = array.copy()
        empty[: points.CHANNELS * points.GRID * points.GRID] = 0.0
        return empty
    mean = array.mean(axis=(0, 1)).round().astype(array.dtype)
    return np.broadcast_to(mean, array.shape)


def dark(array: Array, modality: Modality) -> Array:
    """A frame in black; all else as ``plain`` has it."""
    if modality in (Modality.VIDEO, Modality.IMAGE):
        return np.zeros_like(array)
    return plain(array, modality)


def centred(grid: Grid) -> Grid:
    """The grid with each cell in the middle of its pixels.

    A convolution of stride 2 and padding of half its kernel looks at pixels around 2i, not around
    2i + 1/2: after two, a cell of 4 pixels shows what is 3/8 of a cell before its middle.
    """
    off = 0.5 * (1.0 - 0.5 ** (_STAGE + 1))
    for axis in (0, 1):
        following = np.concatenate([np.delete(grid, 0, axis), np.take(grid, [-1], axis)], axis=axis)
        grid = np.asarray((1.0 - off) * grid + off * following, np.float32)
    return grid
