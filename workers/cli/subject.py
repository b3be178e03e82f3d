"""What `evaluate` was asked to judge: a recipe, a plan, a model, or the results of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from workers.cli.failures import WrongUsage

if TYPE_CHECKING:
    from schemas.pipeline import Pipeline
    from workers.recipes.base import Evaluation, Options, Progress
    from workers.recipes.validating import Grouping

_GROUPS = ("group", "session", "one-group")
_TRAINING = ("seeds", "folds", "sequences", "keep")
#: What is judged -> options that say nothing of it.
_UNUSED = {
    "recipe": ("pipeline", "task", "split"),
    "plan": ("pipeline", "split", "sequences"),
    "model": _TRAINING,
    "results": (*_TRAINING, "split", "test", "inputs", "stream", "quick"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The options that say what is judged, as they were given."""

    recipe: str | None
    plan: Path | None
    model: Path | None
    results: Path | None
    data: Path | None
    test: Path | None
    labels: Path | None
    dataset: str | None
    pipeline: str | None
    task: str | None
    split: str | None
    group: str | None

    def check(self) -> None:
        """Raise ``WrongUsage`` where the options do not go together."""
        named = (self.recipe, self.plan, self.model, self.results)
        if sum(each is not None for each in named) != 1:
            raise WrongUsage("expected one of --recipe, --plan, --model and --results")
        if (self.results is None) != (self.labels is None):
            raise WrongUsage("--results: expected --labels FILE with it, and that with it alone")
        if (self.results is None) == (self.data is None):
            raise WrongUsage("--data: expected it with all but --results, and not with that")
        if (self.model is None) != (self.dataset is None):
            raise WrongUsage("--model: expected --dataset NAME with it, and that with it alone")
        if self.group is not None and (self.plan is None or self.group not in _GROUPS):
            raise WrongUsage(
                f"--group: expected {', '.join(_GROUPS)} beside --plan, got {self.group[:40]!r}"
            )

    def check_options(self, options: Options) -> None:
        """Raise ``WrongUsage`` for an option that would do nothing to what is judged."""
        (kind,) = (name for name in _UNUSED if getattr(self, name) is not None)
        given: dict[str, object] = {
            **{name: getattr(self, name) for name in ("pipeline", "task", "split", "test")},
            "seeds": options.seeds,
            "folds": options.folds,
            "sequences": options.sequences or None,
            "inputs": options.inputs or None,
            "stream": options.stream or None,
            "keep": options.keep,
            "quick": options.quick or None,
        }
        for name in _UNUSED[kind]:
            if given[name] is not None:
                raise WrongUsage(f"--{name}: not expected with --{kind}, which it does nothing to")

    def judge(self, options: Options, progress: Progress) -> Evaluation:
        """Train where needed, and measure. Raises what these raise."""
        if self.results is not None:
            from workers.recipes.given_results import judge_results

            return judge_results(
                self.results, self.labels or Path(), self.task, self._given_pipeline()
            )
        data = self.data or Path()
        if self.recipe is not None:
            from workers.recipes.catalog import find_recipe

            return find_recipe(self.recipe).run(data, self.test, options, progress)
        if self.plan is not None:
            return self._validate(self.plan, data, options, progress)
        return self._judge_model(data, options, progress)

    def _validate(self, plan: Path, data: Path, options: Options, progress: Progress) -> Evaluation:
        from workers.recipes.measure import Measured
        from workers.recipes.validating import validated

        by = cast("Grouping | None", self.group)
        planned = validated(plan, task=self.task, by=by, has_test=self.test is not None)
        return Measured(planned).run(data, self.test, options, progress)

    def _judge_model(self, data: Path, options: Options, progress: Progress) -> Evaluation:
        from workers.recipes.given_model import Judging, judge_model

        asked = Judging(
            model=self.model or Path(),
            data_set=self.dataset or "",
            data=data,
            test=self.test,
            task=self.task,
            split=self.split,
            pipeline=self._given_pipeline(),
        )
        return judge_model(asked, options, progress)

    def _given_pipeline(self) -> Pipeline | None:
        from schemas.pipeline_file import load_pipeline

        return None if self.pipeline is None else load_pipeline(self.pipeline)
