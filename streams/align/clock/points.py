"""The quickest records of a sensor's recent past, and the clock line that lies under them.

A *point* is a record's sensor time ``t`` and ``d = arrival - t``. With ``t`` off by ``c`` and a
record on its way for ``delay``, ``d = c + delay``; as delay is never below its minimum, the clock
shows in the lowest points and jitter only in the others.

**Offset**: the least ``d`` of a recent span. NTP's clock filter trusts the sample of least delay
in the same way (RFC 5905, section 10; for one-way delays Paxson, *On calibrating measurements of
packet transit times*, 1998).

**Offset and drift**: of all lines with no point below them, the one whose mean vertical distance
to the points is least (Moon, Skelly and Towsley, *Estimation and removal of clock skew from network
delay measurements*, INFOCOM 1999). That line carries an edge of the points' lower convex hull: the
one above the mean of their times, since the mean distance is the distance at that mean.

Times are integers in microseconds, rates in parts per 10**9, so that every machine gets the same.
"""

from __future__ import annotations

from itertools import pairwise

from schemas.units import US_PER_S

#: A rate of 1: rates are integers, in parts per 10**9.
RATE_ONE = 1_000_000_000
#: Of one stretch of this length only the lowest point is kept (a multiple of it once coarsened).
BUCKET_US = 5 * US_PER_S
#: Buckets are joined in pairs up to this width when there are too many: a rate wants a long span
#: (16 of them are 11 minutes), the first minute wants many points.
MAX_BUCKET_US = 40 * US_PER_S
#: Most points that are kept of one sensor.
MAX_POINTS = 16
#: What the offset alone looks back over. At a drift of 100 ppm, not asked for, it lags by 6 ms.
OFFSET_SPAN_US = 60 * US_PER_S
DRIFT_SPAN_US = MAX_POINTS * MAX_BUCKET_US
#: A sensor that speaks rarely keeps this many points for longer than the span, up to the age at
#: which a clock that drifts by 20 ppm is 20 ms off: one record alone is all jitter.
MIN_POINTS = 4
MAX_AGE_US = 1_000 * US_PER_S
#: A rate is read off points that reach this far; jitter would tilt a shorter line at random.
RATE_SPAN_US = 30 * US_PER_S
#: Until then the line runs under so many of the newest points: an unknown drift has not led them
#: far apart.
FEW_POINTS = 3
#: A quartz clock is off by 100 ppm at worst, a virtual machine's by a few times as much.
MAX_RATE = 1_000_000

#: (t, d), both in microseconds.
Point = tuple[int, int]


def along(rate: int, span_us: int) -> int:
    """What a rate adds over a span, rounded down."""
    return rate * span_us // RATE_ONE


def fold(points: list[Point], width_us: int, rate: int, point: Point) -> None:
    """Keep ``point``, in place, if it is the lowest of its bucket, seen along ``rate``.

    ``points`` are in the order of their buckets. One that is older than all of a full list is not
    taken.
    """
    bucket = point[0] // width_us
    at = len(points)
    while at and points[at - 1][0] // width_us > bucket:
        at -= 1
    if at and points[at - 1][0] // width_us == bucket:
        t, d = points[at - 1]
        if point[1] - d < along(rate, point[0] - t):
            points[at - 1] = point
    elif at or len(points) < MAX_POINTS:
        points.insert(at, point)


def prune(points: list[Point], width_us: int, rate: int, now_us: int, drifting: bool) -> int:
    """Drop, in place, what is past the span and what is too much. Returns the buckets' width.

    ``now_us``: the sensor's time. Call it after every ``fold`` that may have added a point.
    """
    while drifting and len(points) > MAX_POINTS and width_us < MAX_BUCKET_US:
        width_us *= 2
        finer = points[:]
        points.clear()
        for point in finer:
            fold(points, width_us, rate, point)
    del points[: max(0, len(points) - MAX_POINTS)]
    span_us = DRIFT_SPAN_US if drifting else OFFSET_SPAN_US
    while points:
        age_us = now_us - points[0][0]
        if age_us <= span_us or (len(points) <= MIN_POINTS and age_us <= MAX_AGE_US):
            break
        del points[0]
    return width_us


def lower_hull(points: list[Point]) -> list[Point]:
    """The vertices of the lower convex hull of points with ascending, distinct times.

    >>> lower_hull([(0, 0), (1, 5), (2, 1), (3, 9)])
    [(0, 0), (2, 1), (3, 9)]
    """
    hull: list[Point] = []
    for t, d in points:
        while len(hull) > 1:
            (t0, d0), (t1, d1) = hull[-2:]
            if (d1 - d0) * (t - t0) < (d - d0) * (t1 - t0):
                break
            hull.pop()
        hull.append((t, d))
    return hull


def rate_under(points: list[Point]) -> int:
    """The rate of the line under two or more points, ascending in time, that is nearest to them.

    >>> rate_under([(0, 0), (1_000_000, 900), (2_000_000, 200)])
    100000
    """
    hull = lower_hull(points)
    total_us = sum(t for t, _ in points)
    (t0, d0), (t1, d1) = next(
        edge for edge in pairwise(hull) if edge[1][0] * len(points) >= total_us
    )
    return max(-MAX_RATE, min((d1 - d0) * RATE_ONE // (t1 - t0), MAX_RATE))


def line_under(points: list[Point], at_us: int, rate: int, drifting: bool) -> Point:
    """The clock line under one or more points: ``d`` at ``at_us``, and its rate.

    ``rate`` is the one believed so far; it stands while the points do not reach far enough to tell.
    """
    if drifting:
        if points[-1][0] - points[0][0] >= RATE_SPAN_US:
            rate = rate_under(points)
        else:
            points = points[-FEW_POINTS:]
    return min(d + along(rate, at_us - t) for t, d in points), rate
