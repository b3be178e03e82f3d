"""How far two models agree on the same windows. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from schemas.result import ModelRef, Result, TaskResult

#: Results of one side that may wait for the other's: a shadow is behind by what it may have
#: queued, and what it dropped must not be waited for for ever.
_MAX_WAITING = 50_000


@dataclass(frozen=True, slots=True)
class TaskAgreement:
    """One window and task. ``difference``: mean over the labels of the absolute difference of the
    two probabilities, 0 to 1; a label that one model lacks counts with probability 0.
    """

    equal: bool
    difference: float


def compare(
    primary: Mapping[str, TaskResult], shadow: Mapping[str, TaskResult]
) -> dict[str, TaskAgreement]:
    """Agreement in every task that both answer."""
    found = {}
    for task in primary.keys() & shadow.keys():
        ours, theirs = primary[task].probabilities, shadow[task].probabilities
        labels = ours.keys() | theirs.keys()
        total = sum(abs(ours.get(label, 0.0) - theirs.get(label, 0.0)) for label in labels)
        found[task] = TaskAgreement(primary[task].label == shadow[task].label, total / len(labels))
    return found


class Pairing:
    """Brings the final results of two topics together by their ids, in whatever order they come."""

    def __init__(self, max_waiting: int = _MAX_WAITING) -> None:
        self._max_waiting = max_waiting
        self._primary: OrderedDict[str, Result] = OrderedDict()
        self._shadow: OrderedDict[str, Result] = OrderedDict()

    def add_primary(self, result: Result) -> Iterator[tuple[Result, Result]]:
        """The pair that this result completes, if it does."""
        shadow = self._shadow.pop(result.id, None)
        if shadow is not None:
            yield result, shadow
        elif result.final:
            self._wait(self._primary, result)

    def add_shadow(self, result: Result) -> Iterator[tuple[Result, Result]]:
        """The pair that this result completes, if it does."""
        primary = self._primary.pop(result.id, None)
        if primary is not None:
            yield primary, result
        else:
            self._wait(self._shadow, result)

    def _wait(self, side: OrderedDict[str, Result], result: Result) -> None:
        side[result.id] = result
        if len(side) > self._max_waiting:
            side.popitem(last=False)


@dataclass(slots=True)
class _Sum:
    windows: int = 0
    equal: int = 0
    difference: float = 0.0


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two models on one task. ``equal``: share of windows with the same label; ``difference``: the
    mean of the windows' differences.
    """

    primary: ModelRef
    shadow: ModelRef
    task: str
    windows: int
    equal: float
    difference: float


@dataclass(slots=True)
class Tally:
    """Agreement summed up by pair of models and task."""

    _sums: dict[tuple[ModelRef, ModelRef, str], _Sum] = field(default_factory=dict)

    def add(self, primary: Result, shadow: Result) -> None:
        """Count one window."""
        for task, found in compare(primary.tasks, shadow.tasks).items():
            one = self._sums.setdefault((primary.model, shadow.model, task), _Sum())
            one.windows += 1
            one.equal += found.equal
            one.difference += found.difference

    def agreements(self) -> list[Agreement]:
        """What was found, in the order in which the models first met, by task."""
        order = {pair: n for n, pair in enumerate(dict.fromkeys(key[:2] for key in self._sums))}
        return [
            Agreement(*key, one.windows, one.equal / one.windows, one.difference / one.windows)
            for key, one in sorted(
                self._sums.items(), key=lambda item: (order[item[0][:2]], item[0][2])
            )
        ]
