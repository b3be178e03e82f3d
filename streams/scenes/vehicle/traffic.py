"""What is around the vehicle at any moment, and the labels that follow from it.

Vehicle frame: x forward from the sensors, y left, z up from the road, metres. Three lanes of 3.5 m,
ours in the middle; pavements begin 5.6 m to either side.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from streams.scenes.curves import Curve

CAR, PEDESTRIAN, POLE = "car", "pedestrian", "pole"

#: Corridor ahead, by the lateral distance of an object's nearer edge and its distance. Between the
#: two bounds of a pair no sensor could say, and the moment has no label.
EDGE_IN_M, EDGE_OUT_M = 0.9, 1.6
AHEAD_IN_M, AHEAD_OUT_M = 37.0, 45.0
NEAR_M, FAR_M = 10.5, 13.5
#: Two different obstacles closer together than this have no clear nearest one.
TIE_M = 1.5
#: Farther away nothing is rendered.
SIGHT_M = 90.0
#: Moments of a window at which its label is checked, seconds apart.
CHECK_S = 0.05


@dataclass(frozen=True, slots=True)
class Shape:
    """An upright box: metres, and a number from 0 to 1 from which looks are derived."""

    kind: str
    width: float
    height: float
    length: float
    tint: float


@dataclass(frozen=True, slots=True)
class Thing:
    """A shape in the vehicle frame: ``x`` of its nearest face, ``y`` of its middle, metres.

    ``closing``: dx/dt in m/s, negative when it comes nearer.
    """

    shape: Shape
    x: float
    y: float
    closing: float

    @property
    def edge(self) -> float:
        """Lateral distance of its nearer edge from our middle line, below 0 when across it."""
        return abs(self.y) - self.shape.width / 2


@dataclass(frozen=True, slots=True)
class Mover:
    """A shape with a path relative to the vehicle; it exists while its ``x`` curve runs."""

    shape: Shape
    x: Curve
    y: Curve


@dataclass(frozen=True, slots=True)
class Fixture:
    """Something beside the road, at ``along`` metres of the vehicle's odometer."""

    shape: Shape
    along: float
    y: float


@dataclass(slots=True)
class Traffic:
    """Movers and fixtures around one drive.

    ``odometer_m``: distance driven at every tenth of a second. ``fixtures`` ascend by ``along``.
    """

    movers: Sequence[Mover]
    fixtures: Sequence[Fixture]
    odometer_m: np.ndarray[tuple[int], np.dtype[np.float64]]
    #: whole second -> movers that exist in some part of it
    _by_second: dict[int, list[Mover]] = field(default_factory=lambda: defaultdict(list))
    _along: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        for mover in self.movers:
            for second in range(int(np.floor(mover.x.start)), int(np.floor(mover.x.end)) + 1):
                self._by_second[second].append(mover)
        self._along = [fixture.along for fixture in self.fixtures]

    def driven_m(self, time_s: float) -> float:
        """Distance driven since the start."""
        position = min(max(time_s * 10.0, 0.0), len(self.odometer_m) - 1.001)
        index = int(position)
        before, after = self.odometer_m[index], self.odometer_m[index + 1]
        return float(before + (position - index) * (after - before))

    def speed_m_s(self, time_s: float) -> float:
        """The vehicle's own speed."""
        return (self.driven_m(time_s + 0.1) - self.driven_m(time_s)) / 0.1

    def road_users(self, time_s: float) -> list[Thing]:
        """Cars, and people on the road, within sight or just passed, in no order."""
        present = []
        for mover in self._by_second.get(int(np.floor(time_s)), ()):
            if mover.x.start <= time_s <= mover.x.end:
                x = mover.x.at(time_s)
                if -8.0 < x < SIGHT_M:
                    closing = (mover.x.at(time_s + 0.05) - x) / 0.05
                    present.append(Thing(mover.shape, x, mover.y.at(time_s), closing))
        return present

    def things(self, time_s: float) -> list[Thing]:
        """All that sensors could see at a moment, farthest first."""
        driven, speed = self.driven_m(time_s), self.speed_m_s(time_s)
        first, last = np.searchsorted(self._along, [driven, driven + SIGHT_M])
        beside = [
            Thing(fixture.shape, fixture.along - driven, fixture.y, -speed)
            for fixture in self.fixtures[first:last]
        ]
        return sorted([*self.road_users(time_s), *beside], key=lambda thing: -thing.x)

    def ahead(self, start_s: float, end_s: float) -> tuple[str | None, str | None]:
        """(``ahead``, ``proximity``) of a span, each ``None`` where it has no single answer."""
        count = max(2, round((end_s - start_s) / CHECK_S) + 1)
        moments = [nearest(self.road_users(t)) for t in np.linspace(start_s, end_s, count)]
        kinds = {moment[0] for moment in moments}
        kind = kinds.pop() if len(kinds) == 1 else None
        if kind is None or kind == "clear":
            return kind, None
        distances = [moment[1] for moment in moments]
        if max(distances) < NEAR_M:
            return kind, "near"
        return kind, "far" if min(distances) > FAR_M else None


def nearest(things: Sequence[Thing]) -> tuple[str | None, float]:
    """What is ahead at one moment and how far: ``clear``, ``vehicle``, ``pedestrian`` or ``None``.

    ``None`` where something stands so close to the corridor's bounds that it may be the answer.
    """
    inside: list[Thing] = []
    doubtful: list[Thing] = []
    for thing in things:
        if thing.edge >= EDGE_OUT_M or not -thing.shape.length < thing.x <= AHEAD_OUT_M:
            continue
        sure = thing.edge < EDGE_IN_M and 2.0 < thing.x < AHEAD_IN_M
        (inside if sure else doubtful).append(thing)
    if not inside:
        return (None if doubtful else "clear"), float("inf")
    first = min(inside, key=lambda thing: thing.x)
    kind = first.shape.kind
    if any(other.shape.kind != kind and other.x < first.x + TIE_M for other in inside) or any(
        other.x < first.x + TIE_M for other in doubtful
    ):
        return None, first.x
    return ("vehicle" if kind == CAR else PEDESTRIAN), first.x
