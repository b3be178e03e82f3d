"""Windows in Redis or Valkey: one atomic script per call, so that a worker can die at any point."""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, cast

import redis.exceptions
from redis.asyncio import Redis

from streams.align import batch_wire, scripts, window_wire, wire
from streams.align.assemble import assemble
from streams.align.kept import Run
from streams.align.keys import meta_key
from streams.align.spec import AlignSpec
from streams.align.tile_cache import TileCache
from streams.align.types import (
    Applied,
    Batch,
    Claim,
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
        #: shard -> what this store itself put into its tiles.
        self._caches: dict[int, TileCache] = {}
        #: shard -> lock; the version allows one call of a shard in flight.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def encoder(self) -> str:
        """What makes the features that are applied."""
        return self._spec.encoder

    def encode_by(self, encoder: str) -> None:
        """Features are made by something else from now on; claim every shard again."""
        self._spec = replace(self._spec, encoder=encoder)
        self._packed_spec = wire.pack_spec(self._spec)

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
            version, fresh, notes, *applied = answer
            self._mine[shard] = (owner, _integer(version))
            self._caches[shard] = TileCache()
        flat = cast(Sequence[bytes], notes)
        return Claim(
            fresh=fresh == 1,
            applied=_pairs(applied),
            notes={_text(name): note for name, note in zip(flat[::2], flat[1::2], strict=True)},
        )

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""
        payload = wire.pack_restored(self._spec, past)
        async with self._locks[shard]:
            (version,) = await self._run("restore", shard, owner, 0, 0, *payload)
            self._mine[shard] = (owner, _integer(version))
            self._caches[shard] = TileCache()

    async def apply(self, shard: int, batch: Batch, now_ms: int) -> Applied:
        """Take a chunk of one input in; ``ValueError`` for a time past ``MAX_EVENT_TIME_US``."""
        payload, data, sent = batch_wire.pack_batch(self._spec, batch)
        answer = await self._step("apply", shard, now_ms, payload, data)
        repeats, dropped, due, open_windows, size, full = map(_integer, answer[:6])
        self._remember(shard, sent, wire.unpack(cast(bytes, answer[6])))
        late = wire.unpack(cast(bytes, answer[7]))
        return Applied(
            late=_late_samples(batch, late) if late else (),
            repeats=repeats,
            due=due,
            open_windows=open_windows,
            dropped=dropped,
            size=size,
            full=full > 0,
        )

    def _remember(
        self,
        shard: int,
        sent: Sequence[batch_wire.SentGroup],
        answers: Sequence[Literal[True] | Sequence[int]],
    ) -> None:
        cache = self._caches.get(shard)
        if cache is None:
            return
        for group, answer in zip(sent, answers, strict=True):
            if answer is True:
                for tile, run in group.runs:
                    cache.add(group.session, tile, run)
            else:
                cache.drop(group.session, answer)

    async def tick(self, shard: int, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over."""
        payload = wire.pack(wire.pack_through(self._spec, read_through_ms))
        answer = await self._step("tick", shard, now_ms, payload)
        due, open_windows, size, full = map(_integer, answer[:4])
        forgotten: list[str] = wire.unpack(cast(bytes, answer[4]))
        for session in forgotten:
            self._forget_tiles(shard, session, math.inf)
        return Applied(
            due=due,
            open_windows=open_windows,
            size=size,
            full=full > 0,
            forgotten=tuple(sorted(forgotten)),
        )

    def _forget_tiles(self, shard: int, session: str, before: float) -> None:
        if (cache := self._caches.get(shard)) is not None:
            cache.drop_before(session, before)

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order."""
        answer = await self._step("lease", shard, now_ms, wire.pack((limit, lease_ms)))
        rows = window_wire.unpack_rows(cast(list[bytes], answer))
        cache = self._caches.get(shard, TileCache())
        found: dict[tuple[str, int], Sequence[Run]] = {}
        missing: dict[tuple[str, int], int] = {}
        for row in rows:
            for tile, elements in row.tiles:
                key = (row.session, tile)
                if key not in found and key not in missing:
                    runs = cache.get(row.session, tile, elements)
                    if runs is None:
                        missing[key] = elements
                    else:
                        found[key] = runs
        if missing:
            found |= await self._read(shard, [(*key, n) for key, n in sorted(missing.items())])
        return [
            window_wire.end_of_session(self._spec, shard, row)
            if row.over
            else assemble(
                self._spec,
                shard,
                window_wire.raw_window(
                    row, [(tile, found[row.session, tile]) for tile, _ in row.tiles]
                ),
            )
            for row in rows
        ]

    async def _read(
        self, shard: int, tiles: Sequence[tuple[str, int, int]]
    ) -> dict[tuple[str, int], list[Run]]:
        """Tiles that another worker wrote, or whose records were not taken as a whole."""
        answer = await self._step("read", shard, 0, wire.pack(tiles))
        parts = iter(cast(list[bytes], answer))
        found: dict[tuple[str, int], list[Run]] = {}
        cache = self._caches.get(shard, TileCache())
        for session, tile, elements in tiles:
            found[session, tile] = [
                batch_wire.decode_element(session, next(parts), next(parts))
                for _ in range(elements)
            ]
            cache.put(session, tile, found[session, tile])
        return found

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
    ) -> dict[str, int]:
        """Mark windows and late samples as published; returns what may be committed."""
        payload, states, sessions = wire.pack_ack(windows, late, event_states)
        left, *offsets = await self._step("ack", shard, 0, payload, states)
        for session, tile in zip(sessions, wire.unpack(cast(bytes, left)), strict=True):
            self._forget_tiles(shard, session, math.inf if tile is False else tile)
        return _pairs(offsets)

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours; later calls are ``Fenced``."""
        self._mine.pop(shard, None)
        self._caches.pop(shard, None)


def _late_samples(batch: Batch, rows: Sequence[tuple[int, int, int]]) -> tuple[LateSample, ...]:
    by_offset = {entry.offset: entry for entry in reversed(batch.entries)}
    return tuple(
        LateSample(
            input=batch.input,
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
