"""The usual ways to hold sessions out, with no group on both sides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np

from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.evaluation.extra import need_sklearn
from workers.recipes.classifier import Cut

#: One fold in so many of the groups decides between epochs.
_VALIDATION_SHARE = 5


def official(data_set: DataSet, seeds: int, validation_from_training: bool = False) -> list[Cut]:
    """The data set's own split, once a seed. Raises ``EvaluationError`` where it has none.

    ``validation_from_training``: where it has no validation split, take a fifth of the training
    groups for it, drawn by the seed.
    """
    parts = {
        name: frozenset(key for key, split in data_set.splits.items() if split == name)
        for name in ("train", "validation", "test")
    }
    if not parts["train"] or not parts["test"]:
        raise EvaluationError(
            f"{data_set.name}: expected a split into train and test, got "
            f"{len(parts['train'])} and {len(parts['test'])} sessions; give the whole data set, "
            "or what is to be judged by --test"
        )
    if parts["validation"] or not validation_from_training:
        return [
            Cut(seed, parts["train"], parts["test"], parts["validation"])
            for seed in range(1, seeds + 1)
        ]
    made = []
    for seed in range(1, seeds + 1):
        kept, validation = split_off(data_set, parts["train"], seed)
        made.append(Cut(seed, kept, parts["test"], validation))
    return made


def by_group(
    data_set: DataSet, task: str, folds: int, seeds: int = 1, validation: bool = True
) -> list[Cut]:
    """``folds`` parts with no group in two of them and labels spread evenly, drawn anew a seed.

    With ``validation`` a fifth of the groups that are trained on are kept to choose by. Raises
    ``EvaluationError`` where there are fewer groups than folds.
    """
    sessions, strata, groups = _described(data_set, task)
    _check_folds(data_set.name, folds, groups)
    need_sklearn()
    from sklearn.model_selection import StratifiedGroupKFold

    cuts = []
    for seed in range(1, seeds + 1):
        splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
        parts = splitter.split(np.zeros(len(sessions)), strata, groups)
        for number, (kept, held_out) in enumerate(parts, 1):
            fold = f"fold {number}"
            cuts.append(_cut(data_set, sessions, kept, held_out, seed, fold, validation))
    return cuts


def leave_one_group_out(
    data_set: DataSet, task: str, seeds: int = 1, validation: bool = True
) -> list[Cut]:
    """As many folds as groups, each holding one out; see ``by_group``."""
    sessions, _, groups = _described(data_set, task)
    _check_folds(data_set.name, 2, groups)
    named = np.asarray(groups)
    cuts = []
    for seed in range(1, seeds + 1):
        for group in sorted(set(groups)):
            kept, held_out = np.flatnonzero(named != group), np.flatnonzero(named == group)
            cuts.append(_cut(data_set, sessions, kept, held_out, seed, group, validation))
    return cuts


def kept_elsewhere(data_set: DataSet, seeds: int) -> list[Cut]:
    """Trained on all but the sessions of the split ``test``, which are from another place; a fifth
    of the groups is kept to choose by unless the data set has a validation split.
    """
    held_out = frozenset(key for key, split in data_set.splits.items() if split == "test")
    chosen = frozenset(key for key, split in data_set.splits.items() if split == "validation")
    others = frozenset(data_set.groups) - held_out - chosen
    if not held_out or not others:
        raise EvaluationError(
            f"{data_set.name}: expected sessions to train on and a test set, got {len(others)} "
            f"and {len(held_out)} sessions; name the test set by --test"
        )
    cuts = []
    for seed in range(1, seeds + 1):
        kept, validation = (others, chosen) if chosen else split_off(data_set, others, seed)
        cuts.append(Cut(seed, kept, held_out, validation))
    return cuts


def split_off(
    data_set: DataSet, sessions: Collection[str], seed: int
) -> tuple[frozenset[str], frozenset[str]]:
    """A fifth of the groups, drawn by the seed, apart from the others: (kept, split off)."""
    names = sorted({data_set.groups.get(key, key) for key in sessions})
    if len(names) < 2:
        return frozenset(sessions), frozenset()
    order = np.random.default_rng(seed).permutation(len(names))
    drawn = {names[at] for at in order[: max(1, len(names) // _VALIDATION_SHARE)]}
    apart = frozenset(key for key in sessions if data_set.groups.get(key, key) in drawn)
    return frozenset(sessions) - apart, apart


def check_cuts(cuts: Iterable[Cut], groups: Mapping[str, str]) -> None:
    """Raise ``EvaluationError`` where a group lies on two sides of a cut, or a seed's cuts hold a
    session out twice.
    """
    held: Counter[tuple[int, str]] = Counter()
    for cut in cuts:
        sides = (cut.training, cut.validation, cut.held_out)
        seen: dict[str, int] = {}
        for number, side in enumerate(sides):
            for session in side:
                group = groups.get(session, session)
                if seen.setdefault(group, number) != number:
                    raise EvaluationError(
                        f"{cut.name}: expected each group on one side, got {group!r} on two; "
                        "split by group"
                    )
        held.update((cut.seed, session) for session in cut.held_out)
    twice = [session for (_, session), count in held.items() if count > 1]
    if twice:
        raise EvaluationError(
            f"folds: expected each session held out once a seed, got {twice[0]!r} more often"
        )


def _cut(
    data_set: DataSet,
    sessions: Sequence[str],
    kept: Iterable[int],
    held_out: Iterable[int],
    seed: int,
    fold: str,
    validation: bool,
) -> Cut:
    training = frozenset(sessions[at] for at in kept)
    apart = frozenset(sessions[at] for at in held_out)
    chosen: frozenset[str] = frozenset()
    if validation:
        training, chosen = split_off(data_set, training, seed)
    return Cut(seed, training, apart, chosen, fold)


def _described(data_set: DataSet, task: str) -> tuple[list[str], list[str], list[str]]:
    """Labelled sessions, the most frequent label of each, and their groups."""
    labels: dict[str, Counter[str]] = {}
    for each in data_set.labels:
        if each.task == task:
            labels.setdefault(each.session, Counter())[each.label] += 1
    sessions = sorted(labels)
    strata = [labels[key].most_common(1)[0][0] for key in sessions]
    return sessions, strata, [data_set.groups.get(key, key) for key in sessions]


def _check_folds(name: str, folds: int, groups: Sequence[str]) -> None:
    if not 2 <= folds <= len(set(groups)):
        raise EvaluationError(
            f"{name}: expected 2 to {len(set(groups))} folds, one group at least in each, got "
            f"{folds}; take fewer"
        )
