"""A model that fails where a payload tells it to: by ``workers.backends.base.Model``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.errors import NonFiniteError

#: What a payload begins with that its decoder, its encoder or fusion fails on, and one for which
#: fusion answers NaN. Of a pair, fusion fails on either.
POISON_DECODE = b"!decode"
POISON_ENCODE = b"!encode"
POISON_FUSE = b"!fuse"
POISON_NAN = b"!nan"
TASK = "count"
LABELS = ("none", "some")


class FragileModel:
    """Features are payloads; a window's answer says whether it has samples."""

    ref = ModelRef("fragile", "1", "00")
    modalities = tuple(Modality)
    tasks: Mapping[str, Sequence[str]] = {TASK: LABELS}
    features = "payloads"
    lanes = 1

    def __init__(self) -> None:
        #: Sizes of the batches that were run, failed ones included.
        self.encoded: list[int] = []
        self.fused: list[int] = []

    def decode(self, sample: Sample) -> bytes | BadSample:
        if sample.payload.startswith(POISON_DECODE):
            return BadSample("undecodable", "CodecError", "expected good, got poison")
        return sample.payload

    def encode(self, modality: Modality, decoded: Sequence[bytes]) -> list[bytes]:
        self.encoded.append(len(decoded))
        if any(payload.startswith(POISON_ENCODE) for payload in decoded):
            raise RuntimeError("a kernel failed")
        return list(decoded)

    def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        self.fused.append(len(windows))
        features = [sample.feature for window in windows for sample in window.samples]
        if any(feature.startswith(POISON_FUSE) for feature in features):
            raise RuntimeError("a kernel failed")
        if any(feature.startswith(POISON_NAN) for feature in features):
            raise NonFiniteError("a probability is NaN")
        return [self._answer(window) for window in windows]

    def _answer(self, window: Window) -> Fusion:
        some = 1.0 if window.samples else 0.0
        return Fusion({TASK: {"none": 1.0 - some, "some": some}}, {})

    def warm(self, max_batch: int) -> None:
        """Nothing to run."""

    def close(self) -> None:
        """Nothing is open."""
