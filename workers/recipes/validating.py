"""Cross-validation of any plan, with no group on two sides of a fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from workers.datasets.base import DataSet
from workers.errors import EvaluationError
from workers.evaluation.folds import by_group, kept_elsewhere, leave_one_group_out, official
from workers.recipes.base import Goal, Options
from workers.recipes.classifier import Cut
from workers.recipes.planned import Planned
from workers.train.plan import read_train_plan

#: ``group``: what the data set says (speaker, patient, video). ``session``: each is one of its
#: own. ``one-group``: every group is left out once.
Grouping = Literal["group", "session", "one-group"]
#: Folds where neither the user nor the data set says how it is split.
FOLDS = 5


def validated(
    plan: Path, *, task: str | None, by: Grouping | None, has_test: bool, metric: str = "accuracy"
) -> Planned:
    """A classifier of a plan whose cuts are the data set's own split or, where ``by`` or the number
    of folds is given, or it has none, folds.

    Raises ``TrainError``; ``EvaluationError`` where the plan has several tasks and none is named.
    """
    tasks = read_train_plan(plan).model.get("tasks") or {}
    if task is None and len(tasks) == 1:
        (task,) = tasks
    if task is None:
        raise EvaluationError(
            f"--task: expected one of {', '.join(tasks) or 'the tasks of the data'}, got none"
        )
    return Planned(
        plan,
        claim=f"{plan.name} on held-out data",
        task=task,
        goals=(Goal(metric, None),),
        split=split_by(task, by, has_test=has_test),
        seeds=1,
    )


def split_by(
    task: str, by: Grouping | None, *, has_test: bool = False
) -> Callable[[DataSet, Options], tuple[Sequence[Cut], str]]:
    """The cuts that ``validated`` says. ``has_test``: judge the split ``test``, from elsewhere."""

    def cuts(data_set: DataSet, options: Options) -> tuple[Sequence[Cut], str]:
        seeds = options.seeds or 1
        if has_test:
            return kept_elsewhere(data_set, seeds), "trained on all, judged on the test set given"
        if by is None and options.folds is None and "test" in data_set.splits.values():
            found = official(data_set, seeds, validation_from_training=True)
            return found, f"the data set's own split: {data_set.origin}"
        if by == "session":
            data_set = replace(data_set, groups={key: key for key in data_set.groups})
        if by == "one-group":
            found = leave_one_group_out(data_set, task, seeds)
            return found, f"leave one group out, {len(found) // seeds} groups"
        folds = options.folds or FOLDS
        what = "session" if by == "session" else "group"
        return (
            by_group(data_set, task, folds, seeds),
            f"{folds} folds by {what}, labels spread evenly, drawn anew for each seed",
        )

    return cuts
