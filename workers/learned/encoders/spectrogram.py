"""Chunks of sound by a residual convolutional network over their log-mel spectrogram."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn

from schemas.sample import Modality
from workers.codecs.mel import BANDS
from workers.encoders.base import Bounds, powers_of_two
from workers.learned.encoders.base import InputEncoder
from workers.learned.encoders.convolution import ResidualTrunk
from workers.learned.plan import EncoderOptions, Share

#: Frames of 10 ms, padded to: 0.32 to 41 s. Of a longer chunk the beginning counts.
_LEAST_FRAMES, _MOST_FRAMES = 32, 4_096
_SPARE_FRAMES = 128


class SpectrogramOptions(EncoderOptions):
    """``widths``: channels of each stage, each of ``blocks`` residual blocks; every stage but the
    first halves time and bands.

    ``center``: takes each chunk's own mean spectrum out, which is all that a live stream can know
    of microphone and voice. ``mask_frames``, ``mask_bands``: longest stretch of time (10 ms each)
    and widest range of bands that is blanked in training (Park et al., Interspeech 2019); ``gain``:
    largest change of level in training, in units of the codec (a third of a power of ten).
    """

    kind: Literal["spectrogram"] = "spectrogram"
    widths: tuple[Annotated[int, Field(gt=0, le=1024)], ...] = (16, 32, 64)
    blocks: int = Field(default=1, ge=1, le=8)
    center: bool = True
    dropout: Share = 0.0
    mask_frames: int = Field(default=0, ge=0)
    mask_bands: int = Field(default=0, ge=0, le=BANDS)
    gain: float = Field(default=0.0, ge=0.0)


class SpectrogramCnn(InputEncoder):
    """Frames float32 (rows, length, bands) and their validity to mean, deviation and maximum over
    time of each channel of the last map.
    """

    Options: ClassVar[type[EncoderOptions]] = SpectrogramOptions

    def __init__(self, options: SpectrogramOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        self._rules = options
        # Normalised over channels, so that the padding behind a chunk changes nothing in it.
        self.trunk = ResidualTrunk(1, options.widths, options.blocks, "channel", 1)
        self.dropout = nn.Dropout(options.dropout)

    size_classes = powers_of_two(_LEAST_FRAMES, _MOST_FRAMES)

    @property
    def width(self) -> int:
        return 3 * self._rules.widths[-1]

    def extent(self, array: NDArray[np.float32]) -> float:
        return len(array)

    def bounds(self, size_class: int) -> Bounds:
        return Bounds(
            least=max(1, min(4, 1_024 // size_class)),
            most=max(1, 4_096 // size_class),
            spare=max(1, _SPARE_FRAMES // size_class),
        )

    def augment(
        self, decoded: NDArray[np.float32], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        rules = self._rules
        changed = decoded + np.float32(rng.uniform(-rules.gain, rules.gain))
        mean = changed.mean(axis=0)
        length, first = int(rng.integers(0, rules.mask_frames + 1)), rng.random()
        begin = int(first * max(1, len(changed) - length))
        changed[begin : begin + length] = mean
        wide, low = int(rng.integers(0, rules.mask_bands + 1)), rng.random()
        band = int(low * (BANDS - wide + 1))
        changed[:, band : band + wide] = mean[band : band + wide]
        return changed

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        frames = np.zeros((rows, size_class, BANDS), np.float32)
        valid = np.zeros((rows, size_class), np.float32)
        # A row that is not filled still needs one frame to be averaged over.
        valid[:, 0] = 1.0
        for row, array in enumerate(arrays):
            kept = array[:size_class]
            frames[row, : len(kept)] = kept
            valid[row, : len(kept)] = 1.0
        return torch.from_numpy(frames), torch.from_numpy(valid)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal((size_class, BANDS), np.float32)

    def forward(self, frames: Tensor, valid: Tensor) -> Tensor:
        if self._rules.center:
            count = valid.sum(dim=1, keepdim=True).unsqueeze(-1)
            frames = frames - (frames * valid.unsqueeze(-1)).sum(dim=1, keepdim=True) / count
        mask = valid[:, None, :, None]
        maps, kept = self.trunk(frames.unsqueeze(1) * mask, mask)
        there = kept.sum(dim=2).clamp_min(1.0) * maps.shape[3]
        mean = maps.sum(dim=(2, 3)) / there[..., 0]
        spread = (maps * maps).sum(dim=(2, 3)) / there[..., 0] - mean * mean
        deviation = torch.sqrt(spread.clamp_min(0.0) + 1e-6)
        pooled = torch.cat([mean, deviation, maps.amax(dim=(2, 3))], dim=1)
        features: Tensor = self.dropout(pooled)
        return features
