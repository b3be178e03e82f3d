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
    "oxygen": ("oxygen", "supplemental_oxygen"),
    "systolic": ("abp_sys", "nbp_sys"),
    "pulse": ("hr", "pulse"),
    "consciousness": ("consciousness", "acvpu"),
    "temperature": ("temp",),
}
#: A monitor that gets no signal says 0, which none of these is in a patient who is monitored.
_ZERO_IS_MISSING = frozenset({"respiration", "spo2", "systolic", "pulse", "temperature"})


def parameters_of(channels: Mapping[str, Sequence[float | None]]) -> NDArray[np.float64]:
    """The newest value of each parameter, float64 (7,) in the order of ``PARAMETERS``; NaN where
    there is none. ``channels``: name -> values in order of time, ``None`` where missing.

    >>> found = parameters_of({"HR": [80, 82], "NBP Sys": [120], "SpO2": [0]})
    >>> [None if np.isnan(value) else float(value) for value in found]
    [None, None, None, 120.0, 82.0, None, None]
    """
    named = {canonical(name): values for name, values in channels.items()}
    return np.array([_newest(parameter, named) for parameter in PARAMETERS])


def _newest(parameter: str, named: Mapping[str, Sequence[float | None]]) -> float:
    for channel in CHANNELS[parameter]:
        for value in reversed(named.get(channel, ())):
            if value is None or not np.isfinite(value) or value < 0:
                continue
            if value == 0 and parameter in _ZERO_IS_MISSING:
                continue
            return float(value)
    return float("nan")
