"""National Early Warning Score 2: bands, aggregate and clinical risk.

Source: Royal College of Physicians, National Early Warning Score (NEWS) 2: Standardising the
assessment of acute-illness severity in the NHS, London 2017, charts 1 and 2. For adults; not for
children under 16 or in pregnancy. A score is no diagnosis.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: The last axis of every array of values and of points. Units: breaths/min, %, 1 on supplemental
#: oxygen and 0 on air, mmHg, beats/min, 0 alert and above for confusion that is new, voice, pain
#: and unresponsive (ACVPU), °C.
PARAMETERS = (
    "respiration",
    "spo2",
    "oxygen",
    "systolic",
    "pulse",
    "consciousness",
    "temperature",
)
RESPIRATION, SPO2, OXYGEN, SYSTOLIC, PULSE, CONSCIOUSNESS, TEMPERATURE = range(len(PARAMETERS))
#: Clinical risk, by what it asks for: routine care, an urgent look by the ward, an urgent and an
#: emergency response.
RISKS = ("low", "low-medium", "medium", "high")
#: The most points there are: 3 for each parameter but oxygen (2).
HIGHEST = 20
#: Points of a parameter that was not measured.
MISSING = -1

#: 1 for most patients, 2 for those with hypercapnic respiratory failure, whose saturation is to be
#: 88 to 92 % by the decision of a clinician.
Scale = Literal[1, 2]

#: First value of each band after the lowest, in chart units (temperature in tenths of a degree),
#: and the points of each band.
_BANDS: dict[int, tuple[tuple[int, ...], tuple[int, ...]]] = {
    RESPIRATION: ((9, 12, 21, 25), (3, 1, 0, 2, 3)),
    SYSTOLIC: ((91, 101, 111, 220), (3, 2, 1, 0, 3)),
    PULSE: ((41, 51, 91, 111, 131), (3, 1, 0, 1, 2, 3)),
    TEMPERATURE: ((351, 361, 381, 391), (3, 1, 0, 1, 2)),
}
_SCALE_1 = ((92, 94, 96), (3, 2, 1, 0))
_SCALE_2_AIR = ((84, 86, 88), (3, 2, 1, 0))
_SCALE_2_OXYGEN = ((84, 86, 88, 93, 95, 97), (3, 2, 1, 0, 1, 2, 3))
#: First saturation on scale 2 that counts otherwise on air than on oxygen.
_SCALE_2_PARTS = 93


@dataclass(frozen=True, slots=True)
class Assessment:
    """Scores of many patients or moments at once.

    ``points``: int64 (..., 7) in the order of ``PARAMETERS``, ``MISSING`` where not measured.
    ``total``: int64 (...), the sum of what was measured: with something missing the true aggregate
    is at least this. ``risk``: int64 (...), index into ``RISKS``, of ``total`` and ``points`` as
    they are. ``measured``: int64 (...), how many of the seven there are.
    """

    points: NDArray[np.int64]
    total: NDArray[np.int64]
    risk: NDArray[np.int64]
    measured: NDArray[np.int64]


def assess(values: NDArray[np.floating], scale: Scale = 1) -> Assessment:
    """Points, aggregate and risk of values (..., 7); NaN is missing.

    Values are rounded half up to what the chart has: whole numbers, temperature to 0.1 °C.

    >>> found = assess(np.array([22.0, 95.0, 0.0, 100.0, 105.0, 0.0, 38.4]))
    >>> found.points.tolist(), int(found.total), RISKS[int(found.risk)]
    ([2, 1, 0, 2, 1, 0, 1], 7, 'high')
    """
    points = points_of(values, scale)
    counted = np.where(points == MISSING, 0, points)
    total = counted.sum(axis=-1)
    risk = np.select(
        [total >= 7, total >= 5, (counted == 3).any(axis=-1)], [3, 2, 1], default=0
    ).astype(np.int64)
    return Assessment(points, total, risk, (points != MISSING).sum(axis=-1))


def points_of(values: NDArray[np.floating], scale: Scale = 1) -> NDArray[np.int64]:
    """Points of each parameter, int64 (..., 7); ``MISSING`` where a value is NaN, and for a
    saturation on scale 2 whose points depend on whether oxygen is given and that is not known.

    Raises ``ValueError`` where the last axis is not of the seven parameters.
    """
    exact = np.asarray(values, np.float64)
    if exact.shape[-1:] != (len(PARAMETERS),):
        raise ValueError(f"expected values (..., {len(PARAMETERS)}), got {exact.shape}")
    known = ~np.isnan(exact)
    filled = np.where(known, exact, 0.0)
    charted = np.floor(filled + 0.5)
    # A value that came as float32 is a little beside 35.05; thousandths of a tenth are above that.
    tenths = np.round(filled[..., TEMPERATURE] * 10.0, 3)
    charted[..., TEMPERATURE] = np.floor(tenths + 0.5)
    points = np.zeros(exact.shape, np.int64)
    for parameter, bands in _BANDS.items():
        points[..., parameter] = _banded(charted[..., parameter], bands)
    points[..., OXYGEN] = np.where(filled[..., OXYGEN] > 0.0, 2, 0)
    points[..., CONSCIOUSNESS] = np.where(filled[..., CONSCIOUSNESS] > 0.0, 3, 0)
    saturation = charted[..., SPO2]
    if scale == 1:
        points[..., SPO2] = _banded(saturation, _SCALE_1)
    else:
        points[..., SPO2] = np.where(
            filled[..., OXYGEN] > 0.0,
            _banded(saturation, _SCALE_2_OXYGEN),
            _banded(saturation, _SCALE_2_AIR),
        )
        known[..., SPO2] &= known[..., OXYGEN] | (saturation < _SCALE_2_PARTS)
    return np.where(known, points, MISSING)


def _banded(
    values: NDArray[np.float64], bands: tuple[tuple[int, ...], tuple[int, ...]]
) -> NDArray[np.int64]:
    starts, points = bands
    found: NDArray[np.int64] = np.asarray(points, np.int64)[
        np.searchsorted(starts, values, side="right")
    ]
    return found
