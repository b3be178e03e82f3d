"""Windows in this process: for unit tests, and for aligning recordings offline."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from streams.align.core import ShardCore
from streams.align.spec import AlignSpec
from streams.align.types import NO_STATES, Applied, Batch, Claim, Restored, Window, WindowKey
from streams.errors import Fenced, StateLost


class MemoryBackend:
    """What several ``MemoryStore`` share, as workers share one Redis."""

    def __init__(self) -> None:
        #: shard -> [owner, version, state]
        self.shards: dict[int, tuple[str, int, ShardCore]] = {}

    def wipe(self) -> None:
        """Lose everything, as a Redis without persistence does when it restarts."""
        self.shards.clear()


class MemoryStore:
    """``WindowStore`` over ``ShardCore``. See the protocol for what each call does."""

    def __init__(self, spec: AlignSpec, backend: MemoryBackend | None = None) -> None:
        self._spec = spec
        self._backend = MemoryBackend() if backend is None else backend
        #: shard -> (owner, version) as this store wrote it last.
        self._mine: dict[int, tuple[str, int]] = {}

    @property
    def encoder(self) -> str:
        """What makes the features that are applied."""
        return self._spec.encoder

    def encode_by(self, encoder: str) -> None:
        """Features are made by something else from now on; claim every shard again."""
        self._spec = replace(self._spec, encoder=encoder)

    def _step(self, shard: int) -> ShardCore:
        """The shard's state, its version moved on; raises ``Fenced`` or ``StateLost``."""
        if shard not in self._mine:
            raise Fenced(shard, "expected a claim by this store, got none; claim it first")
        owner, version = self._mine[shard]
        if shard not in self._backend.shards:
            raise StateLost(shard, "expected the state written last, got none; rewind it")
        present, written, core = self._backend.shards[shard]
        if present != owner:
            raise Fenced(shard, f"expected owner {owner!r}, got {present!r}; let go of it")
        if written != version:
            raise StateLost(shard, f"expected version {version}, got {written}; rewind it")
        self._write(shard, owner, version + 1, core)
        return core

    def _write(self, shard: int, owner: str, version: int, core: ShardCore) -> None:
        self._backend.shards[shard] = (owner, version, core)
        self._mine[shard] = (owner, version)

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases."""
        found = self._backend.shards.get(shard)
        if found is None or found[2].spec.digest != self._spec.digest:
            self._write(shard, owner, 1, ShardCore(self._spec, shard))
            return Claim(fresh=True)
        _, version, core = found
        core.taken_over()
        self._write(shard, owner, version + 1, core)
        return Claim(fresh=False, applied=dict(core.applied), notes=dict(core.notes))

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""
        found = self._backend.shards.get(shard)
        if found is not None and found[0] != owner:
            raise Fenced(shard, f"expected owner {owner!r}, got {found[0]!r}; let go of it")
        version = found[1] if found else 0
        self._write(shard, owner, version + 1, ShardCore(self._spec, shard, past))

    async def apply(self, shard: int, batch: Batch, now_ms: int) -> Applied:
        """Take a chunk of one input in."""
        return self._step(shard).apply(batch, now_ms)

    async def tick(self, shard: int, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over."""
        return self._step(shard).tick(read_through_ms, now_ms)

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order."""
        return self._step(shard).lease(limit, now_ms, lease_ms)

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
        model_states: Mapping[str, bytes] = NO_STATES,
    ) -> dict[str, int]:
        """Mark windows and late samples as published; returns what may be committed."""
        core = self._step(shard)
        core.ack(windows, late, event_states, model_states)
        return core.committable()

    async def settle(self, shard: int) -> dict[str, int]:
        """What may be committed; whoever shares the backend knows all at once."""
        return self._step(shard).committable()

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours."""
        self._mine.pop(shard, None)
