"""Data sets of single sentences: each is a session of one utterance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.units import US_PER_S
from streams.feed.item import FeedItem
from workers.datasets.base import Cleaned, DataSet, Label, Split
from workers.datasets.making import START_US, sorted_labels, words

INPUT = "transcript"
SENSOR = "asr"


class Sentence(NamedTuple):
    """One sentence; ``session`` is its own."""

    session: str
    split: Split
    text: str
    label: str


def sentence_data_set(
    name: str,
    sentences: Sequence[Sentence],
    labels: Sequence[str],
    *,
    licence: str,
    origin: str,
    cleaned: Sequence[Cleaned] = (),
) -> DataSet:
    """A data set of the task ``intent``; all sessions begin at once, so that none waits.

    A sentence that stands for itself is a session: nothing that was said to another customer
    may help.
    """

    def items() -> Iterator[FeedItem]:
        return (words(one.session, INPUT, SENSOR, START_US, one.text) for one in sentences)

    return DataSet(
        name,
        items,
        sorted_labels(
            Label(one.session, START_US, START_US + US_PER_S, "intent", one.label)
            for one in sentences
        ),
        {"intent": tuple(labels)},
        {one.session: one.session for one in sentences},
        licence,
        True,
        origin,
        {one.session: one.split for one in sentences},
        cleaned,
    )
