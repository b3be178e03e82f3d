"""From the channels of a monitor to the parameters of NEWS2."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from workers.clinical.news2 import PARAMETERS
from workers.codecs.series import canonical

#: Parameter -> the channels that tell it, the first that has a value; the arterial line before the
#: cuff. Units as in ``workers.clinical.news2.PARAMETERS``.
CHANNELS: Mapping[str, tuple[str, ...]] = {
    "respiration": ("resp",),
    "spo2": ("spo2",),
    "oxygen": ("oxygen",),
    "systolic": ("abp_sys", "nbp_sys", "systolic"),
    "pulse": ("hr", "pulse"),
    "consciousness": ("consciousness",),
    "temperature": ("temp",),
}
#: Parameter -> the least and the most that is taken for a measurement, both ends included. Beyond
#: what a monitored adult can have, a value tells of a lost signal (0), a fault, or another unit:
#: °F, a share of 1, kPa, Hz, the Glasgow scale. Scored, it would raise or hide an alarm.
PLAUSIBLE: Mapping[str, tuple[float, float]] = {
    "respiration": (1.0, 120.0),
    "spo2": (20.0, 100.5),
    "oxygen": (0.0, 100.0),
    "systolic": (30.0, 350.0),
    "pulse": (10.0, 350.0),
    "consciousness": (0.0, 4.0),
    "temperature": (13.0, 47.0),
}


def parameters_of(channels: Mapping[str, Sequence[float | None]]) -> NDArray[np.float64]:
    """The newest plausible value of each parameter, float64 (7,) in the order of ``PARAMETERS``;
    NaN where there is none. ``channels``: name -> values in order of time, ``None`` where missing.

    >>> found = parameters_of({"HR": [80, 82], "NBP Sys": [120], "SpO2": [0]})
    >>> [None if np.isnan(value) else float(value) for value in found]
    [None, None, None, 120.0, 82.0, None, None]
    """
    named: dict[str, list[Sequence[float | None]]] = {}
    # Two spellings of one channel: the one that is its name comes first.
    for name in sorted(channels, key=lambda name: canonical(name) != name):
        named.setdefault(canonical(name), []).append(channels[name])
    return np.array([_newest(parameter, named) for parameter in PARAMETERS])


def _newest(parameter: str, named: Mapping[str, Sequence[Sequence[float | None]]]) -> float:
    least, most = PLAUSIBLE[parameter]
    for channel in CHANNELS[parameter]:
        for values in named.get(channel, ()):
            for value in reversed(values):
                if value is not None and least <= value <= most:
                    return float(value)
    return float("nan")
