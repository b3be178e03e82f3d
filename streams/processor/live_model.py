"""The model that serves now, behind the one ``Compute`` that intake and fusion hold."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from schemas.result import ModelRef
from schemas.sample import Sample
from streams.align.types import Window
from streams.compute import BadSample, Compute, Dropped, Fusion


class _Serving:
    """One model and the calls to it that are under way."""

    __slots__ = ("calls", "compute", "idle")

    def __init__(self, compute: Compute) -> None:
        self.compute = compute
        self.calls = 0
        self.idle = asyncio.Event()
        self.idle.set()

    @contextmanager
    def call(self) -> Iterator[Compute]:
        self.calls += 1
        self.idle.clear()
        try:
            yield self.compute
        finally:
            self.calls -= 1
            if not self.calls:
                self.idle.set()


class LiveModel:
    """``streams.compute.Compute`` by whichever model serves; a call is answered by the one that
    served when it began.
    """

    def __init__(self, compute: Compute) -> None:
        self._serving = _Serving(compute)

    @property
    def model(self) -> ModelRef:
        """The model that serves."""
        return self._serving.compute.model

    @property
    def features(self) -> str:
        """What its features depend on."""
        return self._serving.compute.features

    @property
    def states(self) -> str:
        """What its state is of."""
        return self._serving.compute.states

    async def encode(self, samples: Sequence[Sample]) -> Sequence[bytes | BadSample | Dropped]:
        """See ``Compute.encode``."""
        with self._serving.call() as compute:
            return await compute.encode(samples)

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        """See ``Compute.interval_us``."""
        return self._serving.compute.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        """See ``Compute.cut``."""
        return self._serving.compute.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        """See ``Compute.fuse``."""
        with self._serving.call() as compute:
            return await compute.fuse(windows)

    def exchange(self, compute: Compute) -> asyncio.Event:
        """Serve by another model from now on; the event is set once no call to the former one is
        under way.
        """
        former, self._serving = self._serving, _Serving(compute)
        return former.idle
