"""Stills and frames by a residual convolutional network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from schemas.sample import Modality, Sample
from schemas.strict import Strict
from streams.compute import BadSample
from workers.codecs import guarded
from workers.codecs.image import decode_stretched
from workers.encoders.base import Bounds, stack
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.convolution import Norm, ResidualTrunk
from workers.learned.plan import EncoderOptions, Share

_BOUNDS = Bounds(least=4, most=128, spare=2)
_Side = Annotated[int, Field(ge=8, le=512)]


class ImageAugment(Strict):
    """How pictures are changed in training, each by chance and up to so much.

    ``shift``: of height and width. ``rotate``: degrees. ``scale``: 0.1 is 0.9 to 1.1 times as
    large. ``brightness``, ``contrast``: of the range of values. ``mirror``: half of the time.
    ``erase``: largest area of a rectangle that is blanked. ``gamma``: 0.1 is an exponent of 0.9 to
    1.1 on the share of the brightest. ``noise``: deviation, of the range. ``blur``: largest share
    of each pixel's surroundings in it, half of the time.
    """

    mirror: bool = False
    shift: Share = 0.0
    rotate: float = Field(default=0.0, ge=0.0, le=180.0)
    scale: Share = 0.0
    brightness: Share = 0.0
    contrast: Share = 0.0
    erase: Share = 0.0
    gamma: Share = 0.0
    noise: Share = 0.0
    blur: float = Field(default=0.0, ge=0.0, le=1.0)


class ImageOptions(EncoderOptions):
    """``size``: height and width to which a picture is stretched. ``color``: three channels.

    ``widths``: channels of each stage, each of ``blocks`` residual blocks. ``first_stride``: of
    the first convolution. ``stem_pool``: the maximum of each 2 by 2 of what it gives. ``pool``: of
    the last map, the channels' means or also their maxima. ``center``: takes each picture's own
    mean out and divides by its deviation. ``both_ways``: outside of training a feature is the mean
    of the picture's and its mirror image's.
    """

    kind: Literal["image"] = "image"
    size: tuple[_Side, _Side] = (64, 64)
    color: bool = False
    widths: tuple[Annotated[int, Field(gt=0, le=1024)], ...] = (16, 32, 64)
    blocks: int = Field(default=1, ge=1, le=8)
    first_stride: Literal[1, 2] = 1
    stem_pool: bool = False
    pool: Literal["mean", "both"] = "both"
    norm: Norm = "group"
    center: bool = False
    both_ways: bool = False
    dropout: Share = 0.0
    augment: ImageAugment = ImageAugment()


class ImageCnn(InputEncoder):
    """uint8 (rows, height, width, channels) -> mean and maximum of each channel of the last map."""

    Options: ClassVar[type[EncoderOptions]] = ImageOptions

    def __init__(self, options: ImageOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        self._rules = options
        self._channels = 3 if options.color else 1
        self.trunk = ResidualTrunk(
            self._channels,
            options.widths,
            options.blocks,
            options.norm,
            options.first_stride,
            stem_pool=options.stem_pool,
        )
        self.dropout = nn.Dropout(options.dropout)

    @property
    def width(self) -> int:
        return self._rules.widths[-1] * (2 if self._rules.pool == "both" else 1)

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """uint8 (height, width, channels)."""
        return guarded(
            lambda payload, media: decode_stretched(
                payload, media, self._rules.size, color=self._rules.color
            ),
            sample.modality,
            sample.content_type,
            sample.payload,
        )

    def augment(self, decoded: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
        return changed_picture(decoded, self._rules.augment, rng)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.uint8]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.uint8]:
        return rng.integers(0, 256, (*self._rules.size, self._channels), np.uint8)

    def forward(self, pixels: Tensor) -> Tensor:
        maps = pixels.permute(0, 3, 1, 2).float().mul(2.0 / 255.0).sub(1.0)
        if self._rules.center:
            mean = maps.mean(dim=(1, 2, 3), keepdim=True)
            deviation = maps.std(dim=(1, 2, 3), keepdim=True, correction=0)
            maps = (maps - mean) / (deviation + 1e-3)
        pooled = self._pooled(maps)
        if self._rules.both_ways and not self.training:
            pooled = (pooled + self._pooled(maps.flip(3))) / 2.0
        features: Tensor = self.dropout(pooled)
        return features

    def _pooled(self, maps: Tensor) -> Tensor:
        maps, _ = self.trunk(maps)
        mean = maps.mean(dim=(2, 3))
        if self._rules.pool == "mean":
            return mean
        return torch.cat([mean, maps.amax(dim=(2, 3))], dim=1)


def changed_picture(
    image: NDArray[np.uint8], rules: ImageAugment, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A changed copy, uint8 (height, width, channels)."""
    height, width, channels = image.shape
    angle, size, down, right = rng.uniform(-1.0, 1.0, 4)
    gain, offset, mirrored = rng.uniform(-1.0, 1.0), rng.uniform(-1.0, 1.0), rng.random() < 0.5
    if rules.mirror and mirrored:
        image = image[:, ::-1]
    if rules.rotate or rules.scale or rules.shift:
        turn = cv2.getRotationMatrix2D(
            ((width - 1) / 2, (height - 1) / 2), angle * rules.rotate, 1.0 + size * rules.scale
        )
        turn[:, 2] += (right * rules.shift * width, down * rules.shift * height)
        moved = cv2.warpAffine(
            np.ascontiguousarray(image), turn, (width, height), borderMode=cv2.BORDER_REPLICATE
        )
        image = np.asarray(moved, np.uint8).reshape(height, width, channels)
    if rules.brightness or rules.contrast:
        lit = (image - 127.5) * (1.0 + gain * rules.contrast) + 127.5
        lit += offset * rules.brightness * 255.0
        image = np.clip(lit, 0, 255).astype(np.uint8)
    if rules.erase:
        image = _erased(image, rng.uniform(0.0, rules.erase), rng)
    if rules.gamma or rules.blur or rules.noise:
        image = _as_if_taken_otherwise(image, rules, rng)
    return image


def _as_if_taken_otherwise(
    image: NDArray[np.uint8], rules: ImageAugment, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Another curve of brightness, another sharpness, other noise."""
    values = (image.astype(np.float32) / 255.0) ** (1.0 + rng.uniform(-rules.gamma, rules.gamma))
    if rng.random() < 0.5:
        share = rules.blur * rng.random()
        mean = cv2.blur(values, (3, 3), borderType=cv2.BORDER_REPLICATE).reshape(image.shape)
        values = (1.0 - share) * values + share * mean
    noise = rng.standard_normal(image.shape, np.float32) * (rules.noise * rng.random())
    return np.rint(np.clip(values + noise, 0.0, 1.0) * 255.0).astype(np.uint8)


def _erased(image: NDArray[np.uint8], area: float, rng: np.random.Generator) -> NDArray[np.uint8]:
    """A rectangle of so large a share of the picture becomes its mean (Zhong et al., AAAI 2020)."""
    height, width, _ = image.shape
    ratio = np.exp(rng.uniform(-0.7, 0.7))
    tall = min(height, round(height * np.sqrt(area * ratio)))
    wide = min(width, round(width * np.sqrt(area / ratio)))
    top, left = rng.integers(0, height - tall + 1), rng.integers(0, width - wide + 1)
    image = image.copy()
    image[top : top + tall, left : left + wide] = image.mean().astype(np.uint8)
    return image
