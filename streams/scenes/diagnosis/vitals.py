"""The bedside monitor: vital signs that follow severity, with noise and gaps."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

#: Per sign: healthy value, change from severity 0 to 1, spread between people, noise per reading,
#: and decimals of the monitor. hr and resp per minute, spo2 in per cent, pressures in mmHg, temp
#: in degrees Celsius.
_SIGNS: Mapping[str, tuple[float, float, float, float, int]] = {
    "hr": (74.0, 52.0, 5.0, 2.0, 0),
    "resp": (14.0, 17.0, 1.0, 0.9, 0),
    "spo2": (97.5, -12.5, 0.6, 0.5, 0),
    "abp_sys": (124.0, -42.0, 6.0, 2.5, 0),
    "abp_dia": (78.0, -26.0, 4.0, 2.0, 0),
    "temp": (36.7, 2.1, 0.15, 0.05, 1),
}
#: Share of readings in which a sign is missing: a cuff that inflates, a probe that slipped.
MISSING = 0.05


@dataclass(frozen=True, slots=True)
class Body:
    """One person's own level of each sign, in the sign's unit, at severity 0."""

    baseline: Mapping[str, float]


def make_body(rng: np.random.Generator) -> Body:
    """A person whose healthy levels differ from the average's."""
    return Body(
        {
            sign: healthy + spread * float(np.clip(rng.standard_normal(), -2.0, 2.0))
            for sign, (healthy, _, spread, _, _) in _SIGNS.items()
        }
    )


def read_monitor(body: Body, severity: float, time_s: float, rng: np.random.Generator) -> bytes:
    """One reading as JSON; a sign that is missing is null.

    A slow wave stands for breathing and vessel tone. ``abp_mean`` follows from the other two
    pressures, so it is missing when one of them is.
    """
    noise, gaps = rng.standard_normal(len(_SIGNS)), rng.random(len(_SIGNS))
    reading: dict[str, float | None] = {}
    for order, (sign, (_, change, _, spread, decimals)) in enumerate(_SIGNS.items()):
        wave = 0.5 * spread * np.sin(2.0 * np.pi * time_s / 90.0 + order)
        value = body.baseline[sign] + change * severity + wave + spread * noise[order]
        value = min(value, 100.0) if sign == "spo2" else value
        reading[sign] = None if gaps[order] < MISSING else round(float(value), decimals)
    systolic, diastolic = reading["abp_sys"], reading["abp_dia"]
    reading["abp_mean"] = (
        None
        if systolic is None or diastolic is None
        else round(diastolic + (systolic - diastolic) / 3.0)
    )
    return json.dumps(reading, separators=(",", ":")).encode()
