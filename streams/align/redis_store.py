"""Windows in Redis or Valkey: one atomic script per call, so that a worker can die at any point."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import cast

import redis.exceptions
from redis.asyncio import Redis

from streams.align import scripts, wire
from streams.align.assemble import assemble
from streams.align.keys import meta_key
from streams.align.spec import AlignSpec
from streams.align.types import (
    Applied,
    Claim,
    Entry,
    LateSample,
    Restored,
    Window,
    WindowKey,
)
from streams.errors import Fenced, StateLost, StoreUnreachable

#: The server is there but cannot serve now, or is not: the call may be tried again. Whether a
#: call that failed in transit took effect is unknown; if it did, the next one finds another
#: version and raises ``StateLost``.
_UNAVAILABLE = (
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    redis.exceptions.ReadOnlyError,
    redis.exceptions.OutOfMemoryError,
    OSError,
)


class RedisStore:
    """``WindowStore`` over Redis. See the protocol for what each call does.

    ``client``: one that never sends a command twice by itself (``connect_redis`` makes such); a
    repeated script would find its own first run and take that for lost state.

    Every call may also raise ``StoreUnreachable``, which is retriable. Calls for one shard run
    one after the other, calls for different shards at the same time. Closing the client is its
    owner's part.
    """

    def __init__(self, spec: AlignSpec, client: Redis) -> None:
        self._spec = spec
        self._packed_spec = wire.pack_spec(spec)
        self._client = client
        #: shard -> (owner, version) as this store wrote it last.
        self._mine: dict[int, tuple[str, int]] = {}
        #: shard -> lock; the version allows one call of a shard in flight.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def _run(
        self, script: str, shard: int, owner: str, version: int, now_ms: int, *payload: bytes
    ) -> list[object]:
        key = meta_key(self._spec.pipeline, shard)
        try:
            answer = await scripts.run(
                self._client, script, key, owner, version, self._packed_spec, now_ms, *payload
            )
        except _UNAVAILABLE as error:
            raise StoreUnreachable(
                f"expected Redis to run {script!r} for shard {shard}, got "
                f"{type(error).__name__}: {error}; check the server and its address"
            ) from error
        status, *rest = answer
        if status == 1:
            raise Fenced(shard, f"expected owner {owner!r}, got {_text(rest[0])!r}; let go of it")
        if status == 2:
            raise StateLost(
                shard, f"expected version {version}, got {_text(rest[0])}; rewind the shard"
            )
        return rest

    async def _step(self, script: str, shard: int, now_ms: int, *payload: bytes) -> list[object]:
        async with self._locks[shard]:
            if shard not in self._mine:
                raise Fenced(shard, "expected a claim by this store, got none; claim it first")
            owner, version = self._mine[shard]
            answer = await self._run(script, shard, owner, version, now_ms, *payload)
            if shard in self._mine:
                self._mine[shard] = (owner, version + 1)
            return answer

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases."""
        async with self._locks[shard]:
            answer = await self._run("claim", shard, owner, 0, 0, wire.pack(()))
            version, fresh, *applied = answer
            self._mine[shard] = (owner, _integer(version))
        return Claim(fresh=fresh == 1, applied=_pairs(applied))

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""
        payload = wire.pack_restored(self._spec, past)
        async with self._locks[shard]:
            (version,) = await self._run("restore", shard, owner, 0, 0, *payload)
            self._mine[shard] = (owner, _integer(version))

    async def apply(
        self, shard: int, input: str, next_offset: int, entries: Sequence[Entry], now_ms: int
    ) -> Applied:
        """Take a chunk of one input in; ``ValueError`` for a time past ``MAX_EVENT_TIME_US``."""
        payload = wire.pack_batch(self._spec.position[input], next_offset, entries)
        answer = await self._step("apply", shard, now_ms, *payload)
        repeats, dropped, due, open_windows = map(_integer, answer[:4])
        late = wire.unpack(cast(bytes, answer[4]))
        return Applied(
            late=_late_samples(input, entries, late) if late else (),
            repeats=repeats,
            due=due,
            open_windows=open_windows,
            dropped=dropped,
        )

    async def tick(self, shard: int, caught_up: Collection[str], now_ms: int) -> int:
        """Find sensors idle; returns windows now due."""
        position = self._spec.position
        inputs = sorted({position[input] + 1 for input in caught_up if input in position})
        (due,) = await self._step("tick", shard, now_ms, wire.pack(inputs))
        return _integer(due)

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order."""
        answer = await self._step("lease", shard, now_ms, wire.pack((limit, lease_ms)))
        raws = wire.unpack_windows(cast(list[bytes], answer))
        return [assemble(self._spec, shard, raw) for raw in raws]

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
    ) -> dict[str, int]:
        """Mark windows and late samples as published; returns what may be committed."""
        payload = wire.pack_ack(self._spec, windows, late, event_states)
        return _pairs(await self._step("ack", shard, 0, *payload))

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours; later calls are ``Fenced``."""
        self._mine.pop(shard, None)


def _late_samples(
    input: str, entries: Sequence[Entry], rows: Sequence[tuple[int, int, int]]
) -> tuple[LateSample, ...]:
    by_offset = {entry.offset: entry for entry in entries}
    return tuple(
        LateSample(
            input=input,
            offset=offset,
            session=by_offset[offset].session,
            sensor=by_offset[offset].sensor,
            start_us=by_offset[offset].start_us,
            late_by_us=late_by_us,
            reason=wire.late_reason(reason),
        )
        for offset, late_by_us, reason in sorted(rows)
    )


def _integer(value: object) -> int:
    return int(cast(int, value))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _pairs(flat: Sequence[object]) -> dict[str, int]:
    return {_text(name): _integer(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
