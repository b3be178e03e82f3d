"""Latency at a steady rate: from the sample that completes a window to the result's appearance."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from schemas.settings import Settings
from workers.bench.align import Note, measure_align
from workers.bench.completions import Completions
from workers.bench.errors import BenchError
from workers.bench.live import LiveRun
from workers.bench.pipeline import LIVE_IDLE_MS, bench_pipeline
from workers.bench.stopwatch import Figures
from workers.bench.watcher import Sighting
from workers.bench.workload import FEATURE_BYTES, SESSION_RATE_HZ, SIZE_MS, Workload
from workers.demo.site import open_site

#: Seconds at the beginning that are not counted: the first windows pay for what is loaded once.
WARM_UP_S = 3
#: Samples of so many milliseconds are sent together, so that batches are few.
TICK_MS = 20
#: The short run that finds the rate at full load.
_FULL_SESSIONS, _FULL_SECONDS = 100, 30


async def find_rate(
    settings: Settings,
    share: float,
    *,
    partitions: int,
    seed: int,
    feature_bytes: int,
    note: Note,
) -> float:
    """``share`` of the worker's rate on a short backlog, in samples per second."""
    note("a short align run, for the rate at full load")
    workload = Workload(
        sessions=_FULL_SESSIONS, seconds=_FULL_SECONDS, partitions=partitions, seed=seed
    )
    full = await measure_align(workload, settings, feature_bytes=feature_bytes)
    return share * float(full["samples_per_s"])


async def measure_latency(
    settings: Settings,
    *,
    rate: float,
    seconds: int,
    partitions: int = 4,
    seed: int = 7,
    feature_bytes: int = FEATURE_BYTES,
    note: Note = lambda text: None,
) -> dict[str, Any]:
    """As many live sessions as give ``rate`` samples per second, for ``seconds`` after a warm-up.

    A window's latency begins when the broker has confirmed the sample that moves the session's
    watermark past the window's end, and ends when a subscriber in another process has the result.
    ``from_send`` begins earlier, when that sample was handed to the producer; ``until_…`` are parts
    of a latency (``workers.bench.completions.Latency``). Windows that only idleness closes, at the
    end, do not count. Raises ``BenchError`` where no window counts.
    """
    now_ms = time.time_ns() // 1_000_000
    workload = Workload(
        sessions=max(1, round(rate / SESSION_RATE_HZ)),
        seconds=seconds + WARM_UP_S,
        partitions=partitions,
        seed=seed,
        start_ms=now_ms - now_ms % SIZE_MS,
    )
    completions = Completions(workload)
    pipeline = bench_pipeline("bench", workload, idle_after_ms=LIVE_IDLE_MS)
    sent_per_s = workload.sessions * SESSION_RATE_HZ
    with open_site(settings, use_configured=False) as site:
        run = LiveRun(site, workload, pipeline, tick_ms=TICK_MS, feature_bytes=feature_bytes)
        note("starting a worker and a subscriber")
        async with run.started("server", "watcher") as (worker, watcher):
            note(f"{workload.sessions} sessions, {sent_per_s:,} samples/s, {workload.seconds} s")
            # Looked through afterwards: the cores are the worker's while it is measured.
            batches = [batch async for confirmed in run.play() for batch in confirmed]
            note("waiting for the last results")
            sightings = await watcher.stop(list[Sighting])
            figures = await worker.stop(Figures)
        windows = await run.check()
    completions.add(batches)
    latencies = completions.latencies(sightings, after_s=WARM_UP_S)
    if not latencies:
        raise BenchError(
            f"expected results of windows completed after the first {WARM_UP_S} s, got none; "
            "give it more seconds"
        )
    return {
        **_percentiles([one.total_ms for one in latencies]),
        "from_send": _percentiles([one.from_send_ms for one in latencies]),
        "until_applied": _percentiles([one.until_applied_ms for one in latencies]),
        "until_fusion": _percentiles([one.until_fusion_ms for one in latencies]),
        "until_seen": _percentiles([one.until_seen_ms for one in latencies]),
        "rate": sent_per_s,
        "windows": len(latencies),
        "exact_pct": windows.exact_pct,
        "outcome": windows,
        "sessions": workload.sessions,
        "seconds": seconds,
        "partitions": partitions,
        "seed": seed,
        "payload_bytes": workload.payload_bytes,
        "feature_bytes": min(feature_bytes, workload.payload_bytes),
        "tick_ms": TICK_MS,
        "pace_behind_ms": round(run.pace.behind_ms, 1),
        "worker_cpu_share": round(figures.cpu_s / figures.seconds, 3),
        "worker_peak_rss_mb": round(figures.peak_rss_mb, 1),
    }


def _percentiles(values_ms: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values_ms)

    def at(share: float) -> float:
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)

    return {"p50_ms": at(0.5), "p99_ms": at(0.99), "max_ms": round(ordered[-1], 2)}
