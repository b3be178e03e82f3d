"""Soak: sessions come and go for a long time, and memory must not grow with them."""

from __future__ import annotations

import asyncio
import re
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import redis.asyncio as redis

from schemas.settings import Settings
from streams.align import journal
from streams.align.keys import shard_keys
from streams.redis_client import connect_redis
from workers.bench.align import Note
from workers.bench.live import LiveRun
from workers.bench.memory import Reading, content_of, keys_of, slope_per_hour, take_reading
from workers.bench.pipeline import bench_pipeline
from workers.bench.stopwatch import Figures
from workers.bench.workload import SESSION_RATE_HZ, SIZE_MS, Workload, session_name
from workers.demo.site import open_site

#: Seconds that one session lives, where the run is long enough for it.
SESSION_S = 30
#: The embedded broker keeps all that is produced: small payloads, for a soak is about sessions.
PAYLOAD_BYTES = 128
#: Share of the run at its beginning that the trends leave out.
WARM_UP_SHARE = 0.2
#: A session is over so long after its last sample: idle first, then timed out.
_IDLE_MS = 2_000
_TIMEOUT_MS = 5_000
#: Seconds in which all sessions must be gone after that.
_GRACE_S = 30.0
#: Readings of a run, and the shortest time between two, seconds.
_READINGS, _SHORTEST_S = 400, 1.0
#: Batches that a partition should have at most (the embedded broker slows down with more), and the
#: shortest time between two, ms.
_MAX_BATCHES, _SHORTEST_TICK_MS = 4_000, 50
#: Owners of leftover keys that the report names.
_NAMED = 20

_SESSION = re.compile(session_name(0).replace("000000", r"\d+"))


async def measure_soak(
    settings: Settings,
    *,
    minutes: float,
    rate: int,
    partitions: int = 4,
    seed: int = 7,
    note: Note = lambda text: None,
) -> dict[str, Any]:
    """Play about ``rate`` samples per second for ``minutes``; returns trends and what is left.

    Slopes are least squares over the readings after the warm-up, in MB per hour.
    ``sessions_left`` are sessions that Redis has in its journals, or saved as open ones, when all
    have ended and timed out; ``sessions_remembered`` counts those named in keys, by kind of key.
    """
    workload = _workload(minutes, rate, partitions, seed)
    tick_ms = max(_SHORTEST_TICK_MS, round(minutes * 60_000 / _MAX_BATCHES))
    pipeline = bench_pipeline(
        "soak", workload, idle_after_ms=_IDLE_MS, session_timeout_ms=_TIMEOUT_MS
    )
    with open_site(settings, use_configured=False) as site:
        run = LiveRun(site, workload, pipeline, tick_ms=tick_ms)
        client = connect_redis(site.settings.redis)
        note("starting a worker")
        async with run.started("server") as (worker,):
            note(f"{workload.sessions} sessions of {workload.seconds} s, {minutes:g} min")
            began_s = time.monotonic()
            readings: list[Reading] = []
            every_s = max(_SHORTEST_S, minutes * 60 / _READINGS)
            async for _ in run.play():
                at_s = time.monotonic() - began_s
                if at_s >= len(readings) * every_s:
                    readings.append(await take_reading(worker.pid, client, at_s))
                    worker.check()
            note("waiting for the last sessions to time out")
            await _until_over(client, pipeline.pipeline, partitions)
            after = await take_reading(worker.pid, client, time.monotonic() - began_s)
            left = await keys_of(client, pipeline.pipeline, partitions)
            still_open = await _still_open(client, pipeline.pipeline, partitions)
            remembered = await _remembered(client, left)
            await client.aclose()
            figures = await worker.stop(Figures)
        windows = await run.check()
    return {
        **_trends(readings, minutes * 60 * WARM_UP_SHARE),
        "sessions_left": still_open[:_NAMED],
        "keys_left": dict(Counter(_kind(name) for name in left)),
        "sessions_remembered": remembered,
        "after": after,
        "exact_pct": windows.exact_pct,
        "outcome": windows,
        "flawless": windows.flawless,
        "minutes": minutes,
        "rate": round(run.oracle.samples / (readings[-1].at_s or 1)),
        "sessions": workload.sessions,
        "session_s": workload.seconds,
        "partitions": partitions,
        "seed": seed,
        "payload_bytes": workload.payload_bytes,
        "tick_ms": tick_ms,
        "pace_behind_ms": round(run.pace.behind_ms, 1),
        "worker_cpu_share": round(figures.cpu_s / figures.seconds, 3),
        "worker_peak_rss_mb": round(figures.peak_rss_mb, 1),
        "readings": readings,
    }


def _workload(minutes: float, rate: int, partitions: int, seed: int) -> Workload:
    seconds = min(SESSION_S, max(2, round(minutes * 60 / 4)))
    alive = max(1, round(rate / SESSION_RATE_HZ))
    stagger_ms = seconds * 1000 / alive
    now_ms = time.time_ns() // 1_000_000
    return Workload(
        sessions=max(1, round((minutes * 60 - seconds) * 1000 / stagger_ms)),
        seconds=seconds,
        partitions=partitions,
        seed=seed,
        start_ms=now_ms - now_ms % SIZE_MS,
        stagger_ms=stagger_ms,
        payload_bytes=PAYLOAD_BYTES,
    )


async def _until_over(client: redis.Redis, pipeline: str, partitions: int) -> None:
    """Return once no session is open, or after the time in which that should be so."""
    deadline_s = time.monotonic() + (_IDLE_MS + _TIMEOUT_MS) / 1000 + _GRACE_S
    while time.monotonic() < deadline_s:
        if not await _still_open(client, pipeline, partitions):
            return
        await asyncio.sleep(_SHORTEST_S)


async def _still_open(client: redis.Redis, pipeline: str, partitions: int) -> list[str]:
    """Sessions that have a save as open ones, or that a journal still tells of."""
    found: set[str] = set()
    for shard in range(partitions):
        _, journal_key, saves_key = shard_keys(pipeline, shard)
        saves = cast(dict[bytes, bytes], await client.hgetall(saves_key))
        found |= {name.decode() for name, data in saves.items() if journal.is_open(data)}
        found |= set(_SESSION.findall(await content_of(client, journal_key)))
    return sorted(found)


def _kind(key: str) -> str:
    """A key's name without its shard, and with whatever is particular to it left out.

    >>> _kind("sensorium:{soak:3}:w:12:bench-000031")
    'w:#:SESSION'
    """
    return re.sub(r"\d+", "#", _SESSION.sub("SESSION", key.partition("}:")[2]))


async def _remembered(client: redis.Redis, names: Sequence[str]) -> dict[str, int]:
    """Kind of key -> how many sessions are named in such keys' content."""
    sessions: dict[str, set[str]] = {}
    for name in names:
        found = _SESSION.findall(await content_of(client, name))
        sessions.setdefault(_kind(name), set()).update(found)
    return {kind: len(found) for kind, found in sessions.items() if found}


def _trends(readings: Sequence[Reading], warm_up_s: float) -> dict[str, float | None]:
    counted = [one for one in readings if one.at_s >= warm_up_s]
    rss = slope_per_hour([(one.at_s, one.worker_rss_mb) for one in counted])
    used = slope_per_hour([(one.at_s, one.redis_used_mb) for one in counted])
    return {
        "worker_rss_slope_mb_per_h": None if rss is None else round(rss, 2),
        "redis_slope_mb_per_h": None if used is None else round(used, 2),
        "worker_rss_mb_first": counted[0].worker_rss_mb if counted else None,
        "worker_rss_mb_last": counted[-1].worker_rss_mb if counted else None,
        "redis_used_mb_first": counted[0].redis_used_mb if counted else None,
        "redis_used_mb_last": counted[-1].redis_used_mb if counted else None,
        "redis_used_mb_max": max((one.redis_used_mb for one in readings), default=None),
        "max_keys": max((one.redis_keys for one in readings), default=None),
    }
