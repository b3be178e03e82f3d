"""The alignment job: our worker and the bare loop on the same backlog, and their ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from statistics import median
from typing import Any

import msgspec

from schemas.settings import Settings
from workers.bench.backlog import Engine, produce_backlog
from workers.bench.exactness import Exactness
from workers.bench.stopwatch import Figures
from workers.bench.workload import FEATURE_BYTES, OFFSET_INPUT, Trouble, Workload
from workers.demo.site import open_site

#: Seeds that ``verify`` adds to the one it is given.
_MORE_SEEDS = 5

Note = Callable[[str], None]


class Side(msgspec.Struct, frozen=True):
    """One contestant's figures in one pass."""

    samples_per_s: float
    cpu_s_per_million: float
    peak_rss_mb: float
    exact_pct: float


class Pass(msgspec.Struct, frozen=True):
    """Both contestants on the same backlog."""

    worker: Side
    floor: Side


class Case(msgspec.Struct, frozen=True):
    """Whether our worker is exact on one recording."""

    name: str
    seed: int
    records: int
    samples_per_s: float
    exact_pct: float
    windows: Exactness


async def measure_align(
    workload: Workload,
    settings: Settings,
    *,
    passes: int = 1,
    engine: Engine = "faust",
    feature_bytes: int = FEATURE_BYTES,
    note: Note = lambda text: None,
) -> dict[str, Any]:
    """Run both sides ``passes`` times, by turns first, each pass on servers of its own.

    Returns the report that ``sensorium bench align --json`` prints: medians over the passes, the
    worst of the exact shares, and as ratios the medians of each pass's own.
    """
    done: list[Pass] = []
    windows: Exactness | None = None
    records = 0
    for number in range(passes):
        note(f"pass {number + 1} of {passes}")
        with open_site(settings, use_configured=False) as site:
            backlog = await produce_backlog(site, workload, "bench")
            records = backlog.oracle.samples
            floor_first = number % 2 == 0
            floor = await backlog.bare_loop() if floor_first else None
            worker = await backlog.work_off(engine, feature_bytes)
            floor = floor or await backlog.bare_loop()
        done.append(Pass(_side(*worker, records), _side(*floor, records)))
        if windows is None or windows.flawless:
            windows = worker[1]
    return {
        **_summary(done),
        "records": records,
        "windows": windows.windows if windows else 0,
        "outcome": windows,
        "flawless": windows is not None and windows.flawless,
        "seed": workload.seed,
        "sessions": workload.sessions,
        "seconds": workload.seconds,
        "partitions": workload.partitions,
        "payload_bytes": workload.payload_bytes,
        "feature_bytes": min(feature_bytes, workload.payload_bytes),
        "engine": engine,
        "trouble": asdict(workload.trouble),
        "passes": done,
    }


def _side(figures: Figures, exactness: Exactness, records: int) -> Side:
    return Side(
        samples_per_s=round(records / figures.seconds),
        cpu_s_per_million=round(figures.cpu_s / records * 1e6, 2),
        peak_rss_mb=round(figures.peak_rss_mb, 1),
        exact_pct=exactness.exact_pct,
    )


def _summary(passes: Sequence[Pass]) -> dict[str, float]:
    def middle(read: Callable[[Pass], float], digits: int | None = None) -> float:
        return round(median(map(read, passes)), digits)

    return {
        "samples_per_s": middle(lambda p: p.worker.samples_per_s),
        "cpu_s_per_million": middle(lambda p: p.worker.cpu_s_per_million, 2),
        "peak_rss_mb": middle(lambda p: p.worker.peak_rss_mb, 1),
        "exact_pct": min(p.worker.exact_pct for p in passes),
        "floor_samples_per_s": middle(lambda p: p.floor.samples_per_s),
        "floor_cpu_s_per_million": middle(lambda p: p.floor.cpu_s_per_million, 2),
        "floor_peak_rss_mb": middle(lambda p: p.floor.peak_rss_mb, 1),
        "floor_exact_pct": min(p.floor.exact_pct for p in passes),
        "rate_of_floor": middle(lambda p: p.worker.samples_per_s / p.floor.samples_per_s, 3),
        "cpu_of_floor": middle(lambda p: p.worker.cpu_s_per_million / p.floor.cpu_s_per_million, 2),
    }


def verify_cases(workload: Workload) -> Iterator[tuple[str, Workload]]:
    """The recordings that ``verify`` runs: as given, other seeds, and each kind of trouble."""
    yield "as given", workload
    for more in range(1, _MORE_SEEDS + 1):
        yield "another seed", replace(workload, seed=workload.seed + more)
    troubles = {
        "transcripts 2 s late": Trouble(transcripts_late_ms=2_000),
        "video silent from the middle": Trouble(silent_from_middle="video"),
        "transcript silent from the middle": Trouble(silent_from_middle="transcript"),
        "a session ten times as fast": Trouble(fast_session=10),
        f"clock of {OFFSET_INPUT} 300 ms ahead": Trouble(clock_offset_ms=300),
    }
    for name, trouble in troubles.items():
        yield name, replace(workload, trouble=trouble)


async def verify_align(
    workload: Workload,
    settings: Settings,
    *,
    engine: Engine = "faust",
    feature_bytes: int = FEATURE_BYTES,
    note: Note = lambda text: None,
) -> dict[str, Any]:
    """Our worker alone, on every recording of ``verify_cases``, by sets of samples.

    ``exact_pct`` of the report is the worst case's; ``flawless`` says that all windows of all
    cases are exact and nothing else was published.
    """
    cases: list[Case] = []
    with open_site(settings, use_configured=False) as site:
        for number, (name, each) in enumerate(verify_cases(workload)):
            note(name)
            backlog = await produce_backlog(site, each, f"bench-{number}")
            figures, windows = await backlog.work_off(engine, feature_bytes)
            records = backlog.oracle.samples
            side = _side(figures, windows, records)
            cases.append(
                Case(name, each.seed, records, side.samples_per_s, side.exact_pct, windows)
            )
    return {
        "exact_pct": min(case.exact_pct for case in cases),
        "flawless": all(case.windows.flawless for case in cases),
        "sessions": workload.sessions,
        "seconds": workload.seconds,
        "partitions": workload.partitions,
        "engine": engine,
        "cases": cases,
    }
