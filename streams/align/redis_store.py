"""Windows kept in Redis or Valkey, so that a worker can die at any point.

The windows of a shard are in its owner's memory (``core``); Redis has what it takes to be there
again (``tenancy``). Every write is one atomic script that a former owner's cannot get past.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

import redis.exceptions
from redis.asyncio import Redis

from streams.align import journal, scripts
from streams.align.core import SHARD, ShardCore
from streams.align.keys import LAYOUT, shard_keys
from streams.align.spec import AlignSpec
from streams.align.tenancy import Tenancy
from streams.align.types import (
    Applied,
    Batch,
    Claim,
    Restored,
    Window,
    WindowKey,
)
from streams.errors import Fenced, StateLost, StoreUnreachable, StreamError

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
#: Entries or saves asked for at once when a shard is taken over: of 2 MB at most each.
_PAGE = 32
#: Bytes of a shard that wait to be written before a write begins by itself; while one is under way
#: and as many wait again, ``apply`` waits.
_UNWRITTEN_BYTES = 1_000_000
#: A safety net for shards that nobody works on any more, milliseconds. A week at least: a long
#: backlog may leave an open window untouched for days.
_LEAST_RETENTION_MS = 7 * 24 * 3_600_000


Answer = TypeVar("Answer")


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
        self._spec = spec
        self._client = client
        self._retention_ms = max(6 * spec.session_timeout_ms, _LEAST_RETENTION_MS)
        self._tenancies: dict[int, Tenancy] = {}
        #: shard -> what its last write met.
        self._failed: dict[int, StreamError] = {}
        #: shard -> lock; while windows are about to be handed out, nothing else may happen.
        self._locks: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def encoder(self) -> str:
        """What makes the features that are applied."""
        return self._spec.encoder

    def encode_by(self, encoder: str) -> None:
        """Features are made by something else from now on; claim every shard again."""
        self._spec = replace(self._spec, encoder=encoder)

    # -- taking over --------------------------------------------------------------------------

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases."""
        async with self._locks[shard]:
            await self._let_go(shard)
            answer = await self._run("claim", shard, owner, self._digest, self._retention_ms)
            version, fresh, first, entries, saves = (_integer(value) for value in answer[:5])
            core = ShardCore(self._spec, shard)
            tenancy = Tenancy(owner, version, core, first)
            if not fresh:
                try:
                    await self._replay(shard, tenancy, entries, saves)
                except StateLost:
                    # Of no use to anybody: what is committed is read again.
                    core, fresh = ShardCore(self._spec, shard), 1
                    tenancy = Tenancy(owner, await self._replace(shard, owner, core), core)
                else:
                    core.applied = _applied(answer[5:])
                    tenancy.applied = dict(core.applied)
            self._tenancies[shard] = tenancy
        return Claim(fresh=fresh == 1, applied=dict(core.applied), notes=dict(core.notes))

    async def _replay(self, shard: int, tenancy: Tenancy, entries: int, saves: int) -> None:
        """Load what there is; it is ours alone once the version is found unchanged after that.

        Raises ``StateLost`` where some of it is missing or cannot be read.
        """
        _, journal_key, saves_key = shard_keys(self._spec.pipeline, shard)
        replay = journal.Replay(tenancy.core, shard)
        loaded: dict[str, journal.Saved] = {}
        cursor = -1
        while cursor:
            scan = self._client.hscan(saves_key, max(cursor, 0), count=_PAGE)
            cursor, page = cast(tuple[int, dict[bytes, bytes]], await self._ask(scan))
            for name, data in page.items():
                # A scan may give a field twice.
                if (text := name.decode()) not in loaded:
                    loaded[text] = replay.load(text, data)
        tenancy.found_saves(loaded)
        for start in range(0, entries, _PAGE):
            read = self._client.lrange(journal_key, start, start + _PAGE - 1)
            for data in cast(list[bytes], await self._ask(read)):
                replay.redo(tenancy.noted, data)
                tenancy.found_entry(len(data))
        await self._step("check", shard, tenancy)
        if not tenancy.has_found(entries, saves):
            raise StateLost(shard, "expected all of what was written, got less; rewind the shard")
        tenancy.core.taken_over()

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""
        async with self._locks[shard]:
            self._tenancies.pop(shard, None)
            self._failed.pop(shard, None)
            core = ShardCore(self._spec, shard, past)
            tenancy = Tenancy(owner, await self._replace(shard, owner, core), core)
            tenancy.found_saves(dict.fromkeys(_names(core)))
            self._tenancies[shard] = tenancy

    async def _replace(self, shard: int, owner: str, core: ShardCore) -> int:
        core.take_touched()
        saves = {name: journal.save(core, name, -1) for name in sorted(_names(core))}
        flat = [part for name, (data, _) in saves.items() for part in (name, data)]
        fields = [part for input, at in core.applied.items() for part in (f"a:{input}", at)]
        status, *rest = await self._run(
            "restore",
            shard,
            owner,
            self._digest,
            self._retention_ms,
            len(flat) // 2,
            *flat,
            *fields,
        )
        if status == 1:
            raise _fenced(shard, owner, rest)
        return _integer(rest[0])

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
    ) -> dict[str, int]:
        """Mark windows and late samples as published; returns what may be committed."""
        async with self._locks[shard]:
            tenancy = self._tenancy(shard)
            if windows or late:
                tenancy.core.ack(windows, late, event_states)
                tenancy.note(journal.acknowledged(windows, late, event_states))
            if late:
                # A due window comes again by itself; a late sample's record, once committed, not.
                await self._flush(shard, tenancy)
            finished = tenancy.core.committable()
            return {i: min(at, tenancy.applied.get(i, 0)) for i, at in finished.items()}

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
        saved = [part for pair in write.saved.items() for part in pair]
        fields = [part for input, at in write.applied.items() for part in (f"a:{input}", at)]
        try:
            await self._step(
                "write",
                shard,
                tenancy,
                *write.there,
                write.dropped,
                self._retention_ms,
                len(write.entries),
                len(write.saved),
                len(write.deleted),
                *write.entries,
                *saved,
                *write.deleted,
                *fields,
            )
        except BaseException as error:
            # What is in memory is not what Redis has any more.
            if self._tenancies.get(shard) is tenancy:
                del self._tenancies[shard]
                if isinstance(error, StreamError):
                    self._failed[shard] = error
            raise
        tenancy.version += 1
        tenancy.written = write.last + 1
        tenancy.applied = write.applied
        tenancy.writing = None

    @property
    def _digest(self) -> str:
        return f"{LAYOUT}:{self._spec.digest}"

    async def _step(
        self, script: str, shard: int, tenancy: Tenancy, *args: bytes | str | int
    ) -> None:
        owner, version = tenancy.owner, tenancy.version
        status, *rest = await self._run(script, shard, owner, version, *args)
        if status == 1:
            raise _fenced(shard, owner, rest)
        if status == 2:
            raise StateLost(
                shard, f"expected version {version}, got {_text(rest[0])}; rewind the shard"
            )

    async def _run(self, script: str, shard: int, *args: bytes | str | int) -> list[object]:
        keys = shard_keys(self._spec.pipeline, shard)
        return cast(list[object], await self._ask(scripts.run(self._client, script, keys, *args)))

    async def _ask(self, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        except _UNAVAILABLE as error:
            raise StoreUnreachable(
                f"expected Redis to answer, got {type(error).__name__}: {error}; check the server "
                "and its address"
            ) from error


def _names(core: ShardCore) -> set[str]:
    """What of a core has a save when all of it is saved."""
    names = core.sessions.keys() | set(core.tombs)
    return names | {SHARD} if core.is_in_transit() else names


def _applied(flat: Sequence[object]) -> dict[str, int]:
    """Input -> next offset, of the fields of ``meta``."""
    fields = {_text(k): v for k, v in zip(flat[::2], flat[1::2], strict=True)}
    return {k.removeprefix("a:"): _integer(v) for k, v in fields.items() if k.startswith("a:")}


def _fenced(shard: int, owner: str, rest: Sequence[object]) -> Fenced:
    return Fenced(shard, f"expected owner {owner!r}, got {_text(rest[0])!r}; let go of it")


def _integer(value: object) -> int:
    return int(cast(int, value))


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
