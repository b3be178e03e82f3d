"""Windows and a model that adds up what its samples say: what decides an answer is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence

from schemas.result import ModelRef
from schemas.sample import Modality, Sample
from streams.align.types import SensorTally, Window, WindowSample
from streams.compute import BadSample, Fusion
from workers.backends.base import Decoded

MODALITY_OF = {"video": Modality.VIDEO, "audio": Modality.AUDIO, "notes": Modality.TEXT}
SIZE_US = 1_000_000


def said(input: str, sensor: str, *votes: int) -> list[WindowSample]:
    """Samples of a sensor, each with what it says as its feature: above 0 for ``yes``."""
    return [
        WindowSample(sensor, input, at, at * 1_000, at * 1_000, str(vote).encode())
        for at, vote in enumerate(votes)
    ]


def window(*samples: Sequence[WindowSample], session: str = "s") -> Window:
    every = tuple(one for part in samples for one in part)
    counts: dict[str, int] = {}
    for one in every:
        counts[one.sensor] = counts.get(one.sensor, 0) + 1
    inputs = {one.sensor: one.input for one in every}
    tallies = {
        sensor: SensorTally(inputs[sensor], samples=count, seen=True)
        for sensor, count in counts.items()
    }
    return Window(0, session, 0, SIZE_US, every, tallies, 0)


class AddingModel:
    """``yes`` with the probability 1 / (1 + e^-v), v being the sum of all votes.

    ``batches``: the windows of each call of ``fuse``. ``broken``: windows that it fails for, with
    ``error``.
    """

    ref = ModelRef("adding", "1", "0" * 64)
    modalities: Collection[Modality] = tuple(MODALITY_OF.values())
    tasks: Mapping[str, Sequence[str]] = {"answer": ["no", "yes"]}
    features = "adding"
    lanes = 1

    def __init__(
        self,
        broken: Callable[[Window], bool] = lambda _: False,
        error: Exception = ArithmeticError("broken"),  # noqa: B008  never changed
    ) -> None:
        self.batches: list[list[Window]] = []
        self._broken = broken
        self._error = error

    def decode(self, sample: Sample) -> Decoded | BadSample:
        return sample.payload

    def encode(self, modality: Modality, decoded: Sequence[Decoded]) -> Sequence[bytes]:
        return [bytes(one) for one in decoded]

    def fuse(self, windows: Sequence[Window]) -> Sequence[Fusion]:
        self.batches.append(list(windows))
        if any(map(self._broken, windows)):
            raise self._error
        return [self._answer(one) for one in windows]

    def _answer(self, one: Window) -> Fusion:
        yes = 1.0 / (1.0 + math.exp(-sum(int(sample.feature) for sample in one.samples)))
        return Fusion({"answer": {"no": 1.0 - yes, "yes": yes}}, {})

    def warm(self, max_batch: int) -> None:
        del max_batch

    def close(self) -> None:
        pass
