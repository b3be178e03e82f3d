"""Measure the Redis window store alone: ``python -m tests.align.measure [records | memory]``.

The shape of the shared workload: 200 sessions on 4 shards, video and audio 10 Hz and a transcript
1 Hz in 500 ms windows, 900-byte features, batches of 256 records of one partition, everything
leased and acknowledged. Prints records per second and CPU per record of this process and of Redis,
or with ``memory`` what Redis needs for an open session of 128 bytes a feature, in steps of 100 ms.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time

from redis.asyncio import Redis

from schemas.settings import RedisSettings
from streams.align.redis_store import RedisStore
from streams.align.spec import AlignSpec, InputRule
from streams.align.types import Batch, Entry, WindowKey
from streams.redis_client import connect_redis
from streams.stack import embedded_stack

RATES_HZ = {"video": 10, "audio": 10, "transcript": 1}
SESSIONS, SHARDS, BATCH, LEASE = 200, 4, 1024, 512

SPEC = AlignSpec(
    "measure",
    500_000,
    tuple(InputRule(name, "series", lateness_us=500_000, sensors=(name,)) for name in RATES_HZ),
)


def batches(records: int) -> list[tuple[int, str, list[Entry]]]:
    """(shard, input, entries) by time of arrival, at most ``BATCH`` entries each."""
    rnd = random.Random(7)
    seconds = records // (SESSIONS * sum(RATES_HZ.values()))
    features = [rnd.randbytes(900) for _ in range(64)]
    arrivals = sorted(
        (at_us + rnd.randrange(80_000), at_us, session, name)
        for session in range(SESSIONS)
        for name, hz in RATES_HZ.items()
        for at_us in range(rnd.randrange(100_000), seconds * 1_000_000, 1_000_000 // hz)
    )
    offsets = dict.fromkeys(((s, i) for s in range(SHARDS) for i in RATES_HZ), 0)
    filling: dict[tuple[int, str], list[Entry]] = {}
    done = []
    for _, at_us, session, name in arrivals:
        partition = (session % SHARDS, name)
        entries = filling.setdefault(partition, [])
        offset = offsets[partition]
        offsets[partition] += 1
        entries.append(Entry(f"s{session:04d}", name, offset, at_us, at_us, features[offset % 64]))
        if len(entries) == BATCH:
            done.append((*partition, filling.pop(partition)))
    return done + [(*partition, entries) for partition, entries in filling.items()]


async def server_cpu_s(client: Redis) -> float:
    """CPU seconds that Redis has used."""
    cpu = await client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


async def work_off(store: RedisStore, shard: int, work: list[tuple[str, list[Entry]]]) -> int:
    """Apply a shard's batches in turn, and lease and acknowledge what becomes due."""
    samples = 0
    for name, entries in work:
        applied = await store.apply(shard, Batch(name, entries[-1].offset + 1, entries), 1_000)
        if applied.due >= LEASE:
            leased = await store.lease(shard, LEASE, 1_000, 10_000)
            await store.ack(shard, [WindowKey(w.session, w.start_us) for w in leased], [], {})
            samples += sum(len(window.samples) for window in leased)
    return samples


async def measure(url: str, records: int) -> None:
    """Work every shard off, all shards at the same time, as a worker does."""
    client = connect_redis(RedisSettings(url=url))
    store = RedisStore(SPEC, client)
    work: dict[int, list[tuple[str, list[Entry]]]] = {shard: [] for shard in range(SHARDS)}
    for shard, name, entries in batches(records):
        work[shard].append((name, entries))
    count = sum(len(entries) for queue in work.values() for _, entries in queue)
    for shard in work:
        await store.claim(shard, "measure")
    redis_s = await server_cpu_s(client)
    own_s = time.process_time()
    began_s = time.perf_counter()
    samples = sum(await asyncio.gather(*(work_off(store, s, queue) for s, queue in work.items())))
    wall_s = time.perf_counter() - began_s
    own_s = time.process_time() - own_s
    redis_s = await server_cpu_s(client) - redis_s
    print(f"{count} records, {samples} handed out in windows, load {os.getloadavg()[0]:.1f}")
    if "commands" in sys.argv:
        for name, row in (await client.info("commandstats")).items():
            print(f"{name:24} {row['calls']:>9} calls {row['usec'] / count:7.2f} us a record")
    print(
        f"{count / wall_s:,.0f} records/s; CPU a record: "
        f"{own_s / count * 1e6:.1f} us here, {redis_s / count * 1e6:.1f} us in Redis"
    )
    began_s = time.perf_counter()
    for shard in work:
        await store.forget(shard)
        await RedisStore(SPEC, client).claim(shard, "next")
    took_ms = (time.perf_counter() - began_s) / SHARDS * 1_000
    print(f"a shard of {SESSIONS // SHARDS} open sessions is taken over in {took_ms:.0f} ms")
    await client.aclose()


async def measure_memory(url: str, sessions: int = 1_000, steps: int = 300) -> None:
    """Feed sessions in step, each with its samples of 100 ms, everything due acknowledged."""
    client = connect_redis(RedisSettings(url=url))
    empty = int((await client.info("memory"))["used_memory"])
    store = RedisStore(SPEC, client)
    await store.claim(0, "measure")
    offsets = dict.fromkeys(RATES_HZ, 0)
    used: list[int] = []
    for step in range(steps):
        now_ms = step * 100
        for name, hz in RATES_HZ.items():
            if step % (10 // hz):
                continue
            entries = [
                Entry(f"s{n:04d}", name, offsets[name] + n, at_us, at_us, bytes(128))
                for n in range(sessions)
                for at_us in (now_ms * 1_000 + n,)
            ]
            offsets[name] += sessions
            await store.apply(0, Batch(name, offsets[name], entries), now_ms)
        await store.tick(0, {}, now_ms)
        while windows := await store.lease(0, LEASE, now_ms, 10_000):
            await store.ack(0, [WindowKey(w.session, w.start_us) for w in windows], [], {})
        if step > steps // 2:
            used.append(int((await client.info("memory"))["used_memory"]) - empty)
    mean, most = sum(used) / len(used) / sessions, max(used) / sessions
    print(f"Redis needs {mean:,.0f} bytes for an open session, {most:,.0f} at most")
    await client.aclose()


if __name__ == "__main__":
    with embedded_stack(kafka=False) as stack:
        if sys.argv[1:2] == ["memory"]:
            asyncio.run(measure_memory(stack.redis_url))
        else:
            asyncio.run(measure(stack.redis_url, int((sys.argv[1:] or ["84000"])[0])))
