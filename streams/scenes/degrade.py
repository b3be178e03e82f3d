"""What goes wrong between a sensor and the broker: delay, jitter, loss, bad clocks, death."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from heapq import heappop, heappush

from schemas.units import US_PER_MS, US_PER_S
from streams.errors import FeedError
from streams.feed.item import FeedItem
from streams.scenes.seeds import stable_rng

#: Beyond these the samples held back for reordering would be minutes of video.
MAX_DELAY_MS = 600_000.0
MAX_JITTER_MS = 60_000.0
#: Samples that one call of ``degrade`` may hold back: a minute of a few dozen 10 Hz sensors. Only
#: sensors with very different delays, degraded in one call, come near it.
MAX_HELD = 50_000


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise FeedError(f"degradation: expected {name} between {low:g} and {high:g}, got {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What happens to one sensor's samples.

    ``delay_ms`` is added to every hand-over, and a uniform draw from [0, ``jitter_ms``) to each.
    ``loss`` is the probability that a sample never arrives. The sensor's clock shows true time plus
    ``clock_offset_ms`` plus ``clock_drift_ppm`` microseconds per second since the start. Samples
    that are not over ``dies_after_s`` seconds after the start do not exist (``None``: it lives).
    """

    delay_ms: float = 0.0
    jitter_ms: float = 0.0
    loss: float = 0.0
    clock_offset_ms: float = 0.0
    clock_drift_ppm: float = 0.0
    dies_after_s: float | None = None

    def __post_init__(self) -> None:
        _within("delay_ms", self.delay_ms, 0.0, MAX_DELAY_MS)
        _within("jitter_ms", self.jitter_ms, 0.0, MAX_JITTER_MS)
        _within("loss", self.loss, 0.0, 1.0)
        _within("clock_offset_ms", self.clock_offset_ms, -86_400_000.0, 86_400_000.0)
        _within("clock_drift_ppm", self.clock_drift_ppm, -100_000.0, 100_000.0)
        if self.dies_after_s is not None:
            _within("dies_after_s", self.dies_after_s, 0.0, 1e9)

    def corrupt_time(self, time_us: int, start_us: int) -> int:
        """What the sensor's clock shows at a true time; ``start_us`` is where drift begins."""
        drift_us = (time_us - start_us) * self.clock_drift_ppm / 1e6
        return time_us + round(self.clock_offset_ms * US_PER_MS + drift_us)


FAULT_NAMES = tuple(one.name for one in fields(Fault))


@dataclass(frozen=True, slots=True)
class Degradation:
    """Faults of every sensor, and of single sensors in place of that.

    >>> Degradation.parse(["loss=0.05", "lidar.top:delay_ms=200"]).of("lidar.top").loss
    0.05
    """

    everywhere: Fault = Fault()
    by_sensor: Mapping[str, Fault] = field(default_factory=dict)

    def of(self, sensor: str) -> Fault:
        """The faults of one sensor."""
        return self.by_sensor.get(sensor, self.everywhere)

    @classmethod
    def parse(cls, specs: Iterable[str]) -> Degradation:
        """Read ``[sensor:]name=value[,name=value]`` texts; a sensor's add to those of all sensors.

        Raises ``FeedError`` where a text has another form, an unknown name or a bad value.
        """
        everywhere: dict[str, float] = {}
        single: dict[str, dict[str, float]] = {}
        for spec in specs:
            sensor, values = _parse_one(spec)
            (everywhere if sensor is None else single.setdefault(sensor, {})).update(values)
        return cls(
            everywhere=Fault(**everywhere),
            by_sensor={name: Fault(**everywhere | own) for name, own in single.items()},
        )


def degrade(
    items: Iterable[FeedItem], degradation: Degradation, *, seed: int, start_us: int
) -> Iterator[FeedItem]:
    """Apply faults to items in ascending ``due_us`` and yield what is left, again ascending.

    What happens to a sample depends on the seed and its (session, sensor, sequence) alone, so
    raising the loss of one sensor changes nothing else. ``start_us``: where drift and lifetimes
    begin. Holds back no more samples than fall into the spread of delays; raises ``FeedError``
    past ``MAX_HELD``.
    """
    faults = (degradation.everywhere, *degradation.by_sensor.values())
    least_delay_us = round(min(fault.delay_ms for fault in faults) * US_PER_MS)
    held: list[tuple[int, int, FeedItem]] = []
    for order, item in enumerate(items):
        while held and held[0][0] <= item.due_us + least_delay_us:
            yield heappop(held)[2]
        left = suffer(item, degradation.of(item.sensor), seed=seed, start_us=start_us)
        if left is None:
            continue
        heappush(held, (left.due_us, order, left))
        if len(held) > MAX_HELD:
            raise FeedError(
                f"degradation: expected at most {MAX_HELD} samples held back for reordering, got "
                f"more; give the sensors more similar delay_ms, or less jitter_ms"
            )
    while held:
        yield heappop(held)[2]


def suffer(item: FeedItem, fault: Fault, *, seed: int, start_us: int) -> FeedItem | None:
    """One sample after its faults; ``None`` when it is lost or its sensor is dead."""
    if fault == Fault():
        return item
    if fault.dies_after_s is not None:
        death_us = start_us + round(fault.dies_after_s * US_PER_S)
        if item.start_us >= death_us or item.end_us > death_us:
            return None
    lot, lag = stable_rng(seed, "degrade", item.session, item.sensor, item.sequence).random(2)
    if lot < fault.loss:
        return None
    return replace(
        item,
        start_us=fault.corrupt_time(item.start_us, start_us),
        end_us=fault.corrupt_time(item.end_us, start_us),
        due_us=item.due_us + round((fault.delay_ms + lag * fault.jitter_ms) * US_PER_MS),
    )


_SPEC = re.compile(r"^(?:(?P<sensor>[A-Za-z0-9][A-Za-z0-9._-]*):)?(?P<pairs>[^:]+)$")


def _parse_one(spec: str) -> tuple[str | None, dict[str, float]]:
    found = _SPEC.match(spec.strip())
    if found is None:
        raise FeedError(
            f"degradation {spec!r}: expected [sensor:]name=value, such as "
            f"'lidar.top:loss=0.1' or 'loss=0.05'"
        )
    values: dict[str, float] = {}
    for pair in found["pairs"].split(","):
        name, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or name not in FAULT_NAMES:
            raise FeedError(
                f"degradation {spec!r}: expected name=value with one of "
                f"{', '.join(FAULT_NAMES)}, got {pair.strip()!r}"
            )
        try:
            values[name] = float(text)
        except ValueError:
            raise FeedError(
                f"degradation {spec!r}: expected a number for {name}, got {text!r}"
            ) from None
    return found["sensor"], values
