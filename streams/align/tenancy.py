"""One shard as its owner holds it: the core, and what of it Redis has.

Redis gets every step of the core as an *entry* of the journal, several in one write. A session that
an entry changed is *stale* in the saves until it is saved again; the journal has to keep the
entries since the oldest stale one became so. When the journal outgrows what the sessions hold by
``_JOURNAL_SHARE``, every write saves some that have been stale for longest, about twice as many
bytes as it adds. So the journal stays in proportion to the sessions, and no write is much longer
than its entries (by one session's bytes at worst).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from streams.align import journal
from streams.align.core import ShardCore
from streams.align.journal import Saved, SavedNothing, Step
from streams.align.state import SHARD

#: Bytes of journal for each byte that the sessions hold, before sessions are saved to cut it short.
_JOURNAL_SHARE = 2
#: Below this the journal is left as it is.
_LEAST_JOURNAL_BYTES = 64_000
#: Bytes saved at most for each byte of new entries, past the first save.
_SAVE_SHARE = 2


class Write:
    """What one write tells Redis. ``last``: number of its last entry. ``there``: entries and saves
    that Redis has before it. ``applied``: per input the next offset after it.
    """

    __slots__ = ("applied", "deleted", "dropped", "entries", "last", "saved", "there")

    def __init__(self, entries: list[bytes], last: int, there: tuple[int, int]) -> None:
        self.entries = entries
        self.last = last
        self.there = there
        self.saved: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.dropped = 0
        self.applied: dict[str, int] = {}


class Tenancy:
    """``version``: of the last write. ``first``: number of the journal's first entry. ``written``,
    ``noted``: numbers after the last entry that is written, and that is to be. ``writing``: the
    write under way. ``applied``: per input the next offset, as written.
    """

    def __init__(self, owner: str, version: int, core: ShardCore, first: int = 0) -> None:
        self.owner = owner
        self.version = version
        self.core = core
        self.first = self.written = self.noted = first
        self.applied: dict[str, int] = dict(core.applied)
        self.writing: asyncio.Task[None] | None = None
        #: Bytes of the steps that wait to be written.
        self.unwritten_bytes = 0
        self._unwritten: list[bytes] = []
        #: Bytes of each entry that is in the journal, or will be once the write under way is done.
        self._entries: deque[int] = deque()
        self._journal_bytes = 0
        #: Names that have a save, in the same sense.
        self._saved: set[str] = set()
        #: Name -> number of the entry since which its save is stale, oldest first.
        self._stale: dict[str, int] = {}
        #: Names of which nothing may be left.
        self._gone: set[str] = set()
        #: Name of which nothing is left -> the entry after which that is so, oldest first.
        self._nothing: dict[str, int] = {}

    # -- as it was found ----------------------------------------------------------------------

    def found_saves(self, saves: Mapping[str, Saved | None]) -> None:
        """Redis has these saves, which were loaded, or made, just now."""
        self._saved = set(saves)
        nothing = [(s.after, name) for name, s in saves.items() if isinstance(s, SavedNothing)]
        self._nothing = {name: after for after, name in sorted(nothing)}
        self.core.take_touched()

    def found_entry(self, size: int) -> None:
        """The journal has one more entry, whose step was done again just now."""
        self._note_changes()
        self._enter(size)
        self.written = self.noted

    def has_found(self, entries: int, saves: int) -> bool:
        """Whether that is as much as there should be."""
        return (len(self._entries), len(self._saved)) == (entries, saves)

    # -- as it goes on ------------------------------------------------------------------------

    def note(self, step: Step) -> None:
        """A step was done."""
        data = journal.encode(step)
        self._unwritten.append(data)
        self.unwritten_bytes += len(data)
        self._note_changes()
        self.noted += 1

    def _note_changes(self) -> None:
        sessions, stale, number = self.core.sessions, self._stale, self.noted
        for name in self.core.take_touched():
            if name not in stale:
                stale[name] = number
            if name not in sessions:
                self._gone.add(name)

    def _enter(self, size: int) -> None:
        self._entries.append(size)
        self._journal_bytes += size
        self.noted = self.first + len(self._entries)

    def next_write(self) -> Write:
        """Everything done since the last write. If it fails, this tenancy is over."""
        there = len(self._entries), len(self._saved)
        write = Write(self._unwritten, self.noted - 1, there)
        for name in self._gone:
            if name not in self.core.sessions and not (name == SHARD and self.core.is_in_transit()):
                self._save(name, write)
        self._gone.clear()
        for data in self._unwritten:
            self._enter(len(data))
        self._shorten(write)
        self._unwritten, self.unwritten_bytes = [], 0
        needed = next(iter(self._stale.values()), self.noted)
        write.dropped = needed - self.first
        for _ in range(write.dropped):
            self._journal_bytes -= self._entries.popleft()
        self.first = needed
        self._delete_needless(write)
        self._saved |= write.saved.keys()
        write.applied = dict(self.core.applied)
        return write

    def wrote(self, write: Write) -> None:
        """Redis has it."""
        self.version += 1
        self.written = write.last + 1
        self.applied = write.applied
        self.writing = None

    def _shorten(self, write: Write) -> None:
        held = max(_LEAST_JOURNAL_BYTES, _JOURNAL_SHARE * self.core.size)
        if self._journal_bytes <= held:
            return
        left = _SAVE_SHARE * self.unwritten_bytes
        while self._stale and left > 0:
            left -= self._save(next(iter(self._stale)), write)

    def _save(self, name: str, write: Write) -> int:
        self._stale.pop(name, None)
        self._nothing.pop(name, None)
        data, is_something = journal.save(self.core, name, write.last)
        if not is_something:
            self._nothing[name] = write.last
        write.saved[name] = data
        return len(data)

    def _delete_needless(self, write: Write) -> None:
        """That there is nothing of a name need not be said once the journal says nothing else."""
        for name, after in list(self._nothing.items()):
            if after >= self.first:
                break
            del self._nothing[name]
            write.saved.pop(name, None)
            if name in self._saved:
                self._saved.discard(name)
                write.deleted.append(name)
