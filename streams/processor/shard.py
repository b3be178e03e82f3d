"""One owned shard: its lock, its state, and what its windows already have of each input."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streams.align.clock import ShardClocks
from streams.processor.progress import InputProgress


@dataclass(slots=True)
class Shard:
    """A partition number that this worker owns.

    ``lock`` orders every call on the window store for the shard. ``settled`` is clear while the
    shard is being claimed or recovered; it is set for good once the shard is revoked, so that
    nobody waits for a shard that will not come back.
    """

    number: int
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    settled: asyncio.Event = field(default_factory=asyncio.Event)
    revoked: bool = False
    #: input -> offset before which the store has everything
    applied: dict[str, int] = field(default_factory=dict)
    #: input -> offsets that serve no window any more: a published result used them before the
    #: store was lost
    done: Mapping[str, Collection[int]] = field(default_factory=dict)
    #: input -> how far it is read
    progress: dict[str, InputProgress] = field(default_factory=dict)
    #: Clock corrections of the shard's sessions; ``None`` where no clock is corrected.
    clocks: ShardClocks | None = None
    due: int = 0
    open_windows: int = 0
    #: Bytes kept in the store, and whether a session has more than it may.
    size: int = 0
    full: bool = False
    #: True when something was applied since offsets were last committed.
    uncommitted: bool = False

    @property
    def usable(self) -> bool:
        """Whether calls on the store may take effect for this shard."""
        return self.settled.is_set() and not self.revoked

    def revoke(self) -> None:
        """The shard is another worker's now."""
        self.revoked = True
        self.settled.set()

    def read_through_ms(self) -> dict[str, int]:
        """Input -> wall time; what the broker had of it then is applied."""
        return {name: one.read_through_ms for name, one in self.progress.items()}
