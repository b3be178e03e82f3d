"""Texture of grey images: how often each local binary pattern occurs, near, middle and far."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs import guarded
from workers.codecs.image import decode_stretched
from workers.codecs.media_type import MediaType
from workers.encoders.base import Bounds, stack
from workers.errors import PartError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.standard import Standard
from workers.learned.plan import EncoderOptions

_BOUNDS = Bounds(least=4, most=1_024, spare=32)
#: Uniform patterns of eight neighbours by how many are brighter (0 to 8), and all others.
PATTERNS = 10
_OTHERS = PATTERNS - 1
#: The neighbours on a square around a pixel, in order along it: (rows, columns).
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, 1), (1, 1), (1, 0), (1, -1), (0, -1))


class TextureOptions(EncoderOptions):
    """``side``: pixels that any image is stretched to. ``radii``: distances of the neighbours,
    pixels. ``bands``: of rows, from the top down. ``threshold``: grey values, of 255, by which a
    neighbour has to be brighter.
    """

    kind: Literal["texture"] = "texture"
    side: int = Field(default=224, ge=64, le=1024)
    radii: tuple[int, ...] = Field(default=(2, 3, 5, 8), min_length=1, max_length=8)
    bands: int = Field(default=3, ge=1, le=16)
    threshold: int = Field(default=2, ge=0, le=64)


class TextureEncoder(InputEncoder):
    """Histograms of uniform local binary patterns (Ojala, Pietikäinen and Mäenpää, PAMI 2002), one
    for each radius and band of rows; the square root of each share, standardised.
    """

    Options: ClassVar[type[EncoderOptions]] = TextureOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: TextureOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        if modality not in (Modality.IMAGE, Modality.VIDEO):
            raise PartError(f"expected image or video, got {modality.value}")
        self._texture = options
        self._width = len(options.radii) * options.bands * PATTERNS
        self.standard = Standard(self._width)

    @property
    def width(self) -> int:
        return self._width

    @property
    def parts(self) -> Sequence[slice]:
        """One for each radius."""
        one = self._texture.bands * PATTERNS
        return tuple(slice(start, start + one) for start in range(0, self._width, one))

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """The square roots of the shares, float32 (width,): radii, in them bands, in them
        patterns.
        """
        read = partial(_read, options=self._texture)
        return guarded(read, sample.modality, sample.content_type, sample.payload)

    def fit(self, decoded: Sequence[Decoded]) -> None:
        self.standard.fit(np.stack(decoded))

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.random(self._width, np.float32)

    def forward(self, shares: Tensor) -> Tensor:
        """float32 (rows, width) -> (rows, width)."""
        standard: torch.Tensor = self.standard(shares)
        return standard


def _read(payload: bytes, media: MediaType, options: TextureOptions) -> NDArray[np.float32]:
    stretched = decode_stretched(payload, media, (options.side, options.side), color=False)
    pixels = stretched[..., 0]
    shares = [
        pattern_shares(pixels, radius, options.bands, options.threshold) for radius in options.radii
    ]
    return np.sqrt(np.concatenate(shares)).astype(np.float32)


def pattern_shares(
    pixels: NDArray[np.uint8], radius: int, bands: int, threshold: int
) -> NDArray[np.float64]:
    """Share of each pattern in each band of rows, float64 (bands * PATTERNS,).

    A pattern is uniform where, along the neighbours, brighter and not brighter alternate at most
    twice; it is told by how many are brighter, which no rotation changes.
    """
    values = pixels.astype(np.int16)
    inner = values[radius:-radius, radius:-radius]
    height, width = inner.shape
    brighter = np.stack(
        [
            values[
                radius * (1 + down) : radius * (1 + down) + height,
                radius * (1 + right) : radius * (1 + right) + width,
            ]
            > inner + threshold
            for down, right in _AROUND
        ]
    )
    turns = (brighter != np.roll(brighter, 1, axis=0)).sum(axis=0)
    pattern = np.where(turns <= 2, brighter.sum(axis=0), _OTHERS)
    return np.concatenate(
        [
            np.bincount(band.ravel(), minlength=PATTERNS) / band.size
            for band in np.array_split(pattern, bands, axis=0)
        ]
    )
