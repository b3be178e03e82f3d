"""A compute that encodes each payload once: the same data is looked at in several ways."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Compute, Dropped, Fusion

#: Bytes of features that are kept; what is beyond is encoded again.
_MOST_BYTES = 256_000_000

_Key = tuple[str, str, int, bytes]


class Remembering:
    """``streams.compute.Compute`` around another one.

    A feature is known by its sample's input, content type, length in time and payload; event times
    do not enter it. Samples that could not be encoded are not remembered. Those of inputs that are
    not in ``inputs`` get an empty feature: windows stay the same for a model that knows fewer
    inputs, which must not be given them to fuse.
    """

    def __init__(self, inner: Compute, inputs: Collection[str]) -> None:
        self._inner = inner
        self._inputs = frozenset(inputs)
        self._known: dict[_Key, bytes] = {}
        self._bytes = 0

    @property
    def model(self) -> ModelRef:
        """The model that answers."""
        return self._inner.model

    @property
    def features(self) -> str:
        """See ``Compute.features``."""
        return self._inner.features

    @property
    def states(self) -> str:
        """See ``Compute.states``."""
        return self._inner.states

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """See ``Cutter.interval_us``."""
        return self._inner.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """See ``Cutter.cut``."""
        return self._inner.cut(sample, bounds_us)

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample | Dropped]:
        """See ``Compute.encode``."""
        keys = [_key(sample) for sample in samples]
        out: list[bytes | BadSample | Dropped] = [self._known.get(key, b"") for key in keys]
        new = [
            at
            for at, key in enumerate(keys)
            if key not in self._known and samples[at].input in self._inputs
        ]
        found = await self._inner.encode([samples[at] for at in new]) if new else []
        for at, feature in zip(new, found, strict=True):
            out[at] = feature
            if isinstance(feature, bytes) and self._bytes + len(feature) <= _MOST_BYTES:
                self._known[keys[at]] = feature
                self._bytes += len(feature)
        return out

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """See ``Compute.fuse``."""
        return await self._inner.fuse(windows)


def _key(sample: Sample) -> _Key:
    digest = hashlib.blake2b(sample.payload, digest_size=16).digest()
    return sample.input, sample.content_type, sample.end_us - sample.start_us, digest
