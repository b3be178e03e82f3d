"""Vital signs as what NEWS2 makes of them: as an input to learn from, and to score by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.clinical.news2 import HIGHEST, MISSING, PARAMETERS, Scale, assess
from workers.clinical.vitals import parameters_of
from workers.codecs import guarded
from workers.codecs.media_type import MediaType
from workers.codecs.series import read_channels
from workers.encoders.base import Bounds, stack
from workers.errors import PartError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.plan import EncoderOptions

_BOUNDS = Bounds(least=4, most=1_024, spare=32)
_COUNT = len(PARAMETERS)
#: Values are kept as a part of this: near 1 for a network, and exact, being a power of two.
_UNIT = 128.0


class EarlyWarningOptions(EncoderOptions):
    """``spo2_scale``: 2 only for patients of whom a clinician has decided so, see ``Scale``."""

    kind: Literal["news2"] = "news2"
    spo2_scale: Scale = 1


class EarlyWarningEncoder(InputEncoder):
    """For each parameter of NEWS2 its value, whether it was measured, and its points of 3; then the
    aggregate of 20. Values that are missing are 0.
    """

    Options: ClassVar[type[EncoderOptions]] = EarlyWarningOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: EarlyWarningOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        if modality is not Modality.SERIES:
            raise PartError(f"expected series, got {modality.value}")
        self.spo2_scale: Scale = options.spo2_scale

    @property
    def width(self) -> int:
        return 3 * _COUNT + 1

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """float32 (width,)."""
        values = guarded(_read, sample.modality, sample.content_type, sample.payload)
        if isinstance(values, BadSample):
            return values
        return _feature(np.where(values[1] > 0.0, values[0], np.nan), self.spo2_scale)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return _feature(rng.uniform(20.0, 120.0, _COUNT), self.spo2_scale)

    def forward(self, features: Tensor) -> Tensor:
        """float32 (rows, width) -> (rows, width)."""
        return features


def values_of(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The values (n, 7) that features (n, width) were made of, NaN where missing."""
    values = features[:, :_COUNT].astype(np.float64) * _UNIT
    return np.where(features[:, _COUNT : 2 * _COUNT] > 0.0, values, np.nan)


def newest_of(features: NDArray[np.float32]) -> NDArray[np.float64]:
    """The newest value of each parameter, float64 (7,), of features (n, width) in order of time;
    NaN where none has it.
    """
    newest = np.full(_COUNT, np.nan)
    for values in values_of(features):
        newest = np.where(np.isnan(values), newest, values)
    return newest


def _read(payload: bytes, media: MediaType) -> NDArray[np.float64]:
    """Values and whether they were measured, (2, 7): decoded samples hold no NaN."""
    values = parameters_of(read_channels(payload, media)[0])
    return np.stack([np.nan_to_num(values), ~np.isnan(values)])


def _feature(values: NDArray[np.float64], scale: Scale) -> NDArray[np.float32]:
    found = assess(values, scale)
    points = np.where(found.points == MISSING, 0, found.points) / 3.0
    parts = (np.nan_to_num(values) / _UNIT, ~np.isnan(values), points, [found.total / HIGHEST])
    return np.concatenate(parts).astype(np.float32)
