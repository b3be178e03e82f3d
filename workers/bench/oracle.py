"""What an exact aligner gives: for each window the set of its samples, as a digest."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence

from workers.bench.errors import BenchError
from workers.bench.workload import SEQUENCE_BYTES, SIZE_MS, Arrival, session_name

#: Session and start of a window in epoch milliseconds.
WindowId = tuple[str, int]


def pack(sequence: int) -> bytes:
    """A sequence number as payloads begin with it; bytes sort as the numbers do."""
    return sequence.to_bytes(SEQUENCE_BYTES, "big")


def digest(packed: Iterable[bytes]) -> str:
    """Digest of a set of packed sequence numbers, 16 hex digits; one that is in it twice shows.

    >>> digest([pack(1), pack(2)]) == digest([pack(2), pack(1)]) != digest([pack(1)])
    True
    """
    return hashlib.blake2b(b"".join(sorted(packed)), digest_size=8).hexdigest()


class Oracle:
    """The windows that must come of a recording."""

    def __init__(self) -> None:
        #: window -> digest of its samples' sequence numbers
        self.windows: dict[WindowId, str] = {}
        self.samples = 0

    def watching(self, sessions: Iterable[list[Arrival]]) -> Iterator[list[Arrival]]:
        """Pass sessions on and add what they must give."""
        for arrivals in sessions:
            self.add(arrivals)
            yield arrivals

    def add(self, arrivals: Sequence[Arrival]) -> None:
        """Add one whole session."""
        members: dict[WindowId, list[bytes]] = {}
        for one in arrivals:
            window = (session_name(one.session), one.time_ms - one.time_ms % SIZE_MS)
            members.setdefault(window, []).append(pack(one.sequence))
        for window, packed in members.items():
            self.windows[window] = digest(packed)
        self.samples += len(arrivals)


class OffsetLedger:
    """Which sample lies at which offset of the input topics, as the broker confirmed it."""

    def __init__(self) -> None:
        #: (input, partition) -> sequence numbers by offset
        self._sequences: dict[tuple[str, int], array[int]] = {}

    def note(self, input: str, partition: int, first: int, sequences: Sequence[int]) -> None:
        """A batch lies at ``first`` and the offsets after it. Raises ``BenchError`` for a gap."""
        known = self._sequences.setdefault((input, partition), array("q"))
        if first != len(known):
            raise BenchError(
                f"{input}[{partition}]: expected the next batch at offset {len(known)}, got "
                f"{first}; the topic has to be this run's alone"
            )
        known.extend(sequences)

    def packed(self, input: str, partition: int, runs: Iterable[tuple[int, int]]) -> list[bytes]:
        """The samples at [first, last] runs of offsets; those that nobody sent are left out."""
        known = self._sequences.get((input, partition), array("q"))
        return [pack(known[at]) for first, last in runs for at in range(first, last + 1)
                if 0 <= at < len(known)]  # fmt: skip
