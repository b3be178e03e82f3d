"""Payloads in place of features: checked as the stream checks them, and kept in a spool."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.codecs import cut as cutting
from workers.codecs import decode_any
from workers.errors import OfflineError
from workers.offline.spool import Spool


class RawCompute:
    """``streams.compute.Compute`` without a network: the feature is a reference into the spool.

    A payload that cannot be decoded is a bad sample here as in the stream, or the windows would
    differ. (What only an encoder finds wrong is found with features ``encoded``.)
    """

    def __init__(self, spool: Spool) -> None:
        self._spool = spool

    @property
    def model(self) -> ModelRef:
        """No model: what was read is passed on."""
        return ModelRef("raw", "", "")

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        """A reference or a bad sample for each sample, in order."""
        checked = await asyncio.to_thread(lambda: [_check(sample) for sample in samples])
        return [
            self._spool.put(sample.content_type, sample.payload) if bad is None else bad
            for sample, bad in zip(samples, checked, strict=True)
        ]

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """See ``workers.codecs.cut.interval_us``."""
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """See ``workers.codecs.cut.cut``."""
        return cutting.cut(sample, bounds_us)

    @property
    def features(self) -> str:
        """None are made."""
        return ""

    @property
    def states(self) -> str:
        """None is kept."""
        return ""

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """Raises ``OfflineError``: there is no model that takes raw payloads."""
        raise OfflineError(
            f"expected windows of features to fuse, got {len(windows)} of raw payloads; align "
            "with features 'encoded'"
        )


def _check(sample: Sample) -> BadSample | None:
    decoded = decode_any(sample.modality, sample.content_type, sample.payload)
    return decoded if isinstance(decoded, BadSample) else None
