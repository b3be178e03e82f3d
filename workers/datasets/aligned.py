"""A folder of aligned windows with labels from elsewhere, and what became of both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from schemas.pipeline import Pipeline
from streams.align.types import Window
from workers.datasets.base import Label
from workers.datasets.cleaning import Bookkeeper, Report
from workers.datasets.joining import LEAST_COVER, Rule, Span
from workers.datasets.windows import judged_us
from workers.offline import read_windows


class LabelledFolder:
    """The windows of a folder that `sensorium align` has written, with the labels they are given.

    ``windows`` reads them anew at each call, one shard in memory at a time, those without any label
    included; ``report`` says what became of all of them. With the ``pipeline``, only what is new in
    a sliding window is judged, as in training. Raises ``OfflineError`` for a folder that
    is none.
    """

    def __init__(
        self,
        folder: Path,
        labels: Sequence[Label],
        rule: Rule = "most",
        min_cover: float = LEAST_COVER,
        pipeline: Pipeline | None = None,
    ) -> None:
        self._pipeline = pipeline
        self._folder = folder
        self._labels = labels
        self._rule: Rule = rule
        self._min_cover = min_cover

    def windows(self) -> Iterator[tuple[Window, Mapping[str, str]]]:
        """Each window with its labels by task."""
        yield from self._joined(self._books())

    def report(self) -> Report:
        """Read all windows and say what became of them."""
        books = self._books()
        for _ in self._joined(books):
            pass
        return books.report()

    def _books(self) -> Bookkeeper:
        return Bookkeeper(self._labels, self._rule, self._min_cover)

    def _joined(self, books: Bookkeeper) -> Iterator[tuple[Window, Mapping[str, str]]]:
        for window in read_windows(self._folder):
            span_us = (window.start_us, window.end_us)
            if self._pipeline is not None:
                span_us = judged_us(self._pipeline, window)
            given = books.give(Span(window.session, *span_us))
            yield window, {task: one.label for task, one in given.items()}
