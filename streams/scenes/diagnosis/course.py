"""How a patient fares: severity and lung opacity over time. The encounter's truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from streams.scenes.curves import Curve, Steps

#: Severity, 0 to 1, up to which a patient is stable, the band of deterioration, and from which
#: they are critical. Between the bands a window has no label.
STABLE_BELOW = 0.2
DETERIORATING = (0.4, 0.62)
CRITICAL_ABOVE = 0.8
CONDITIONS = ("stable", "deteriorating", "critical")
_PLATEAUS = {"stable": (0.0, 0.14), "deteriorating": (0.44, 0.58), "critical": (0.85, 1.0)}

#: Strength of an opacity, 0 to 1, up to which a picture is normal and from which it is not.
CLEAR_BELOW = 0.05
OPAQUE_ABOVE = 0.6
#: Moments of a window at which its label is checked, seconds apart.
CHECK_S = 5.0


@dataclass(frozen=True, slots=True)
class Course:
    """One patient over scene time in seconds: severity and density of an opacity, both 0 to 1.

    ``place`` numbers the opacities: each new one appears in a place of its own.
    """

    severity: Curve
    opacity: Curve
    place: Steps[int]

    def condition(self, start_s: float, end_s: float) -> str | None:
        """The one condition of a span; ``None`` in a band between two."""
        count = max(2, round((end_s - start_s) / CHECK_S) + 1)
        found = {grade(self.severity.at(t)) for t in np.linspace(start_s, end_s, count)}
        return found.pop() if len(found) == 1 else None

    def finding(self, time_s: float) -> str | None:
        """What a picture taken at a moment shows; ``None`` for a faint opacity."""
        strength = self.opacity.at(time_s)
        if strength < CLEAR_BELOW:
            return "normal"
        return "opacity" if strength > OPAQUE_ABOVE else None


def grade(severity: float) -> str | None:
    """The condition at a severity; ``None`` between two bands.

    >>> grade(0.5), grade(0.3)
    ('deteriorating', None)
    """
    if severity < STABLE_BELOW:
        return "stable"
    if severity > CRITICAL_ABOVE:
        return "critical"
    low, high = DETERIORATING
    return "deteriorating" if low <= severity <= high else None


def plan_course(duration_s: float, rng: np.random.Generator) -> Course:
    """A course of at least ``duration_s``: plateaus of minutes, gradual changes between them."""
    level = int(rng.integers(3))
    now = -300.0
    points = []
    while now < duration_s:
        low, high = _PLATEAUS[CONDITIONS[level]]
        stay_s = float(rng.uniform(300.0, 900.0))
        points += [(now, float(rng.uniform(low, high))), (now + stay_s, rng.uniform(low, high))]
        now += stay_s + float(rng.uniform(90.0, 240.0))
        # Worse or better by one step, and from the middle either way.
        level = 1 if level != 1 else int(rng.choice([0, 2]))
    return Course(Curve(points), *_opacity(duration_s, rng))


def _opacity(duration_s: float, rng: np.random.Generator) -> tuple[Curve, Steps[int]]:
    shown = bool(rng.integers(2))
    now = -300.0
    points: list[tuple[float, float]] = []
    places = [(now, 0)]
    while now < duration_s:
        strength = float(rng.uniform(0.75, 1.0)) if shown else 0.0
        if not shown and points:
            places.append((now, len(places)))
        stay_s = float(rng.uniform(400.0, 1200.0))
        points += [(now, strength), (now + stay_s, strength)]
        now += stay_s + float(rng.uniform(60.0, 150.0))
        shown = not shown
    return Curve(points), Steps(places)
