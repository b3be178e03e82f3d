"""One sensor's clock as its records tell it: what is added to its event times, record by record.

The correction aims at a line in the sensor's own time, ``streams.align.clock.points`` says which.

- **Settling**, the first records: the line runs under all records so far, so the first one fixes
  it and each quicker one lowers it. Only a record ``MAX_OFF_US`` away counts as off.
- **Tracking**, from then on: the line is made anew once per epoch of the sensor's time, from the
  records before that epoch, and approached by at most 0.5 ms per second (NTP's slew), far below
  what a window can notice. A line that is farther away than jitter explains is aimed at directly.
- **Off** is a record farther from the line than jitter explains. It teaches nothing: a wrong
  timestamp harms only itself. If it is early it arrived before it can have been sent, and is put
  at its arrival; if late it may have been delayed, and is put where the line says. A run of such
  records on one side is a clock that was set, and the sensor settles anew: for early ones
  ``EARLY_RUN`` of them suffice, late ones must also go on for ``LATE_RUN_US`` of arrivals.

So a clock that was set forward is followed at once, one that was set back ``LATE_RUN_US`` later. A
step too small to be off is slewed: from the next epoch on if forward; if back, once the points from
before it have left their span.

**Order.** Corrected times of records in order stay in order. Where a correction falls, the
corrected time goes on at half the sensor's speed, and of a long gap (``STRIDE_US``) still slower,
until the lower line is reached.

All that is kept is integers, and nothing depends on how the records were batched.
"""

from __future__ import annotations

import msgspec

from schemas.units import US_PER_MS, US_PER_S
from streams.align.clock.points import BUCKET_US, Point, along, fold, line_under, prune

#: How long a tracked line stands. Long enough for 50 records of a slow camera, short enough that a
#: clock off by 100 ppm moves 0.5 ms meanwhile.
EPOCH_US = 5 * US_PER_S
#: A sensor settles for one epoch and at least so many records.
SETTLING_RECORDS = 8
#: Tracking approaches a better line by 0.5 ms per second.
SLEW = 500_000
#: Of a gap between two records in order, so much counts for the half speed: enough to tell them
#: apart; more would hold up a clock that was set forward by an hour.
STRIDE_US = 100 * US_PER_MS
#: A record is off beyond four times the mean jitter (of exponential delays, 2 % are), but not
#: within these bounds: below the first lies what networks do, beyond the second no jitter does.
MIN_OFF_US = 100 * US_PER_MS
MAX_OFF_US = 8 * US_PER_S
EARLY_RUN = 3
LATE_RUN = 5
LATE_RUN_US = 15 * US_PER_S
#: The same while settling, when no line has proved itself yet. Longer than the records of a burst
#: take to arrive, or the second burst of a session would be taken for its clock.
SETTLING_LATE_RUN_US = 2 * US_PER_S
#: A direct approach ends here; what is left is slewed.
CLOSE_US = 5 * US_PER_MS


class SensorClockState(msgspec.Struct, array_like=True):
    """What is kept of one sensor. Times are the sensor's, since its first record's (``origin_us``).

    The line aimed at has ``line_us`` at ``anchor_us`` and rises by ``rate`` (parts per 10**9); the
    correction there was ``gap_us`` away from it, 0 where it is aimed at directly. ``newest``: the
    newest record believed, its time and its correction. Corrections contain the ``min_delay``.
    """

    origin_us: int
    #: Records of the partition before it have been taken.
    next_offset: int
    line_us: int
    newest_us: int
    anchor_us: int = 0
    gap_us: int = 0
    rate: int = 0
    direct: bool = True
    newest_at_us: int = 0
    epoch_end_us: int = EPOCH_US
    #: Records still to come before tracking; -1 when tracking.
    settling: int = SETTLING_RECORDS - 1
    #: Mean distance of the records from the line.
    jitter_us: int = 0
    #: Records off in a row, below 0 if early; when the first arrived; the least distance from the
    #: line among them; the last one's time and correction.
    run: int = 0
    run_since_us: int = 0
    run_least_us: int = 0
    off_at_us: int = 0
    off_us: int = 0
    width_us: int = BUCKET_US
    points: list[Point] = []


def first_record(t_us: int, sent_us: int, arrival_us: int, offset: int) -> SensorClockState:
    """The state after a sensor's first record; arguments as for ``advance``."""
    d_us = arrival_us - sent_us
    return SensorClockState(t_us, offset + 1, d_us, d_us, points=[(sent_us - t_us, d_us)])


def advance(
    state: SensorClockState, t_us: int, sent_us: int, arrival_us: int, drifting: bool
) -> int:
    """Take a record in and return its correction, in microseconds, ``min_delay`` included.

    ``t_us``: the event time it is aligned by; ``sent_us``: the event time at which it was complete,
    before which it cannot have been sent; ``arrival_us``: the record's timestamp.
    """
    t = t_us - state.origin_us
    point = (sent_us - state.origin_us, arrival_us - sent_us)
    beyond_us = point[1] - _line(state, point[0])
    settling = state.settling >= 0
    limit_us = MAX_OFF_US if settling else _jitter_limit(state)
    if beyond_us < -limit_us:
        return _take_early(state, t, beyond_us, point)
    if beyond_us > limit_us:
        return _take_late(state, t, arrival_us, beyond_us, point)
    if t >= state.epoch_end_us and state.settling <= 0:
        _begin_epoch(state, t, drifting)
        settling = False
    if settling:
        state.jitter_us += (abs(beyond_us) - state.jitter_us) >> 2
        state.line_us += min(0, beyond_us)
        state.settling = max(0, state.settling - 1)
    else:
        state.jitter_us += (abs(beyond_us) - state.jitter_us) >> 4
    fold(state.points, state.width_us, state.rate, point)
    applied_us = _in_order(state, t, _approach(state, t))
    state.run = 0
    _note(state, t, applied_us)
    return applied_us


def peek(state: SensorClockState, t_us: int) -> int:
    """The correction of a record that teaches nothing."""
    return _approach(state, t_us - state.origin_us)


def _jitter_limit(state: SensorClockState) -> int:
    return max(MIN_OFF_US, min(4 * state.jitter_us, MAX_OFF_US))


def _line(state: SensorClockState, t: int) -> int:
    return state.line_us + along(state.rate, t - state.anchor_us)


def _approach(state: SensorClockState, t: int) -> int:
    since_us = t - state.anchor_us
    gap_us, rate = state.gap_us, state.rate
    aim_us = state.line_us + along(rate, since_us)
    if not gap_us:
        return aim_us
    if since_us <= 0:
        return aim_us - gap_us
    if gap_us < 0:
        return max(aim_us, state.line_us - gap_us + along(rate - SLEW, since_us))
    return min(aim_us, state.line_us - gap_us + along(rate + SLEW, since_us))


def _in_order(state: SensorClockState, t: int, applied_us: int) -> int:
    """Keep a correction from falling so far that the records' order would turn round."""
    since_us, least_us = t - state.newest_at_us, state.newest_us
    if state.run < 0 and t >= state.off_at_us:
        since_us, least_us = t - state.off_at_us, state.off_us
    if since_us < 0:
        return applied_us
    return max(applied_us, least_us - since_us + min(since_us, STRIDE_US) // 2)


def _note(state: SensorClockState, t: int, applied_us: int) -> None:
    if t >= state.newest_at_us:
        state.newest_at_us, state.newest_us = t, applied_us


def _begin_epoch(state: SensorClockState, t: int, drifting: bool) -> None:
    state.epoch_end_us = t - (t - state.epoch_end_us) % EPOCH_US + EPOCH_US
    state.settling = -1
    at_us = state.newest_at_us
    state.line_us, state.anchor_us = _line(state, at_us), at_us
    state.width_us = prune(state.points, state.width_us, state.rate, t, drifting)
    if state.points:
        state.line_us, state.rate = line_under(state.points, at_us, state.rate, drifting)
    gap_us = state.line_us - state.newest_us
    state.direct = abs(gap_us) > (CLOSE_US if state.direct else _jitter_limit(state))
    state.gap_us = 0 if state.direct else gap_us


def _take_early(state: SensorClockState, t: int, beyond_us: int, point: Point) -> int:
    least_us = min(state.run_least_us, beyond_us) if state.run < 0 else beyond_us
    line_us = _line(state, t) + least_us
    applied_us = _in_order(state, t, line_us)
    if state.run >= 0:
        state.run = -1
    elif t > state.off_at_us:  # a repeat is no further witness
        state.run -= 1
    if state.run <= -EARLY_RUN:
        _settle_anew(state, t, line_us, applied_us, point)
    else:
        state.run_least_us, state.off_at_us, state.off_us = least_us, t, applied_us
    return applied_us


def _take_late(
    state: SensorClockState, t: int, arrival_us: int, beyond_us: int, point: Point
) -> int:
    applied_us = _in_order(state, t, _approach(state, t))
    if state.run <= 0:
        state.run, state.run_since_us, state.run_least_us = 1, arrival_us, beyond_us
    elif t > state.off_at_us:
        state.run += 1
        state.run_least_us = min(state.run_least_us, beyond_us)
    state.off_at_us = t
    lasting_us = LATE_RUN_US if state.settling < 0 else SETTLING_LATE_RUN_US
    if state.run >= LATE_RUN and arrival_us - state.run_since_us >= lasting_us:
        line_us = _line(state, t) + state.run_least_us
        applied_us = _in_order(state, t, line_us)
        _settle_anew(state, t, line_us, applied_us, point)
    else:
        _note(state, t, applied_us)
    return applied_us


def _settle_anew(
    state: SensorClockState, t: int, line_us: int, applied_us: int, point: Point
) -> None:
    state.line_us, state.newest_us = line_us, applied_us
    state.anchor_us = state.newest_at_us = t
    state.gap_us, state.direct = 0, True
    state.epoch_end_us = t + EPOCH_US
    state.settling = SETTLING_RECORDS - 1
    state.jitter_us = state.run = 0
    state.width_us = BUCKET_US
    state.points[:] = [point]
