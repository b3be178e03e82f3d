"""What every importer gives: samples as they would be fed, labels, groups and splits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from streams.feed.item import FeedItem

#: ``train`` is learnt from, ``validation`` decides between epochs and settings, ``test`` is only
#: ever measured on.
Split = Literal["train", "validation", "test"]


class Label(NamedTuple):
    """What is true of a session from ``start_us`` until before ``end_us`` (event time)."""

    session: str
    start_us: int
    end_us: int
    task: str
    label: str


class Cleaned(NamedTuple):
    """What an importer did to ``number`` samples or labels of the files, and why."""

    what: Literal["dropped", "repaired"]
    why: str
    number: int


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set as sessions of samples.

    ``items``: each call reads the samples anew, in ascending ``due_us``; raises ``DataSetError``
    for a file that is missing or damaged. ``labels``: sorted by (session, start_us, task).
    ``tasks``: task -> its labels, in the order of a model's logits. ``groups``: session -> who it
    is of (speaker, patient, video); sessions of one group never lie on both sides of a split.
    ``splits``: session -> split, where the data set has an official one. ``licence`` of the data;
    ``redistributable``: whether weights that were trained on it may be shipped. ``origin``: where
    the data and the split come from, in a sentence. ``cleaned``: what was left out or put right.
    """

    name: str
    items: Callable[[], Iterator[FeedItem]]
    labels: Sequence[Label]
    tasks: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, str]
    licence: str
    redistributable: bool
    origin: str
    splits: Mapping[str, Split] = field(default_factory=dict)
    cleaned: Sequence[Cleaned] = ()
