"""How far a run has come, which of its epochs is the best so far, and when it is enough."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from workers.train.checkpoint import Epoch
from workers.train.optimisation import Optimisation


class Course:
    """The course of one run. ``step``: optimiser steps so far. ``best_epoch``, ``best``: the best
    epoch so far, 0 before any was scored, and a copy of its weights.
    """

    def __init__(self, rules: Optimisation) -> None:
        self._rules = rules
        self.curve: list[Epoch] = []
        self.step = 0
        self.best_epoch = 0
        self.best: Mapping[str, Tensor] = {}

    def is_over(self) -> bool:
        """Whether every epoch was run, or none was the best for too long."""
        done, patience = len(self.curve), self._rules.early_stopping.patience
        stale = patience is not None and 0 < self.best_epoch <= done - patience
        return stale or done >= self._rules.epochs

    def scores(self) -> list[float]:
        """Of every epoch that has one."""
        return [one.score for one in self.curve if one.score is not None]

    def add(self, found: Epoch, weights: Mapping[str, Tensor]) -> None:
        """One more epoch; its weights are kept where it is the best, of equals the later one."""
        best = self.curve[self.best_epoch - 1].score if self.best_epoch else None
        self.curve.append(found)
        if found.score is None or self._rules.select == "last":
            return
        if best is None or found.score >= best:
            self.best_epoch = found.epoch
            self.best = {name: value.clone() for name, value in weights.items()}

    def chosen(self, weights: Mapping[str, Tensor]) -> tuple[int, Mapping[str, Tensor]]:
        """Number and weights of the epoch that is kept; ``weights``: of the last one."""
        if self.best_epoch:
            return self.best_epoch, self.best
        return len(self.curve), weights
