"""Compares what was published with what had to be, set of samples by set of samples."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from schemas.pipeline import Pipeline
from schemas.result import Result, decode_result
from schemas.settings import KafkaSettings
from schemas.units import US_PER_MS, iso_to_us
from workers.bench.identity import TASK
from workers.bench.oracle import OffsetLedger, Oracle, WindowId, digest
from workers.bench.topic_reader import read_topic


class Exactness(msgspec.Struct, frozen=True):
    """Windows by what became of them.

    ``exact``: published once, as final, with exactly their samples. ``wrong``: with others.
    ``repeated``: more than once. ``unexpected``: published, but no window of the recording.
    """

    windows: int
    exact: int
    missing: int
    wrong: int
    repeated: int
    unexpected: int

    @property
    def exact_pct(self) -> float:
        """Share of the recording's windows that are exact, in percent; rounded down, so that 100
        is said of all of them only.
        """
        return int(10_000 * self.exact / self.windows) / 100 if self.windows else 0.0

    @property
    def flawless(self) -> bool:
        """Whether all windows are exact, and nothing else was published."""
        return self.exact == self.windows and not self.unexpected


def compare(oracle: Oracle, published: Iterable[tuple[WindowId, str]]) -> Exactness:
    """Hold published windows, each with the digest of its samples, to the oracle's."""
    times: dict[WindowId, int] = {}
    wrong: set[WindowId] = set()
    for window, found in published:
        times[window] = times.get(window, 0) + 1
        if oracle.windows.get(window) != found:
            wrong.add(window)
    expected = oracle.windows.keys()
    repeated = {window for window, count in times.items() if count > 1}
    return Exactness(
        windows=len(expected),
        exact=len((times.keys() & expected) - repeated - wrong),
        missing=len(expected - times.keys()),
        wrong=len(wrong & expected),
        repeated=len(repeated & expected),
        unexpected=len(times.keys() - expected),
    )


async def check_results(
    pipeline: Pipeline, kafka: KafkaSettings, oracle: Oracle, ledger: OffsetLedger
) -> Exactness:
    """Read the results topic and compare every final result with the oracle.

    A result must say the same twice: the digest of what its model was given, and the offsets of
    the records that it was made from.
    """
    published = []
    async for record in read_topic(pipeline.results_topic, kafka):
        result = decode_result(record.value)
        if result.final:
            published.append((_window(result), _samples(result, record.partition, ledger)))
    return compare(oracle, published)


def _window(result: Result) -> WindowId:
    return result.session, iso_to_us(result.window.start) // US_PER_MS


def _samples(result: Result, partition: int, ledger: OffsetLedger) -> str:
    given = result.tasks[TASK].label
    accounted = digest(
        packed
        for use in result.sensors.values()
        for packed in ledger.packed(use.input, partition, use.offsets)
    )
    return given if given == accounted else f"given {given}, accounted for {accounted}"
