"""What every scene offers: rendered samples, and the truth that is kept apart from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from streams.feed.item import FeedItem


class Scene(Protocol):
    """One simulated recording of several sessions, a function of its seed."""

    @property
    def sessions(self) -> tuple[str, ...]:
        """The session keys."""

    def items(self) -> Iterator[FeedItem]:
        """Every sample in ascending ``due_us``; lazy, and the same at each call."""

    def labels(self, session: str, start_us: int, end_us: int) -> Mapping[str, str]:
        """True label per task for an event-time span [start, end).

        A task is left out where the span has no single answer (the world changed within it) or
        where no sensor could know it (an intent while nobody speaks).
        """
