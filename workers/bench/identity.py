"""A model that costs nothing: what remains is transport and alignment."""

from __future__ import annotations

from collections.abc import Sequence

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.bench.oracle import digest
from workers.bench.workload import FEATURE_BYTES, SEQUENCE_BYTES

#: The task whose label is the digest of the window's samples.
TASK = "samples"


class Identity:
    """A sample's feature is the first bytes of its payload; the answer says which samples
    the model was given.
    """

    model = ModelRef("identity", "1", "00")
    features = "00"
    states = ""

    def __init__(self, feature_bytes: int = FEATURE_BYTES) -> None:
        self._feature_bytes = feature_bytes

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        return [sample.payload[: self._feature_bytes] for sample in samples]

    def interval_us(self, sample: Sample) -> tuple[int, int]:
        return sample.start_us, sample.end_us

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample]:
        return [sample]

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [
            Fusion(
                {TASK: {digest(each.feature[:SEQUENCE_BYTES] for each in window.samples): 1.0}},
                {"points": 1.0},
            )
            for window in windows
        ]
