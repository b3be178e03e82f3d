"""One shard as its owner holds it: the core, and what of it Redis has.

Redis gets every step of the core in the journal's next *entry*. What an entry changed is *stale* in
the saves until it is saved again; the journal has to keep the entries since the oldest stale name
became so. When the journal outgrows what the sessions hold by ``_JOURNAL_SHARE``, every write saves
some names that have been stale for longest, about twice as many bytes as it adds. So the journal
stays in proportion to the sessions, and no write is much longer than its entry (one session's bytes
at worst).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from streams.align import journal
from streams.align.core import SHARD, ShardCore
from streams.align.journal import Saved, SavedNothing, Step

#: Bytes of journal for each byte that the sessions hold, before sessions are saved to cut it short.
_JOURNAL_SHARE = 2
#: Below this the journal is left as it is.
_LEAST_JOURNAL_BYTES = 64_000
#: Bytes saved at most for each byte of an entry, past the first save.
_SAVE_SHARE = 2


class Write:
    """What one write tells Redis. ``number`` is the entry's."""

    __slots__ = ("deleted", "dropped", "entry", "fields", "number", "saved")

    def __init__(self, number: int, entry: bytes) -> None:
        self.number = number
        self.entry = entry
        self.saved: dict[str, bytes] = {}
        self.deleted: list[str] = []
        self.dropped = 0
        self.fields: dict[str, int] = {}


class Tenancy:
    """``version``: of the last write. ``entries``: bytes of each entry in the journal, of which the
    first has the number ``first``. ``saved``: names that have a save.
    """

    def __init__(self, owner: str, version: int, core: ShardCore, first: int = 0) -> None:
        self.owner = owner
        self.version = version
        self.core = core
        self.first = first
        self.entries: deque[int] = deque()
        self.saved: set[str] = set()
        self._journal_bytes = 0
        #: Name -> number of the entry since which its save is stale, oldest first.
        self._stale: dict[str, int] = {}
        #: Name of which nothing is left -> the entry after which that is so, oldest first.
        self._nothing: dict[str, int] = {}
        #: Names that came up while entries were done again; some may be over by now.
        self._gone: set[str] = set()
        self._steps: list[Step] = []
        self._fields: dict[str, int] = {}

    @property
    def unwritten(self) -> bool:
        """Whether steps wait to be written."""
        return bool(self._steps)

    def note(self, step: Step, applied: Mapping[str, int] | None = None) -> None:
        """A step was done. ``applied``: inputs whose next offset it moved."""
        self._steps.append(step)
        for input, offset in (applied or {}).items():
            self._fields[f"a:{input}"] = offset

    def found_saves(self, saves: Mapping[str, Saved]) -> None:
        """Redis has these saves, which were loaded just now."""
        self.saved = set(saves)
        nothing = [(s.after, name) for name, s in saves.items() if isinstance(s, SavedNothing)]
        self._nothing = {name: after for after, name in sorted(nothing)}
        self.core.take_touched()

    def found(self, number: int, size: int) -> None:
        """The journal has this entry, whose steps were done again just now."""
        self.entries.append(size)
        self._journal_bytes += size
        touched = self.core.take_touched()
        self._gone |= touched
        for name in sorted(touched):
            self._stale.setdefault(name, number)

    def next_write(self) -> Write:
        """Everything done since the last write. If it fails, this tenancy is over."""
        number = self.first + len(self.entries)
        write = Write(number, journal.encode(self._steps))
        touched = self.core.take_touched() | self._gone
        self._gone = set()
        for name in sorted(touched):
            if name in self.core.sessions or (name == SHARD and self.core.is_in_transit()):
                self._stale.setdefault(name, number)
            else:
                self._save(name, write)
        self._shorten(write)
        write.fields, self._fields = self._fields, {}
        self._steps = []
        self.entries.append(len(write.entry))
        self._journal_bytes += len(write.entry)
        needed = next(iter(self._stale.values()), number + 1)
        write.dropped = needed - self.first
        for _ in range(write.dropped):
            self._journal_bytes -= self.entries.popleft()
        self.first = needed
        self._delete_needless(write)
        self.saved |= write.saved.keys()
        return write

    def _delete_needless(self, write: Write) -> None:
        """That there is nothing of a name need not be said once the journal says nothing else."""
        for name, after in list(self._nothing.items()):
            if after >= self.first:
                break
            del self._nothing[name]
            write.saved.pop(name, None)
            if name in self.saved:
                self.saved.discard(name)
                write.deleted.append(name)

    def _shorten(self, write: Write) -> None:
        held = max(_LEAST_JOURNAL_BYTES, _JOURNAL_SHARE * self.core.size)
        if self._journal_bytes + len(write.entry) <= held:
            return
        left = _SAVE_SHARE * len(write.entry)
        while self._stale and left > 0:
            left -= self._save(next(iter(self._stale)), write)

    def _save(self, name: str, write: Write) -> int:
        self._stale.pop(name, None)
        self._nothing.pop(name, None)
        data, is_something = journal.save(self.core, name, write.number)
        if not is_something:
            self._nothing[name] = write.number
        write.saved[name] = data
        return len(data)
