"""What Redis is asked for shards: to take one over, to take a write in, to replace all there is."""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from typing import TypeVar, cast

import redis.exceptions
from redis.asyncio import Redis

from streams.align import journal, scripts
from streams.align.core import ShardCore
from streams.align.keys import LAYOUT, shard_keys
from streams.align.spec import AlignSpec
from streams.align.state import SHARD
from streams.align.tenancy import Tenancy, Write
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
#: Entries or saves asked for at once when a shard is taken over: of 2 MB at most each.
_PAGE = 32
#: A safety net for shards that nobody works on any more, milliseconds. A week at least: a long
#: backlog may leave an open window untouched for days.
_LEAST_RETENTION_MS = 7 * 24 * 3_600_000

Answer = TypeVar("Answer")


class RedisShards:
    """The shards of one pipeline in Redis, as they are asked for and written.

    Every call may raise ``StoreUnreachable``, which is retriable; ``Fenced`` where another owner
    has the shard, ``StateLost`` where Redis has not what was written last.
    """

    def __init__(self, spec: AlignSpec, client: Redis) -> None:
        self.spec = spec
        self._client = client
        self._retention_ms = max(6 * spec.session_timeout_ms, _LEAST_RETENTION_MS)

    @property
    def _digest(self) -> str:
        return f"{LAYOUT}:{self.spec.digest}"

    async def claim(self, shard: int, owner: str) -> tuple[Tenancy, bool]:
        """Take a shard over; also tells whether there was nothing to take over."""
        answer = await self._run("claim", shard, owner, self._digest, self._retention_ms)
        version, fresh, first, entries, saves = (_integer(value) for value in answer[:5])
        tenancy = Tenancy(owner, version, ShardCore(self.spec, shard), first)
        if fresh:
            return tenancy, True
        try:
            await self._replay(shard, tenancy, entries, saves)
        except StateLost:
            # Of no use to anybody: what is committed is read again.
            return await self.replace(shard, owner, ShardCore(self.spec, shard)), True
        tenancy.core.applied = _applied(answer[5:])
        tenancy.applied = dict(tenancy.core.applied)
        return tenancy, False

    async def _replay(self, shard: int, tenancy: Tenancy, entries: int, saves: int) -> None:
        """Load what there is; it is ours alone once the version is found unchanged after that.

        Raises ``StateLost`` where some of it is missing or cannot be read.
        """
        _, journal_key, saves_key = shard_keys(self.spec.pipeline, shard)
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

    async def replace(self, shard: int, owner: str, core: ShardCore) -> Tenancy:
        """Put a core in the place of whatever there is of its shard."""
        names = core.sessions.keys() | set(core.tombs)
        if core.is_in_transit():
            names = names | {SHARD}
        saves = {name: journal.save(core, name, -1) for name in sorted(names)}
        flat = [part for name, (data, _) in saves.items() for part in (name, data)]
        fields = [part for input, at in core.applied.items() for part in (f"a:{input}", at)]
        status, *rest = await self._run(
            "restore",
            shard,
            owner,
            self._digest,
            self._retention_ms,
            len(saves),
            *flat,
            *fields,
        )
        if status == 1:
            raise _fenced(shard, owner, rest)
        tenancy = Tenancy(owner, _integer(rest[0]), core)
        tenancy.found_saves(dict.fromkeys(names))
        return tenancy

    async def write(self, shard: int, tenancy: Tenancy, write: Write) -> None:
        """Write what an owner did."""
        saved = [part for pair in write.saved.items() for part in pair]
        fields = [part for input, at in write.applied.items() for part in (f"a:{input}", at)]
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
        keys = shard_keys(self.spec.pipeline, shard)
        return cast(list[object], await self._ask(scripts.run(self._client, script, keys, *args)))

    async def _ask(self, answer: Awaitable[Answer]) -> Answer:
        try:
            return await answer
        except _UNAVAILABLE as error:
            raise StoreUnreachable(
                f"expected Redis to answer, got {type(error).__name__}: {error}; check the server "
                "and its address"
            ) from error


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
