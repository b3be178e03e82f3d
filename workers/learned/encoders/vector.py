"""Feature vectors that were computed elsewhere, standardised."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from schemas.content_type import VECTOR
from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs.vector import MAX_WIDTH, VALUE_BYTES, is_vector
from workers.encoders.base import Bounds, stack
from workers.errors import PartError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.standard import Standard
from workers.learned.plan import EncoderOptions

_BOUNDS = Bounds(least=4, most=1_024, spare=32)


class VectorOptions(EncoderOptions):
    """``width``: of the vectors; the training samples tell it. ``limit``: standardised values are
    cut here, so that a value from outside what was trained on cannot drown the others.
    """

    kind: Literal["vector"] = "vector"
    width: int | None = Field(default=None, gt=0, le=65_536)
    limit: float = Field(default=8.0, gt=0.0)


class GivenVector(InputEncoder):
    """Vectors float32 (rows, width) less the training samples' mean, over their deviation."""

    Options: ClassVar[type[EncoderOptions]] = VectorOptions
    frozen: ClassVar[bool] = True

    def __init__(self, options: VectorOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        if options.width is None:
            raise PartError("expected a width, got none; train it first")
        self._width = options.width
        self.standard = Standard(self._width, options.limit)

    @property
    def width(self) -> int:
        return self._width

    @classmethod
    def resolved(
        cls, options: EncoderOptions, modality: Modality, samples: Sequence[Sample]
    ) -> EncoderOptions:
        assert isinstance(options, VectorOptions)
        if options.width is not None:
            return options
        # Of samples that differ the fewer are the bad ones.
        widths = Counter(len(each.payload) // VALUE_BYTES for each in samples)
        width = widths.most_common(1)[0][0] if widths else 0
        if not 0 < width <= MAX_WIDTH:
            raise PartError(f"expected samples of 1 to {MAX_WIDTH} values, got {width}")
        return options.model_copy(update={"width": width})

    def fit(self, decoded: Sequence[Decoded]) -> None:
        self.standard.fit(np.stack(decoded))

    def decode(self, sample: Sample) -> Decoded | BadSample:
        if not is_vector(sample.content_type):
            return BadSample(
                "unknown_content_type",
                "CodecError",
                f"expected {VECTOR}, got {sample.content_type!r:.80}",
            )
        array = super().decode(sample)
        if not isinstance(array, BadSample) and len(array) != self._width:
            return BadSample(
                "wrong_width", "CodecError", f"expected {self._width} values, got {len(array)}"
            )
        return array

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return rng.standard_normal(self._width, np.float32)

    def forward(self, vectors: Tensor) -> Tensor:
        """float32 (rows, width) -> (rows, width)."""
        standard: torch.Tensor = self.standard(vectors)
        return standard
