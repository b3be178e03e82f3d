"""A data set with a test set that is kept elsewhere."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import replace

from streams.feed.item import FeedItem
from workers.datasets.base import Cleaned, DataSet
from workers.errors import DataSetError

#: What the sessions of the other test set are called before their own names.
PREFIX = "kept-"


def with_test_set(data: DataSet, kept: DataSet) -> DataSet:
    """``data`` to learn from and ``kept`` to measure on: its own test part, or as ``_judged`` says.

    Sessions of ``data``'s own test part are left out; those of ``kept`` are ``PREFIX`` and their
    name, and keep their groups. Raises ``DataSetError`` where both have a group in common (the same
    speaker or patient on both sides), or where a label of ``kept`` is unknown to ``data``.
    """
    kept = _judged(kept)
    _check(data, kept)
    learnt = {session for session in data.groups if data.splits.get(session) != "test"}
    renamed = {session: PREFIX + session for session in kept.groups}

    def items() -> Iterator[FeedItem]:
        return heapq.merge(
            (item for item in data.items() if item.session in learnt),
            (replace(item, session=renamed[item.session]) for item in kept.items()),
            key=lambda item: item.due_us,
        )

    own = [label for label in data.labels if label.session in learnt]
    theirs = [label._replace(session=renamed[label.session]) for label in kept.labels]
    return replace(
        data,
        items=items,
        labels=tuple(sorted(own + theirs, key=lambda one: (one.session, one.start_us, one.task))),
        groups={
            **{session: group for session, group in data.groups.items() if session in learnt},
            **{renamed[session]: group for session, group in _groups(kept).items()},
        },
        splits={
            **{session: data.splits.get(session, "train") for session in learnt},
            **dict.fromkeys(renamed.values(), "test"),
        },
        origin=f"{data.origin}; measured on a test set kept elsewhere",
        cleaned=(*data.cleaned, *(_told(one) for one in kept.cleaned)),
    )


def _judged(kept: DataSet) -> DataSet:
    """The test part of a set that has one, else what is not for training: a whole data set also
    holds what was learnt from. All of it where nothing, or everything, is.
    """
    tested = {session for session, split in kept.splits.items() if split == "test"}
    tested = tested or {s for s in kept.groups if kept.splits.get(s, "train") != "train"}
    if not tested:
        return kept
    items = kept.items
    return replace(
        kept,
        items=lambda: (item for item in items() if item.session in tested),
        labels=tuple(label for label in kept.labels if label.session in tested),
        groups={session: group for session, group in kept.groups.items() if session in tested},
    )


def _groups(kept: DataSet) -> dict[str, str]:
    """The other set's groups; where each session is its own group, that is its new name."""
    return {
        session: PREFIX + session if group == session else group
        for session, group in kept.groups.items()
    }


def _told(one: Cleaned) -> Cleaned:
    return one._replace(why=f"{one.why} (test set kept elsewhere)")


def _check(data: DataSet, kept: DataSet) -> None:
    for task in kept.tasks:
        used = {label.label for label in kept.labels if label.task == task}
        if unknown := sorted(used - set(data.tasks.get(task, ()))):
            raise DataSetError(
                f"test set: expected labels of task {task!r} that the training data has, got "
                f"{unknown[0]!r}; give a test set of the same data set"
            )
    named = {
        group
        for session, group in data.groups.items()
        if group != session and data.splits.get(session) != "test"
    }
    shared = named & {group for session, group in kept.groups.items() if group != session}
    if shared:
        raise DataSetError(
            f"test set: expected other speakers or patients, got {len(shared)} of the training "
            f"data ({min(shared)!r} first); leave them out of one side"
        )
