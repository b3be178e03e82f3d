"""Sensors with wrong clocks and jittery ways to the broker, and what the clocks make of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hypothesis import strategies as st

from streams.align.clock import ClockRule, Corrected, SessionClocks

T0_US = 1_700_000_000_000_000
#: A sensor's (time in us, Kafka timestamp in ms), in log order.
Trace = Sequence[tuple[int, int]]

OFFSET = ClockRule(0, 0, estimated=True, drifting=False, at_end=False)
DRIFT = OFFSET._replace(drifting=True)


@dataclass(frozen=True)
class Sent:
    """A record with what nobody knows: when it was really sensed."""

    true_us: int
    sensor_us: int
    arrival_ms: int

    @property
    def since_s(self) -> float:
        return (self.true_us - T0_US) / 1e6


def camera(
    seed: int,
    seconds: float,
    *,
    hz: float = 10.0,
    behind_us: Callable[[float], float] = lambda since_s: 300_000,
    delay_ms: Callable[[random.Random], float] = lambda dice: dice.uniform(0, 80),
) -> list[Sent]:
    """A sensor whose clock is ``behind_us(seconds since the start)``, in the order of arrival.

    The default: 300 ms behind, 0 to 80 ms on the way, at 10 Hz.
    """
    dice = random.Random(seed)
    records = []
    for n in range(int(seconds * hz)):
        since_us = int(n * 1_000_037 / hz)  # not in step with the milliseconds of arrival
        arrival_us = T0_US + since_us + delay_ms(dice) * 1_000
        sensor_us = T0_US + since_us - round(behind_us(since_us / 1e6))
        records.append((arrival_us, Sent(T0_US + since_us, sensor_us, int(arrival_us // 1_000))))
    return [sent for _, sent in sorted(records, key=lambda record: record[0])]


def trace_of(sent: Iterable[Sent]) -> Trace:
    return [(record.sensor_us, record.arrival_ms) for record in sent]


def run(trace: Trace, rule: ClockRule, clocks: SessionClocks | None = None) -> list[Corrected]:
    """Correct a trace of instants, offset by offset."""
    clocks = SessionClocks() if clocks is None else clocks
    return [correct(clocks, rule, n, *record) for n, record in enumerate(trace)]


def correct(
    clocks: SessionClocks, rule: ClockRule, offset: int, sensor_us: int, arrival_ms: int
) -> Corrected:
    return clocks.correct(
        rule, "video", "cam", sensor_us, sensor_us, offset=offset, arrival_ms=arrival_ms
    )[0]


def errors_ms(sent: Sequence[Sent], rule: ClockRule) -> list[tuple[float, float]]:
    """Per record: seconds since the start, and corrected less true time in ms."""
    out = run(trace_of(sent), rule)
    return [
        (record.since_s, (corrected.start_us - record.true_us) / 1e3)
        for record, corrected in zip(sent, out, strict=True)
    ]


@st.composite
def traces(draw: st.DrawFn, in_order: bool = False) -> Trace:
    """Anything: jitter, repeats, pauses, steps of the clock, bursts, arrivals in the past."""
    step = st.one_of(
        st.integers(0, 400_000),
        st.sampled_from([0, 1, 5_000_000, 90_000_000, 3_600_000_000]),
    )
    if not in_order:
        step = st.one_of(step, st.integers(-3_000_000, 0), st.just(-3_600_000_000))
    sensor_us, arrival_ms = T0_US, T0_US // 1_000 + draw(st.integers(-5_000, 5_000))
    trace = []
    for _ in range(draw(st.integers(1, 12))):
        # Runs of like records: steps and settled stretches come up only with some of them.
        advance_us, arrives_ms = draw(step), draw(st.integers(0, 4_000))
        every_us, jitter_ms = draw(st.integers(0, 500_000)), draw(st.integers(0, 300))
        dice = random.Random(draw(st.integers(0, 99)))
        sensor_us, arrival_ms = sensor_us + advance_us, arrival_ms + arrives_ms
        for _ in range(draw(st.integers(1, 40))):
            trace.append((sensor_us, arrival_ms + dice.randint(0, jitter_ms)))
            sensor_us, arrival_ms = sensor_us + every_us, arrival_ms + every_us // 1_000
    return trace
