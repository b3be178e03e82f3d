"""The histogram of many values says what Prometheus' own says of the same values."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from streams.batch_histogram import BatchHistogram

BOUNDS = (0.0, 0.25, 1, 30)


@given(st.lists(st.lists(st.sampled_from((0.0, 0.125, 0.25, 0.5, 1.0, 29.5, 30.0, 31.0, 1e6)))))
def test_what_is_exported_is_what_prometheus_own_histogram_exports(
    batches: list[list[float]],
) -> None:
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    mine = BatchHistogram("skew_seconds", "Skew.", "call", BOUNDS, ours)
    own = Histogram("skew_seconds", "Skew.", ("pipeline",), buckets=BOUNDS, registry=theirs)
    for batch in batches:
        mine.observe_all(batch)
        for value in batch:
            own.labels("call").observe(value)
    own.labels("call")
    lines = [line for line in generate_latest(theirs).splitlines() if b"_created" not in line]
    assert generate_latest(ours).splitlines() == lines
