"""Windows of many shards, as whoever feeds and fuses them sees them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from streams.align.types import NO_STATES, Applied, Batch, Claim, Restored, Window, WindowKey


class WindowStore(Protocol):
    """Windows of many shards. One atomic step per call; ``now_ms`` is the wall clock passed in.

    Every call but ``claim`` and ``restore`` raises ``StateLost`` when the shard's state is gone or
    is not the one this store wrote last, and ``Fenced`` when another owner has claimed the shard.
    """

    @property
    def encoder(self) -> str:
        """What makes the features that are applied."""

    def encode_by(self, encoder: str) -> None:
        """Features are made by something else from now on: ``claim`` every shard again. Until
        then nothing may be applied to it.
        """

    async def claim(self, shard: int, owner: str) -> Claim:
        """Take a shard over: fences the former owner and voids its leases. State with features of
        another encoder is dropped, and counts as none.
        """

    async def restore(self, shard: int, owner: str, past: Restored) -> None:
        """Replace whatever the shard holds by what the results topic knows."""

    async def apply(self, shard: int, batch: Batch, now_ms: int) -> Applied:
        """Take a chunk of one input in; afterwards the shard has that input up to its
        ``next_offset``.
        """

    async def tick(self, shard: int, read_through_ms: Mapping[str, int], now_ms: int) -> Applied:
        """Find sensors idle and sessions over; ``read_through_ms`` as in ``Batch``."""

    async def lease(self, shard: int, limit: int, now_ms: int, lease_ms: int) -> list[Window]:
        """Hand out due windows, oldest first, and a session's in order. A window whose session
        has an earlier window out on lease is not handed out. Early looks come with them; they are
        under no lease, and not acknowledged.
        """

    async def ack(
        self,
        shard: int,
        windows: Sequence[WindowKey],
        late: Sequence[tuple[str, int]],
        event_states: Mapping[str, bytes],
        model_states: Mapping[str, bytes] = NO_STATES,
    ) -> dict[str, int]:
        """Mark windows and late samples as published and keep the sessions' event and model
        states, where there are new ones. A window stands for its session's earlier ones too.
        With its end a session's model state is dropped.

        Returns per input the offset before which everything is finished (to be committed).
        """

    async def settle(self, shard: int) -> dict[str, int]:
        """Let a next owner know all that was done by now; returns what may be committed, as ``ack``
        does.
        """

    async def forget(self, shard: int) -> None:
        """Drop local knowledge of a shard that is no longer ours; Redis keeps its state."""
