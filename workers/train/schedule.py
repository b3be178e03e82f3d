"""The learning rate as a factor on what the plan says, from step, epoch and scores alone."""

from __future__ import annotations

import math
from collections.abc import Sequence

from workers.train.optimisation import Constant, Cosine, Plateau, Step
from workers.train.optimisation import Schedule as Rules


def factor(rules: Rules, step: int, steps: int, epoch: int, scores: Sequence[float]) -> float:
    """Factor at a step (from 0, of ``steps``) of an epoch (from 1), ``scores`` being those of the
    epochs before it, higher is better.

    >>> [factor(Cosine(warmup=0.5), step, 4, 1, []) for step in range(4)]
    [0.5, 1.0, 1.0, 0.5]
    """
    if isinstance(rules, Constant):
        return _rise(step, int(steps * rules.warmup))
    if isinstance(rules, Cosine):
        warm = int(steps * rules.warmup)
        if step < warm:
            return _rise(step, warm)
        turn = math.pi * (step - warm) / max(1, steps - warm)
        return rules.end + (1.0 - rules.end) * 0.5 * (1.0 + math.cos(turn))
    if isinstance(rules, Step):
        return rules.factor ** ((epoch - 1) // rules.every)
    return _plateau(rules, scores)


def _rise(step: int, warm: int) -> float:
    return 1.0 if step >= warm else (step + 1) / warm


def _plateau(rules: Plateau, scores: Sequence[float]) -> float:
    best, stale, drops = -math.inf, 0, 0
    for score in scores:
        if score > best:
            best, stale = score, 0
        else:
            stale += 1
        if stale >= rules.patience:
            drops, stale = drops + 1, 0
    return rules.factor**drops
