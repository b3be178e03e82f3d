"""Words and pairs of words as one hashed vector, for texts of which there are few."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs.text import WORD_BUCKETS
from workers.encoders.base import Bounds, stack
from workers.errors import PartError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.plan import EncoderOptions

_BOUNDS = Bounds(least=4, most=256, spare=8)


class NgramOptions(EncoderOptions):
    """There is nothing to choose: the buckets are those of the text codec."""

    kind: Literal["ngrams"] = "ngrams"


class WordBag(InputEncoder):
    """How often each word and pair of words occurs, hashed (Weinberger et al., ICML 2009), as a
    vector of length 1; zeros for a text without a word.
    """

    Options: ClassVar[type[EncoderOptions]] = NgramOptions
    frozen: ClassVar[bool] = True
    #: Half the bytes; three digits of a count are plenty.
    wire: ClassVar[Literal["float32", "float16"]] = "float16"

    def __init__(self, options: NgramOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        if modality is not Modality.TEXT:
            raise PartError(f"expected text, got {modality.value}")

    @property
    def width(self) -> int:
        return WORD_BUCKETS

    def decode(self, sample: Sample) -> Decoded | BadSample:
        """float32 (width,)."""
        ids = super().decode(sample)
        return ids if isinstance(ids, BadSample) else _bag(ids)

    def bounds(self, size_class: int) -> Bounds:
        return _BOUNDS

    def collate(
        self, arrays: Sequence[NDArray[np.float32]], size_class: int, rows: int
    ) -> tuple[Tensor, ...]:
        return (stack(arrays, rows),)

    def specimen(self, size_class: int, rng: np.random.Generator) -> NDArray[np.float32]:
        return _bag(rng.integers(1, WORD_BUCKETS + 1, 32))

    def forward(self, bags: Tensor) -> Tensor:
        """float32 (rows, width) -> (rows, width)."""
        return bags


def _bag(ids: NDArray[np.int64]) -> NDArray[np.float32]:
    """Of the codec's ids only those of words and pairs: letters told nothing more."""
    words = ids[ids <= WORD_BUCKETS] - 1
    counts = np.bincount(words, minlength=WORD_BUCKETS).astype(np.float64)
    return (counts / max(1e-9, float(np.linalg.norm(counts)))).astype(np.float32)
