"""What importers share: where sessions begin, samples of one kind, and labels in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from schemas.content_type import VECTOR
from schemas.units import US_PER_S, iso_to_us
from streams.feed.item import FeedItem
from streams.feed.transcripts import Segment
from workers.datasets.base import Cleaned, Label

#: Event time of the first sample of each session where a data set has no times of its own. It is a
#: multiple of every window that divides a day, so that second k of a session is the start of its
#: window k of a second.
START_US = iso_to_us("2000-01-01T00:00:00Z")

TEXT_TYPE = "text/plain;charset=utf-8"
VECTOR_TYPE = f"{VECTOR};dtype=f32le"


def second(number: float) -> int:
    """Event time of a second of a session, microseconds."""
    return START_US + round(number * US_PER_S)


def moment(
    session: str,
    input: str,
    sensor: str,
    at_us: int,
    content_type: str,
    payload: bytes,
    sequence: int = 0,
) -> FeedItem:
    """A sample without duration that is handed over when it is sensed."""
    return FeedItem(session, input, sensor, at_us, at_us, content_type, payload, sequence, at_us)


def words(session: str, input: str, sensor: str, at_us: int, text: str, n: int = 0) -> FeedItem:
    """A text sample of a moment."""
    return moment(session, input, sensor, at_us, TEXT_TYPE, text.encode(), n)


def segment(
    session: str,
    input: str,
    sensor: str,
    start_us: int,
    end_us: int,
    text: str,
    speaker: str,
    sequence: int,
) -> FeedItem:
    """A transcript segment with its speaker, handed over when it is over."""
    read = Segment(0, start_us, end_us, text, speaker or None).reading()
    return FeedItem(
        session, input, sensor, start_us, end_us, read.content_type, read.payload, sequence, end_us
    )


def vector(
    session: str, input: str, sensor: str, at_us: int, values: NDArray[np.float32], n: int = 0
) -> FeedItem:
    """A vector computed elsewhere; ``values`` float32 (width,)."""
    payload = np.ascontiguousarray(values, "<f4").tobytes()
    return moment(session, input, sensor, at_us, VECTOR_TYPE, payload, n)


def in_order(items: Iterable[FeedItem]) -> Iterator[FeedItem]:
    """Samples that fit into memory, by the moment at which they are handed over."""
    return iter(sorted(items, key=lambda item: item.due_us))


def sorted_labels(labels: Iterable[Label]) -> tuple[Label, ...]:
    """Labels as a ``DataSet`` has them."""
    return tuple(sorted(labels, key=lambda one: (one.session, one.start_us, one.task)))


class Cleaning:
    """Counts what an importer leaves out and puts right."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[Literal["dropped", "repaired"], str]] = Counter()

    def dropped(self, why: str) -> None:
        """One sample or label was left out."""
        self._counts["dropped", why] += 1

    def repaired(self, why: str) -> None:
        """One sample or label was put right."""
        self._counts["repaired", why] += 1

    def told(self) -> Sequence[Cleaned]:
        """What was done so far."""
        return tuple(Cleaned(what, why, n) for (what, why), n in sorted(self._counts.items()))
