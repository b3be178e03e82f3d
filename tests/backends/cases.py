"""What the conformance tests need to know of a kind of model, and samples and windows for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from schemas.sample import Modality, Sample
from streams.align.types import Window, WindowSample
from streams.compute import BadSample, Fusion
from tests.workers.payloads import example, sample
from workers.backends.base import Model
from workers.backends.opening import Surroundings

#: Of the pipeline that all cases serve: one input per modality, of its name.
MODALITY_OF = {modality.value: modality for modality in Modality}
WHERE = Surroundings(MODALITY_OF, device="cpu", threads=1)


@dataclass(frozen=True)
class Case:
    """One kind of model.

    ``open``: a new model each time, the same one. ``other``: one that encodes otherwise.
    ``exact``: answers do not depend on the batch to the last bit; else to ``tolerance``.
    """

    open: Callable[[], Model]
    other: Callable[[], Model]
    exact: bool = True
    tolerance: float = 1e-4


def samples(model: Model, per_modality: int = 5) -> list[Sample]:
    """Valid samples of every modality that the model takes, mixed."""
    return [one(m, seed) for seed in range(per_modality) for m in sorted(model.modalities)]


def one(modality: Modality, seed: int = 0) -> Sample:
    content_type, payload = example(modality, seed)
    return sample(modality, content_type, payload, offset=seed, input=modality.value)


def features(model: Model, given: Sequence[Sample]) -> list[bytes]:
    """Each sample decoded, and encoded in batches of its modality."""
    decoded = [model.decode(each) for each in given]
    assert not any(isinstance(each, BadSample) for each in decoded)
    out: dict[int, bytes] = {}
    for modality in model.modalities:
        places = [i for i, each in enumerate(given) if each.modality is modality]
        if places:
            found = model.encode(modality, [decoded[i] for i in places])
            out.update(zip(places, found, strict=True))
    return [out[i] for i in range(len(given))]


def window(given: Sequence[Sample], encoded: Sequence[bytes], start_us: int = 0) -> Window:
    """A window of 2 s in which the samples lie one after the other."""
    step_us = 2_000_000 // max(1, len(given))
    held = tuple(
        WindowSample(
            each.sensor,
            each.input,
            each.offset,
            start_us + place * step_us,
            start_us + place * step_us + step_us // 2,
            feature,
        )
        for place, (each, feature) in enumerate(zip(given, encoded, strict=True))
    )
    return Window(0, "s", start_us, start_us + 2_000_000, held, {}, 0)


def windows(model: Model, count: int = 12) -> list[Window]:
    """Windows of different lengths and modalities, the first without a sample."""
    given = samples(model)
    encoded = features(model, given)
    rng = np.random.default_rng(0)
    out = []
    for number in range(count):
        chosen = sorted(rng.choice(len(given), min(number, len(given)), replace=False))
        out.append(window([given[i] for i in chosen], [encoded[i] for i in chosen]))
    return out


def distance(first: Fusion, second: Fusion) -> float:
    """Largest difference of a probability; 0 where neither has an answer."""
    assert {t: set(p) for t, p in first.tasks.items()} == {
        t: set(p) for t, p in second.tasks.items()
    }
    return max(
        (
            abs(value - second.tasks[task][label])
            for task, probabilities in first.tasks.items()
            for label, value in probabilities.items()
        ),
        default=0.0,
    )
