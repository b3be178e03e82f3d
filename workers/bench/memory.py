"""What a run keeps in memory over time: readings, their trend, and keys that outlive a session."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import redis.asyncio as redis

from streams.align.keys import shard_prefix
from workers.bench.errors import BenchError

_MB = 1024**2
#: Keys asked for at once while all are looked through.
_SCAN_COUNT = 1_000


class Reading(msgspec.Struct, frozen=True):
    """The worker's resident memory, and Redis' memory and number of keys, at one moment."""

    at_s: float
    worker_rss_mb: float
    redis_used_mb: float
    redis_keys: int


async def take_reading(pid: int, client: redis.Redis, at_s: float) -> Reading:
    """Read worker and Redis now."""
    memory = await client.info("memory")
    return Reading(
        at_s=round(at_s, 1),
        worker_rss_mb=round(resident_mb(pid), 2),
        redis_used_mb=round(int(memory["used_memory"]) / _MB, 3),
        redis_keys=int(await client.dbsize()),
    )


def resident_mb(pid: int) -> float:
    """Resident memory of a process, MB. Raises ``BenchError`` where there is no such process."""
    status = Path(f"/proc/{pid}/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    listed = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    if not listed.stdout.strip():
        raise BenchError(f"expected a process {pid} whose memory can be read, got none")
    return int(listed.stdout) / 1024


def slope_per_hour(points: Sequence[tuple[float, float]]) -> float | None:
    """Least-squares slope of (seconds, value), per hour; ``None`` of less than two moments.

    >>> slope_per_hour([(0, 1.0), (60, 2.0), (120, 3.0)])
    60.0
    """
    if len(points) < 2:
        return None
    mean_s = sum(at_s for at_s, _ in points) / len(points)
    mean = sum(value for _, value in points) / len(points)
    spread = sum((at_s - mean_s) ** 2 for at_s, _ in points)
    if not spread:
        return None
    return sum((at_s - mean_s) * (value - mean) for at_s, value in points) / spread * 3600


async def keys_of(client: redis.Redis, pipeline: str, partitions: int) -> list[str]:
    """Names of all keys of a pipeline's shards."""
    names: list[str] = []
    for shard in range(partitions):
        # Braces mean nothing in a pattern; names of pipelines hold no character that does.
        pattern = shard_prefix(pipeline, shard) + "*"
        found = client.scan_iter(match=pattern, count=_SCAN_COUNT)
        names.extend([key.decode(errors="replace") async for key in found])
    return sorted(names)


async def content_of(client: redis.Redis, key: str) -> str:
    """All that a key holds as one text, whatever its type: for looking for names in it."""
    return b"\n".join(await _parts(client, key)).decode(errors="replace")


async def _parts(client: redis.Redis, key: str) -> list[Any]:
    match await client.type(key):
        case b"hash":
            return [part for pair in (await client.hgetall(key)).items() for part in pair]
        case b"zset":
            return list(await client.zrange(key, 0, -1))
        case b"set":
            return list(await client.smembers(key))
        case b"list":
            return list(await client.lrange(key, 0, -1))
        case b"string":
            return [await client.get(key) or b""]
        case _:  # gone since it was listed
            return []
