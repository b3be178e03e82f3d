"""Results as they were published: revisions of one window, and its neighbours. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.errors import WireError
from schemas.result import Result, decode_result
from schemas.units import iso_to_us
from workers.explain.model import Closing, Revision, Span

#: Windows of the session that are named where the one asked for has no result.
NEARBY = 4
#: Spans kept while looking for it; the closest of them are kept when there are more.
_KEPT = 256
#: Records read past the final result, to find the next window's; one of a quiet session is far.
_PAST_FINAL = 5_000


@dataclass(frozen=True, slots=True)
class Published:
    """One result and its offset on the results topic."""

    offset: int
    result: Result
    closing: Closing

    @property
    def span(self) -> Span:
        """The window's."""
        window = self.result.window
        return Span(iso_to_us(window.start), iso_to_us(window.end))

    def revision(self) -> Revision:
        """What is said of it as one revision among others."""
        result = self.result
        return Revision(
            revision=result.revision,
            cause=result.cause,
            final=result.final,
            id=result.id,
            offset=self.offset,
            completed_at_ms=result.timings.completed_at_ms,
            wait_ms=result.timings.wait_ms,
            fuse_ms=result.timings.fuse_ms,
        )


def read_published(offset: int, body: bytes) -> Published | None:
    """A result, ``None`` where the body is not one or its window has no readable times."""
    try:
        result = decode_result(body)
        watermark, idle = result.timings.watermark, result.timings.idle
        closing = Closing(
            # What is flushed has idle sensors; a worker of before has written neither.
            recorded=watermark is not None or bool(idle),
            watermark_us=None if watermark is None else iso_to_us(watermark),
            idle=tuple(idle),
        )
        found = Published(offset, result, closing)
        return found if found.span.end_us > found.span.start_us else None
    except (WireError, ValueError):
        return None


@dataclass(slots=True)
class Sighting:
    """What has been seen of the window that begins at ``start_us``, and around it."""

    start_us: int
    #: Result id -> the first record that had it: a crash can publish a result twice.
    found: dict[str, Published] = field(default_factory=dict)
    #: The closest windows before and after, each in its newest revision.
    previous: Published | None = None
    next: Published | None = None
    _final_at: int | None = None
    _next_after_final: bool = False
    _spans: dict[int, int] = field(default_factory=dict)

    def add(self, published: Published) -> None:
        """Take in one result of the session, in order of offset."""
        span = published.span
        if span.start_us == self.start_us:
            self.found.setdefault(published.result.id, published)
            if published.result.final and self._final_at is None:
                self._final_at = published.offset
            return
        self._remember(span)
        if span.start_us < self.start_us:
            if self.previous is None or span.start_us >= self.previous.span.start_us:
                self.previous = published
        elif self.next is None or span.start_us <= self.next.span.start_us:
            self.next = published
            self._next_after_final = self._final_at is not None

    def complete(self, offset: int) -> bool:
        """Whether nothing after this offset of the results topic is of interest."""
        if self._final_at is None:
            return False
        return self._next_after_final or offset - self._final_at >= _PAST_FINAL

    def revisions(self) -> list[Published]:
        """Every revision of the window, ascending."""
        return sorted(self.found.values(), key=lambda one: one.result.revision)

    def nearby(self) -> tuple[Span, ...]:
        """The spans closest to where the window should begin, in order of time."""
        return tuple(sorted(Span(*one) for one in self._closest(NEARBY)))

    def _remember(self, span: Span) -> None:
        self._spans[span.start_us] = span.end_us
        if len(self._spans) > _KEPT:
            self._spans = dict(self._closest(NEARBY))

    def _closest(self, count: int) -> list[tuple[int, int]]:
        return sorted(self._spans.items(), key=lambda one: abs(one[0] - self.start_us))[:count]
