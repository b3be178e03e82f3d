"""Answers to labelled windows, by the calls that a worker makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.align.types import Window
from workers.datasets.windows import LabelledWindow, LabelledWindows
from workers.learned.model import LearnedModel
from workers.train.sample_cache import SampleCache

#: Windows fused at a time.
_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Predictions:
    """``probabilities``: task -> float64 (windows, labels), NaN where a task is not answered.
    ``shares``: modality -> float64 (windows,), 0 where it is absent.
    """

    probabilities: Mapping[str, NDArray[np.float64]]
    shares: Mapping[str, NDArray[np.float64]]


def predict(
    model: LearnedModel, windows: LabelledWindows, cache: SampleCache | None = None
) -> Predictions:
    """The model's answer to each window, in order: decoded, encoded and fused as in the stream,
    where a sample that cannot be decoded is diverted and its window fused without it.

    ``cache``: of ``windows.samples``, where the same samples are asked about more than once.
    """
    cache = cache or SampleCache(windows.samples)
    features = cache.features(model, windows.used().tolist())
    fused = []
    for start in range(0, len(windows), _AT_ONCE):
        some = [_filled(one, features) for one in windows.windows[start : start + _AT_ONCE]]
        fused += model.fuse(some)
    return Predictions(
        {
            task: np.asarray(
                [[one.tasks.get(task, {}).get(label, np.nan) for label in labels] for one in fused]
            )
            for task, labels in model.tasks.items()
        },
        {
            modality.value: np.asarray([one.modalities.get(modality, 0.0) for one in fused])
            for modality in model.modalities
        },
    )


def _filled(window: LabelledWindow, features: Mapping[int, bytes | None]) -> Window:
    kept = []
    positions: Sequence[int] = window.positions.tolist()
    for sample, position in zip(window.window.samples, positions, strict=True):
        feature = features[position]
        if feature is not None:
            kept.append(msgspec.structs.replace(sample, feature=feature))
    return msgspec.structs.replace(window.window, samples=tuple(kept))
