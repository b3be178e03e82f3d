"""How somebody speaks: functionals of a chunk of speech, standardised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from schemas.sample import Modality, Sample
from schemas.units import Duration
from streams.compute import BadSample
from workers.codecs.audio import read_signal
from workers.codecs.media_type import parse_media_type
from workers.encoders.base import Bounds, stack
from workers.errors import CodecError, PartError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.standard import Standard
from workers.learned.plan import EncoderOptions
from workers.learned.speech.functionals import WIDTH, speech_features

_BOUNDS = Bounds(least=4, most=1_024, spare=32)


class SpeechOptions(EncoderOptions):
    """``highest_hz``: what is above is not looked at; 3,800 for telephones. ``segment``: a longer
    chunk is told as the mean of segments about as long.
    """

    kind: Literal["speech"] = "speech"
    highest_hz: float = Field(default=7_600.0, ge=3_600.0, le=7_600.0)
    segment: Duration = timedelta(seconds=1)


class SpeechFunctionals(InputEncoder):
    """Seconds of voice in the chunk, then its functionals less the training samples' mean, over
    their deviation. A chunk in which nobody speaks has all zeros.

    The seconds of voice are what a projection with ``session`` weighs chunks by.
    """

    Options: ClassVar[type[EncoderOptions]] = SpeechOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: SpeechOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        if modality is not Modality.AUDIO:
            raise PartError(f"expected an audio input, got {modality.value}")
        self._highest_hz = options.highest_hz
        self._segment_s = options.segment.total_seconds()
        self.standard = Standard(WIDTH, limit=6.0)

    @property
    def width(self) -> int:
        return 1 + WIDTH

    def fit(self, decoded: Sequence[NDArray[np.float32]]) -> None:
        spoken = [one[1:] for one in decoded if one[0] > 0.0]
        if not spoken:
            raise PartError("expected training samples with speech, got none")
        self.standard.fit(np.stack(spoken))

    def decode(self, sample: Sample) -> Decoded | BadSample:
        try:
            signal = read_signal(sample.payload, parse_media_type(sample.content_type))
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        return speech_features(signal, self._highest_hz, self._segment_s)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal(1 + WIDTH, np.float32)

    def forward(self, described: Tensor) -> Tensor:
        """float32 (rows, 1 + WIDTH) -> (rows, 1 + WIDTH)."""
        seconds = described[:, :1]
        return torch.cat([seconds, self.standard(described[:, 1:]) * (seconds > 0.0)], dim=1)
