"""Words as a learned sum of their n-grams and, where asked for, a sentence vector beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from schemas.sample import Modality, Sample
from streams.compute import BadSample
from workers.codecs.media_type import parse_media_type
from workers.codecs.text import read_text
from workers.encoders.base import Bounds, powers_of_two
from workers.errors import CodecError
from workers.learned.encoders.base import Decoded, InputEncoder
from workers.learned.encoders.sentence import SentenceOptions, SentenceVectors
from workers.learned.encoders.standard import Standard
from workers.learned.plan import EncoderOptions
from workers.learned.text.ngrams import MAX_GRAMS, Grams, grams_of

#: Spread of a sentence vector's values beside those of the n-grams, which start small and grow as
#: they are learned: so neither drowns the other.
_SENTENCE_SPREAD = 0.2
#: Length of an n-gram's vector before training.
_START_SPREAD = 0.5


class Words(NamedTuple):
    """One text: its n-grams, and its sentence vector float32 (384,) or (0,)."""

    grams: Grams
    sentence: NDArray[np.float32]


class WordsOptions(EncoderOptions):
    """``buckets``: how many n-grams are told apart. ``width``: of their sum. ``gram_dropout``:
    share of a text's n-grams that a training step does not see. ``sentence_vectors``: of the
    packaged model (the extra ``text``) beside the n-grams.
    """

    kind: Literal["words"] = "words"
    buckets: int = Field(default=32_768, ge=64, le=1_048_576)
    width: int = Field(default=128, gt=0, le=1_024)
    gram_dropout: float = Field(default=0.3, ge=0.0, lt=1.0)
    sentence_vectors: bool = False


class WordsEncoder(InputEncoder):
    """TF-IDF weights of length 1 times a table of vectors (as fastText: Joulin et al., EACL 2017),
    then the standardised sentence vector.

    An n-gram that no training text has weighs nothing.
    """

    Options: ClassVar[type[EncoderOptions]] = WordsOptions
    size_classes = powers_of_two(64, MAX_GRAMS)
    rarity: Tensor

    def __init__(self, options: WordsOptions, modality: Modality) -> None:
        super().__init__(options, modality)
        self._buckets = options.buckets
        self._gram_dropout = options.gram_dropout
        self.table = nn.Parameter(
            torch.randn(1 + options.buckets, options.width) * (_START_SPREAD / options.width**0.5)
        )
        self.register_buffer("rarity", torch.ones(1 + options.buckets))
        self._sentences = (
            SentenceVectors(SentenceOptions(), modality) if options.sentence_vectors else None
        )
        self._sentence_width = 0 if self._sentences is None else self._sentences.width
        self.standard = None if self._sentences is None else Standard(self._sentence_width)

    @property
    def width(self) -> int:
        return self.table.shape[1] + self._sentence_width

    def foundation(self) -> str:
        return "" if self._sentences is None else self._sentences.foundation()

    def fit(self, decoded: Sequence[Words]) -> None:
        """The inverse document frequency of each bucket (Spärck Jones, J. Documentation, 1972)."""
        seen = np.zeros(1 + self._buckets)
        for one in decoded:
            seen[one.grams.buckets] += 1
        rarity = np.where(seen > 0, 1.0 + np.log((1 + len(decoded)) / (1 + seen)), 0.0)
        self.rarity.copy_(torch.from_numpy(rarity.astype(np.float32)))
        if self.standard is not None:
            self.standard.fit(np.stack([one.sentence for one in decoded]))

    def decode(self, sample: Sample) -> Decoded | BadSample:
        if not sample.payload:
            return BadSample("empty_value", "CodecError", "expected text, got no bytes")
        try:
            text, _ = read_text(sample.payload, parse_media_type(sample.content_type))
        except CodecError as error:
            return BadSample(error.reason, "CodecError", str(error))
        return Words(grams_of(text, self._buckets), self._sentence(sample))

    def _sentence(self, sample: Sample) -> NDArray[np.float32]:
        """Once a sample, since nothing of it is trained; alone, so that the others of a batch have
        no influence.
        """
        if self._sentences is None:
            return np.zeros(0, np.float32)
        one: Decoded = self._sentences.decode(sample)
        with torch.inference_mode():
            vectors: Tensor = self._sentences(*self._sentences.collate([one], len(one.ids), 1))
        return vectors[0].numpy()

    def extent(self, array: Decoded) -> float:
        return float(len(array.grams.buckets))

    def bounds(self, size_class: int) -> Bounds:
        return Bounds(least=4, most=max(8, 65_536 // size_class), spare=max(1, 2_048 // size_class))

    def collate(self, arrays: Sequence[Decoded], size_class: int, rows: int) -> tuple[Tensor, ...]:
        buckets = np.zeros((rows, size_class), np.int64)
        counts = np.zeros((rows, size_class), np.float32)
        sentences = np.zeros((rows, self._sentence_width), np.float32)
        for row, one in enumerate(arrays):
            length = min(len(one.grams.buckets), size_class)
            buckets[row, :length] = one.grams.buckets[:length]
            counts[row, :length] = one.grams.counts[:length]
            sentences[row] = one.sentence
        return tuple(torch.from_numpy(each) for each in (buckets, counts, sentences))

    def specimen(self, size_class: int, rng: np.random.Generator) -> Decoded:
        buckets = np.sort(rng.integers(1, 1 + self._buckets, size_class, np.int64))
        counts = np.ones(size_class, np.float32)
        return Words(Grams(buckets, counts), rng.standard_normal(self._sentence_width, np.float32))

    def forward(self, buckets: Tensor, counts: Tensor, sentences: Tensor) -> Tensor:
        """Buckets int64 and counts float32 (rows, length), 0 being padding, and sentences float32
        (rows, 384 or 0), to (rows, width).
        """
        weights = counts * self.rarity[buckets]
        weights = weights / weights.norm(dim=1, keepdim=True).clamp_min(1e-6)
        weights = functional.dropout(weights, self._gram_dropout, self.training)
        total = functional.embedding_bag(
            buckets, self.table, mode="sum", per_sample_weights=weights
        )
        if self.standard is None:
            return total
        return torch.cat([total, _SENTENCE_SPREAD * self.standard(sentences)], dim=1)
