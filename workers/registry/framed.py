"""Features of two models side by side, for a shadow whose encoders are not the primary's.

Where several models answer one window (``workers.backends.several``) each of them matters; here
only the primary does, so that the shadow's part of a feature may be missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import cast

import msgspec

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Compute, Dropped, Fusion
from workers.backends.frames import Gap, pack, unpack

log = logging.getLogger(__name__)

#: How much longer than the primary's own encoding a chunk may take for the shadow's, seconds: no
#: result is later by more for it.
_PATIENCE_S = 0.05
#: Chunks that the shadow may be encoding, late ones included; a chunk more is left to the primary
#: alone. A chunk has at most ``worker.chunk_bytes``.
_MAX_UNDER_WAY = 4


def framed_features(primary: str, shadow: str) -> str:
    """The digest of features that both made."""
    return f"{primary}+{shadow}"


def _with_features(window: Window, features: Sequence[bytes]) -> Window:
    samples = tuple(
        msgspec.structs.replace(sample, feature=feature)
        for sample, feature in zip(window.samples, features, strict=True)
    )
    return msgspec.structs.replace(window, samples=samples)


def primary_part(window: Window) -> Window:
    """The window as the primary would have it without a shadow."""
    features = [unpack(sample.feature)[0] for sample in window.samples]
    assert not any(isinstance(feature, Gap) for feature in features)
    return _with_features(window, cast("list[bytes]", features))


def shadow_part(window: Window) -> Window | None:
    """The window for the shadow; ``None`` where one of its features is missing."""
    features = [unpack(sample.feature)[1] for sample in window.samples]
    if any(isinstance(feature, Gap) for feature in features):
        return None
    return _with_features(window, cast("list[bytes]", features))


class FramedCompute:
    """``streams.compute.Compute`` of a primary, whose features carry the shadow's along.

    What the shadow makes of a sample decides nothing: one that it refuses, fails on or is late
    with has no feature of it. Closing the two models is their owners' part.
    """

    def __init__(self, primary: Compute, shadow: Compute) -> None:
        self._primary = primary
        self._shadow = shadow
        self._under_way: set[asyncio.Task[list[bytes | Gap]]] = set()
        self._failed = False

    @property
    def model(self) -> ModelRef:
        """The primary."""
        return self._primary.model

    @property
    def features(self) -> str:
        """Of both."""
        return framed_features(self._primary.features, self._shadow.features)

    @property
    def states(self) -> str:
        """The primary's: a shadow keeps none."""
        return self._primary.states

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """The primary's."""
        return self._primary.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """The primary's."""
        return self._primary.cut(sample, bounds_us)

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample | Dropped]:
        """The primary's features and refusals, with the shadow's features beside them. Raises what
        the primary raises.
        """
        shadow = self._begin(samples)
        features = await self._primary.encode(samples)
        extra = await self._extra(shadow, len(samples))
        return [
            pack([feature, more]) if isinstance(feature, bytes) else feature
            for feature, more in zip(features, extra, strict=True)
        ]

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """The primary's answers. Raises what it raises."""
        return await self._primary.fuse([primary_part(window) for window in windows])

    def _begin(self, samples: Sequence[Sample]) -> asyncio.Task[list[bytes | Gap]] | None:
        if len(self._under_way) >= _MAX_UNDER_WAY:
            return None
        task = asyncio.create_task(self._shadow_features(samples))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _shadow_features(self, samples: Sequence[Sample]) -> list[bytes | Gap]:
        """Raises nothing: what fails has no feature."""
        try:
            features = await self._shadow.encode(samples)
        except Exception as error:
            if not self._failed:
                log.warning("the shadow fails to encode: %s: %s", type(error).__name__, error)
            self._failed = True
            return [Gap.FAILED] * len(samples)
        self._failed = False
        return [one if isinstance(one, bytes) else Gap.FAILED for one in features]

    async def _extra(
        self, task: asyncio.Task[list[bytes | Gap]] | None, count: int
    ) -> list[bytes | Gap]:
        if task is not None:
            await asyncio.wait({task}, timeout=_PATIENCE_S)
            if task.done():
                return task.result()
        return [Gap.FAILED] * count
