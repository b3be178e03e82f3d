"""Windows kept in Redis or Valkey, so that a worker can die at any point.

The windows of a shard are in its owner's memory (``core``); Redis has what it takes to be there
again (``tenancy``). Every write is one atomic script that a former owner's cannot get past.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace

from redis.asyncio import Redis

from streams.align import journal
from streams.align.core import ShardCore
from streams.align.redis_shards import RedisShards
from streams.align.spec import AlignSpec
from streams.align.tenancy import Tenancy
from streams.align.types import NO_STATES, Applied, Batch, Claim, Restored, Window, WindowKey
from streams.errors import Fenced, StateLost, StoreUnreachable, StreamError

#: Bytes of a shard that wait to be written before a write begins by itself; while one is under way
#: and as many wait again, ``apply`` waits.
_UNWRITTEN_BYTES = 1_000_000


class RedisStore:
    """``WindowStore`` over Redis. See the protocol for what each call does.

    ``client``: one that never sends a command twice by itself (``connect_redis`` makes such); a
    repeated script would find its own first run and take that for lost state.

    What a call did is written together with what comes next: before windows are handed out or a
    late sample is told of, when ``_UNWRITTEN_BYTES`` wait, at a tick, and when the shard is given
    up. So no result tells of what a next owner could not know. An acknowledgement that is lost in
    between makes the next owner hand its windows out again, for the same ids and content.

    Every call may also raise ``StoreUnreachable``, which is retriable. Once a write has failed,
    every call raises what it met until the shard is claimed again. Calls for one shard take effect
    one after the other, calls for different shards at the same time. Closing the client is its
    owner's part.
    """

    def __init__(self, spec: AlignSpec, client: Redis) -> None:
        self._shards = RedisShards(spec, client)
        self._tenancies: dict[int, Tenancy] = {}
        #: shard -> what its last write met.
        self._failed: dict[int, StreamError] = {}
        #: shard -> lock; while windows are about to be handed out, nothing else may happen.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def encoder(self) -> str:
        """What makes the features that are applied."""
        return self._shards.spec.encoder

    def encode_by(self, encoder: str) -> None:
        """Features are made by something else from now on; claim every shard again."""
        self._shards.spec = replace(self._shards.spec, encoder=encoder)

    # -- taking over --------------------------------------------------------------------------

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases."""
        async with self._locks[shard]:
            await self._let_go(shard)
            tenancy, fresh = await self._shards.claim(shard, owner)
            self._tenancies[shard] = tenancy
            return Claim(fresh, dict(tenancy.core.applied), dict(tenancy.core.notes))

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""
        async with self._locks[shard]:
            self._tenancies.pop(shard, None)
            self._failed.pop(shard, None)
            core = ShardCore(self._shards.spec, shard, past)
            self._tenancies[shard] = await self._shards.replace(shard, owner, core)

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours; later calls are ``Fenced``.

        What was acknowledged is written first, if Redis still takes it from us.
        """
        async with self._locks[shard]:
            await self._let_go(shard)

    async def _let_go(self, shard: int) -> None:
        if (tenancy := self._tenancies.get(shard)) is not None:
            with contextlib.suppress(Fenced, StateLost, StoreUnreachable):
                await self._flush(shard, tenancy)
        self._tenancies.pop(shard, None)
        self._failed.pop(shard, None)

    # -- records and time ---------------------------------------------------------------------

    async def apply(self, shard: int, batch: Batch, now_ms: int) -> Applied:
        """Take a chunk of one input in."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            applied, step = journal.apply(tenancy.core, batch, now_ms)
            tenancy.note(step)
        if applied.late:
            await self._flush(shard, tenancy)
        elif tenancy.unwritten_bytes > _UNWRITTEN_BYTES:
            if tenancy.writing is not None:
                await asyncio.shield(tenancy.writing)
            self._begin_write(shard, tenancy)
        return applied

    async def tick(self, shard: int, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            applied = tenancy.core.tick(read_through_ms, now_ms)
            if applied.changed:
                tenancy.note(journal.Looked(now_ms, read_through_ms, applied.changed))
            await self._flush(shard, tenancy)
            return applied

    # -- windows ------------------------------------------------------------------------------

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            await self._flush(shard, tenancy)
            windows = tenancy.core.lease(limit, now_ms, lease_ms)
            if (step := journal.handed(windows)) is not None:
                # No two results may have the same number: it has to be known before one is made.
                tenancy.note(step)
                await self._flush(shard, tenancy)
            return windows

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
        model_states: Mapping[str, bytes] = NO_STATES,
    ) -> dict[str, int]:
        """Mark windows and late samples as published; returns what may be committed."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            if windows or late:
                tenancy.core.ack(windows, late, event_states, model_states)
                tenancy.note(journal.acknowledged(windows, late, event_states, model_states))
            if late:
                # A due window comes again by itself; a late sample's record, once committed, not.
                await self._flush(shard, tenancy)
            return _committable(tenancy)

    async def settle(self, shard: int) -> dict[str, int]:
        """Write what was done by now; returns what may be committed."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            await self._flush(shard, tenancy)
            return _committable(tenancy)

    # -- writing ------------------------------------------------------------------------------

    def _tenancy(self, shard: int) -> Tenancy:
        tenancy = self._tenancies.get(shard)
        if tenancy is None:
            unclaimed = Fenced(shard, "expected a claim by this store, got none; claim it first")
            raise self._failed.get(shard, unclaimed)
        return tenancy

    async def _flush(self, shard: int, tenancy: Tenancy) -> None:
        """Return once all is written that was done by now."""
        noted = tenancy.noted
        while tenancy.written < noted:
            self._begin_write(shard, tenancy)
            assert tenancy.writing is not None
            await asyncio.shield(tenancy.writing)

    def _begin_write(self, shard: int, tenancy: Tenancy) -> None:
        """Begin to write what waits to be written, unless a write is under way."""
        if tenancy.writing is None and tenancy.written < tenancy.noted:
            tenancy.writing = asyncio.create_task(self._write(shard, tenancy), name="write")
            # Whoever waits for it is told, else whoever comes next: see ``_failed``.
            tenancy.writing.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def _write(self, shard: int, tenancy: Tenancy) -> None:
        write = tenancy.next_write()
        try:
            await self._shards.write(shard, tenancy, write)
        except BaseException as error:
            # What is in memory is not what Redis has any more.
            if self._tenancies.get(shard) is tenancy:
                del self._tenancies[shard]
                if isinstance(error, StreamError):
                    self._failed[shard] = error
            raise
        tenancy.wrote(write)


def _committable(tenancy: Tenancy) -> dict[str, int]:
    """Input -> offset before which everything is finished, and known to a next owner."""
    finished = tenancy.core.committable()
    return {input: min(at, tenancy.applied.get(input, 0)) for input, at in finished.items()}
