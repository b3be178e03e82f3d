"""Modality dropout: what a model does not see in training it can do without in service."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from workers.train.scenes.recording import LabelledWindow


@dataclass(frozen=True, slots=True)
class Dropout:
    """Chances per window that a modality or a sensor is absent, and how many samples of a sensor
    are looked at in one step: fewer are quicker, and which ones changes from epoch to epoch.
    """

    modality: float = 0.12
    sensor: float = 0.08
    samples_per_sensor: int = 3


def _absent(values: NDArray[np.int64], chance: float, rng: np.random.Generator) -> set[int]:
    kinds = sorted(set(values.tolist()))
    absent = {kind for kind in kinds if rng.random() < chance}
    # Never everything: a window without samples teaches nothing but the labels' frequencies.
    if len(absent) == len(kinds) and kinds:
        absent.discard(kinds[int(rng.integers(len(kinds)))])
    return absent


def drop(window: LabelledWindow, how: Dropout, rng: np.random.Generator) -> LabelledWindow:
    """The window less whole modalities, whole sensors, and all but a few samples of each sensor."""
    gone = _absent(window.modalities, how.modality, rng)
    keep = ~np.isin(window.modalities, sorted(gone))
    silent = _absent(window.sensors[keep], how.sensor, rng)
    keep &= ~np.isin(window.sensors, sorted(silent))
    for sensor in sorted(set(window.sensors[keep].tolist())):
        own = np.flatnonzero(keep & (window.sensors == sensor))
        if len(own) > how.samples_per_sensor:
            spared = rng.choice(own, how.samples_per_sensor, replace=False)
            keep[own] = False
            keep[spared] = True
    return window.only(keep)
