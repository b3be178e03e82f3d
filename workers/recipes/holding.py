"""Cuts of data sets whose training is not chosen by a validation split: its epochs are fixed."""

from __future__ import annotations

from dataclasses import replace

from workers.datasets.base import DataSet, Split
from workers.evaluation.folds import leave_one_group_out, official
from workers.recipes.base import Options
from workers.recipes.classifier import Cut


def sessions_of(data_set: DataSet, split: Split) -> frozenset[str]:
    """The sessions of one split."""
    return frozenset(session for session, part in data_set.splits.items() if part == split)


def official_without_validation(data_set: DataSet, options: Options) -> list[Cut]:
    """The data set's own split into train and test, once a seed; its validation split, where it
    has one, is left alone. Raises ``EvaluationError`` where it has no such split.
    """
    cuts = official(data_set, options.seeds or 1)
    return [replace(cut, validation=frozenset()) for cut in cuts]


def each_group_or_test(data_set: DataSet, task: str, options: Options) -> tuple[list[Cut], str]:
    """A test set from elsewhere, learnt from all others; without one, each group held out once.

    The cuts, and in words what they are. Raises ``EvaluationError`` for fewer than two groups.
    """
    seeds = options.seeds or 1
    judged = sessions_of(data_set, "test")
    if judged:
        learnt = frozenset(data_set.groups) - judged
        cuts = [Cut(seed, learnt, judged) for seed in range(1, seeds + 1)]
        return cuts, f"learnt from {len(learnt)} sessions, judged on {len(judged)} kept elsewhere"
    cuts = leave_one_group_out(data_set, task, seeds, validation=False)
    return cuts, f"each of {len(cuts) // seeds} groups held out once"
