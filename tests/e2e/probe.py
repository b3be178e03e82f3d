"""The real worker with a model that says what it was given.

``python -m tests.e2e.probe`` takes the arguments of ``sensorium``. All of the worker is the real
one; in the place of the torch model is ``Probe``, which needs no second to start and makes visible
which samples, and which parts of them, each window's model saw.
"""

from __future__ import annotations

import asyncio
import hashlib
import sys
from collections.abc import Sequence
from types import ModuleType

from schemas.pipeline import Pipeline
from schemas.result import ModelRef, Result
from schemas.sample import Sample
from schemas.settings import WorkerSettings
from streams.align.types import Window
from streams.compute import BadSample, Fusion
from workers.codecs import cut as cutting
from workers.registry.choice import Opened

#: The task whose label lists what the model was given, and the one that events are made from.
TASK = "samples"
MOOD = "mood"
#: A payload that makes its window's mood loud, and one that takes ``SLOW_S`` to encode.
LOUD = b"loud"
SLOW = b"slow"
SLOW_S = 1.5
_SHORT = 24
_PCM = "audio/pcm"


def named(payload: bytes) -> str:
    """What the probe calls a payload: itself if it is short, else its digest."""
    if len(payload) <= _SHORT:
        return payload.decode()
    return hashlib.blake2b(payload, digest_size=8).hexdigest()


def named_pcm(payload: bytes) -> str:
    """Value of the first 16-bit frame and number of frames: ``400+100``."""
    return f"{int.from_bytes(payload[:2], 'little')}+{len(payload) // 2}"


def given(result: Result) -> list[str]:
    """``sensor=name`` of each sample that a window's model was given, in order."""
    return result.tasks[TASK].label.split()


class Probe:
    """``streams.compute.Compute`` without a network; features are names."""

    model = ModelRef("probe", "1", "00")
    features = "00"
    states = ""
    lanes = 1

    def close(self) -> None:
        """Nothing is open."""

    async def encode(self, samples: Sequence[Sample]) -> list[bytes | BadSample]:
        if any(one.payload == SLOW for one in samples):
            await asyncio.sleep(SLOW_S)
        return [
            (named_pcm if one.content_type.startswith(_PCM) else named)(one.payload).encode()
            for one in samples
        ]

    def interval_us(self, sample: Sample) -> tuple[int, int] | BadSample:
        return cutting.interval_us(sample)

    def cut(self, sample: Sample, bounds_us: Sequence[int]) -> Sequence[Sample] | BadSample:
        return cutting.cut(sample, bounds_us)

    async def fuse(self, windows: Sequence[Window]) -> list[Fusion]:
        return [_answer(window) for window in windows]


async def open_probe(pipeline: Pipeline, worker: WorkerSettings, *_: object) -> Opened:
    """As ``workers.registry.candidate.open_first``."""
    return Opened(Probe())  # type: ignore[arg-type]


def _answer(window: Window) -> Fusion:
    names = " ".join(f"{one.sensor}={one.feature.decode()}" for one in window.samples)
    loud = 1.0 if any(one.feature == LOUD for one in window.samples) else 0.0
    return Fusion({TASK: {names: 1.0}, MOOD: {"loud": loud, "calm": 1.0 - loud}}, {})


if __name__ == "__main__":
    # ``workers.worker`` imports the model when it starts; here it finds the probe in its place.
    stand_in = ModuleType("workers.registry.candidate")
    stand_in.open_first = open_probe  # type: ignore[attr-defined]
    stand_in.open_candidate = open_probe  # type: ignore[attr-defined]
    sys.modules["workers.registry.candidate"] = stand_in

    from workers.cli.entry import run

    run()
