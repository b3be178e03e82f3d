"""How far each input of a shard is read, which idleness and the pace are decided by. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from streams.align.rules import NEVER

#: Ends of a partition that are remembered until the shard has everything before them. A reader
#: that is farther behind notices later that it has caught up with one of them.
_MAX_ENDS = 64
#: A slow input that does not move for so long is no longer waited for, milliseconds.
PATIENCE_MS = 2_000


@dataclass(slots=True)
class InputProgress:
    """One input of one shard. ``newest_us``: latest event time applied. ``read_through_ms``: wall
    time; what the broker had then is applied. ``moved_ms``: when something was last applied.
    """

    newest_us: int = NEVER
    read_through_ms: int = NEVER
    moved_ms: int = NEVER
    is_read: bool = False
    #: (wall time, end of the partition as it was known then), both ascending.
    ends: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=_MAX_ENDS))

    def note(self, applied: int, end: int, known_ms: int) -> None:
        """The partition ended at ``end`` at ``known_ms``, and is applied up to ``applied``."""
        self.is_read = applied >= end
        if self.is_read:
            self.ends.clear()
            self.read_through_ms = known_ms
            return
        if len(self.ends) < _MAX_ENDS and (not self.ends or self.ends[-1][1] < end):
            self.ends.append((known_ms, end))
        while self.ends and self.ends[0][1] <= applied:
            self.read_through_ms = self.ends.popleft()[0]


def too_far_ahead(
    inputs: Mapping[str, InputProgress], max_ahead_us: int, now_ms: int
) -> Collection[str]:
    """Inputs whose readers are to be held back: those that are ahead of the slowest which has
    something unread, by more than ``max_ahead_us`` of event time.

    Otherwise windows of the quick ones would pile up, all waiting for the slow one.
    """
    slowest_us = min(
        (
            one.newest_us
            for one in inputs.values()
            if not one.is_read and now_ms - one.moved_ms < PATIENCE_MS
        ),
        default=None,
    )
    if slowest_us is None:
        return ()
    return [name for name, one in inputs.items() if one.newest_us > slowest_us + max_ahead_us]


def all_but_slowest(inputs: Mapping[str, InputProgress], now_ms: int) -> Collection[str]:
    """Inputs whose readers are to be held back when the shard is full: all but the one that its
    windows wait for.

    None where nobody is waited for: its windows close by what comes next, or by silence, and of a
    reader that is held back not even silence is known.
    """
    unread = [
        name
        for name, one in inputs.items()
        if not one.is_read and now_ms - one.moved_ms < PATIENCE_MS
    ]
    if not unread:
        return ()
    slowest = min(unread, key=lambda name: inputs[name].newest_us)
    return [name for name in inputs if name != slowest]
