"""The recording, the oracle and the comparison behind `sensorium bench`."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from schemas.units import to_us
from workers.bench.completions import Completions
from workers.bench.errors import BenchError
from workers.bench.exactness import compare
from workers.bench.memory import slope_per_hour
from workers.bench.oracle import OffsetLedger, Oracle, digest, pack
from workers.bench.pipeline import bench_pipeline
from workers.bench.produce import Confirmed
from workers.bench.watcher import Sighting
from workers.bench.workload import Arrival, Trouble, Workload, by_session, in_order, session_name
from workers.cli.bench import trouble

SMALL = Workload(sessions=3, seconds=4)


def arrivals_of(workload: Workload) -> list[Arrival]:
    return list(in_order(workload, by_session(workload)))


def test_a_recording_comes_in_order_of_arrival_with_every_sample_once() -> None:
    arrivals = arrivals_of(SMALL)
    assert [one.arrival_ms for one in arrivals] == sorted(one.arrival_ms for one in arrivals)
    assert sorted(one.sequence for one in arrivals) == list(range(3 * 4 * 21))


def test_staggered_sessions_come_in_order_too() -> None:
    arrivals = arrivals_of(replace(SMALL, stagger_ms=1_700.0))
    assert arrivals == sorted(arrivals)
    assert len(arrivals) == 3 * 4 * 21


def test_a_seed_gives_its_recording_and_no_other() -> None:
    assert arrivals_of(SMALL) == arrivals_of(SMALL)
    assert arrivals_of(SMALL) != arrivals_of(replace(SMALL, seed=8))


def test_partitions_are_mildly_out_of_order_but_within_the_lateness() -> None:
    newest: dict[tuple[int, str], int] = {}
    behind = []
    for one in arrivals_of(replace(SMALL, sessions=20, seconds=20)):
        key = (one.session, one.input)
        behind.append(newest.get(key, one.time_ms) - one.time_ms)
        newest[key] = max(newest.get(key, 0), one.time_ms)
    assert 0 < max(behind) < 500


def test_a_silent_input_stops_in_the_middle() -> None:
    workload = replace(SMALL, trouble=Trouble(silent_from_middle="video"))
    counts = {"video": 0, "audio": 0, "transcript": 0}
    for one in arrivals_of(workload):
        counts[one.input] += 1
    assert counts == {"video": 3 * 2 * 10, "audio": 3 * 4 * 10, "transcript": 3 * 4}


def test_a_wrong_clock_is_in_the_records_and_its_correction_in_the_pipeline() -> None:
    workload = replace(SMALL, trouble=Trouble(clock_offset_ms=300))
    offsets = {one.input: workload.stamp_ms(one) - one.time_ms for one in arrivals_of(workload)}
    inputs = bench_pipeline("p", workload, idle_after_ms=200).inputs
    corrections = {name: to_us(spec.clock.offset) // 1_000 for name, spec in inputs.items()}
    assert offsets == {"video": 0, "audio": 300, "transcript": 0}
    assert corrections == {"video": 0, "audio": -300, "transcript": 0}


def test_a_clock_may_be_behind_too() -> None:
    assert trouble("0s", None, 1, "-300ms").clock_offset_ms == -300


def test_every_sample_is_in_one_window_of_the_oracle() -> None:
    oracle = Oracle()
    arrivals = list(in_order(SMALL, oracle.watching(by_session(SMALL))))
    first = (session_name(arrivals[0].session), arrivals[0].time_ms - arrivals[0].time_ms % 500)
    members = [
        pack(one.sequence) for one in arrivals
        if (session_name(one.session), one.time_ms - one.time_ms % 500) == first
    ]  # fmt: skip
    assert oracle.samples == len(arrivals)
    assert oracle.windows[first] == digest(members)


def test_comparison_tells_apart_what_became_of_windows() -> None:
    oracle = Oracle()
    oracle.windows = {("a", 0): "0", ("a", 500): "1", ("b", 0): "2", ("b", 500): "3"}
    found = compare(
        oracle,
        [(("a", 0), "0"), (("a", 500), "other"), (("b", 0), "2"), (("b", 0), "2"), (("c", 0), "9")],
    )
    assert (found.exact, found.wrong, found.repeated, found.missing) == (1, 1, 1, 1)
    assert (found.unexpected, found.exact_pct, found.flawless) == (1, 25.0, False)


def test_one_wrong_window_of_many_is_not_rounded_away() -> None:
    oracle = Oracle()
    oracle.windows = {("a", n): str(n) for n in range(100_000)}
    found = compare(oracle, [(window, digest_) for window, digest_ in oracle.windows.items()][1:])
    assert found.exact_pct == 99.99


def test_a_digest_shows_a_sample_that_is_there_twice() -> None:
    assert digest([pack(1), pack(1), pack(2)]) != digest([pack(1), pack(2)])


def test_offsets_lead_back_to_what_was_sent() -> None:
    ledger = OffsetLedger()
    ledger.note("video", 2, 0, [7, 8])
    ledger.note("video", 2, 2, [9])
    assert ledger.packed("video", 2, [(1, 2)]) == [pack(8), pack(9)]
    assert ledger.packed("video", 2, [(2, 5)]) == [pack(9)]
    assert ledger.packed("audio", 2, [(0, 0)]) == []


def test_a_gap_in_the_offsets_is_an_error() -> None:
    with pytest.raises(BenchError, match="expected the next batch at offset 0, got 5"):
        OffsetLedger().note("video", 0, 5, [1])


def test_a_window_is_completed_by_its_slowest_sensor() -> None:
    workload = replace(SMALL, start_ms=10_000)
    completions = Completions(workload)
    # Past the window's end at 10,500 by its lateness of 500 ms.
    for input_, acked_ns in (("video", 100), ("transcript", 900), ("audio", 300)):
        sample = Arrival(0.0, 11_000, 0, input_, 1)
        completions.add([Confirmed([sample], sent_ns=acked_ns - 50, acked_ns=acked_ns)])
    assert completions.completed == {(session_name(0), 10_000): (900, 850)}


def test_latency_runs_from_the_completing_sample_to_the_sighting() -> None:
    completions = Completions(replace(SMALL, start_ms=10_000))
    samples = [Arrival(0.0, 11_000, 0, name, 1) for name in ("video", "audio", "transcript")]
    completions.add([Confirmed(samples, sent_ns=4_000_000, acked_ns=5_000_000)])
    seen = [Sighting(session_name(0), start_ms, 25_000_000, 0, 2.0, 3.0)
            for start_ms in (10_000, 10_500)]  # fmt: skip
    (latency,) = completions.latencies(seen, after_s=0.0)
    assert (latency.total_ms, latency.from_send_ms) == (20.0, 21.0)
    assert latency.until_applied_ms + 2.0 + 3.0 + latency.until_seen_ms == pytest.approx(20.0)


def test_windows_of_the_warm_up_do_not_count() -> None:
    completions = Completions(replace(SMALL, start_ms=10_000))
    samples = [Arrival(0.0, 11_000, 0, name, 1) for name in ("video", "audio", "transcript")]
    completions.add([Confirmed(samples, sent_ns=1, acked_ns=2)])
    seen = [Sighting(session_name(0), 10_000, 3, 0, 0.0, 0.0)]
    assert completions.latencies(seen, after_s=0.5) == []


def test_a_slope_of_one_reading_is_none() -> None:
    assert slope_per_hour([(5.0, 1.0)]) is None
    assert slope_per_hour([(0.0, 4.0), (1_800.0, 3.0)]) == pytest.approx(-2.0)


def test_the_pipeline_is_read_as_it_was_written() -> None:
    pipeline = bench_pipeline("p", SMALL, idle_after_ms=200)
    again = type(pipeline).model_validate(
        json.loads(pipeline.model_dump_json(exclude_defaults=True))
    )
    assert again == pipeline
