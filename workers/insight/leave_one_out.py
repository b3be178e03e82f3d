"""What each modality and sensor adds to an answer: the same window fused without it.

Of a window's label, p is the probability with everything there and p_m the one without the samples
of m. The *drop* of m is p - p_m. Its *share* is max(0, drop) over the sum of all max(0, drop), of
modalities among modalities and of sensors among sensors; 0 for all where no drop is above 0. What
is left out is masked as an absent sensor is, which networks are trained for.

The drop is the prediction difference of Robnik-Sikonja and Kononenko (IEEE TKDE 20(5), 2008), with
the input left out as in occlusion (Zeiler and Fergus, ECCV 2014) and in leave-one-covariate-out
(Lei et al., JASA 113, 2018). Where two modalities say the same, leaving out either changes little,
and neither gets a large drop: shares of such a window tell little, and the drops beside them say
so. Any model will do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from schemas.contributions import Contribution, Contributions, TaskContributions
from schemas.result import DECIMALS, task_result
from schemas.sample import Modality
from streams.align.types import SensorTally, Window
from streams.compute import Fusion
from workers.inference.isolation import isolate

Detail = Literal["modalities", "sensors"]
#: Positions in ``Window.samples``.
Positions = frozenset[int]


@dataclass(frozen=True, slots=True)
class Parts:
    """What a window is made of: name -> positions of its samples."""

    modalities: Mapping[str, Positions]
    sensors: Mapping[str, Positions]

    def distinct(self) -> Sequence[Positions]:
        """Each set of samples that is to be left out, once."""
        return list(dict.fromkeys([*self.modalities.values(), *self.sensors.values()]))


def parts_of(window: Window, modality_of: Mapping[str, Modality], detail: Detail) -> Parts:
    """The modalities and, with ``sensors``, the sensors that have a sample in the window.

    ``modality_of``: input -> modality. Raises ``KeyError`` for an unknown input.
    """
    modalities: dict[str, set[int]] = {}
    sensors: dict[str, set[int]] = {}
    for position, sample in enumerate(window.samples):
        modalities.setdefault(modality_of[sample.input].value, set()).add(position)
        if detail == "sensors":
            sensors.setdefault(sample.sensor, set()).add(position)
    return Parts(
        {name: frozenset(found) for name, found in sorted(modalities.items())},
        {name: frozenset(found) for name, found in sorted(sensors.items())},
    )


def without(window: Window, positions: Collection[int]) -> Window:
    """The window as it would be if these samples had not come."""
    kept = tuple(s for at, s in enumerate(window.samples) if at not in positions)
    present = {sample.sensor for sample in kept}
    gone = {window.samples[at].sensor for at in positions} - present
    tallies = {
        label: SensorTally(tally.input) if label in gone else tally
        for label, tally in window.tallies.items()
    }
    return msgspec.structs.replace(window, samples=kept, tallies=tallies)


def contributions(
    fuse: Callable[[Sequence[Window]], Sequence[Fusion]],
    windows: Sequence[Window],
    answers: Sequence[Fusion],
    modality_of: Mapping[str, Modality],
    detail: Detail,
    *,
    max_batch: int,
) -> list[Contributions | None]:
    """For each window and its answer; ``None`` where the model does not answer without one of its
    parts.

    ``fuse`` is called with at most ``max_batch`` windows, those of one window next to each other.
    Raises what it raises where no window is to blame.
    """
    parts = [parts_of(window, modality_of, detail) for window in windows]
    reduced = [
        without(window, positions)
        for window, part in zip(windows, parts, strict=True)
        for positions in part.distinct()
    ]
    found: list[Fusion | Exception] = []
    for first in range(0, len(reduced), max_batch):
        found += isolate(fuse, reduced[first : first + max_batch])
    rest = iter(found)
    return [
        _compared(answer, part, rest) for answer, part in zip(answers, parts, strict=True)
    ]  # fmt: skip


def _compared(
    answer: Fusion, parts: Parts, found: Iterator[Fusion | Exception]
) -> Contributions | None:
    """Takes as many of ``found`` as there are distinct parts."""
    reduced: dict[Positions, Fusion] = {}
    failed = False
    for positions in parts.distinct():
        one = next(found)
        # What a fall-back answers cannot be compared with what the model itself did, and a window
        # that the model has no answer to (a server refuses it) not with anything.
        if isinstance(one, Exception) or one.failure is not None or one.model != answer.model:
            failed = True
        else:
            reduced[positions] = one
    if failed:
        return None
    tasks = {}
    for task, probabilities in answer.tasks.items():
        label = task_result(probabilities).label
        drops = {
            positions: probabilities[label] - one.tasks[task][label]
            for positions, one in reduced.items()
        }
        tasks[task] = TaskContributions(
            label, _shared(parts.modalities, drops), _shared(parts.sensors, drops)
        )
    return Contributions("leave_one_out", tasks)


def _shared(
    parts: Mapping[str, Positions], drops: Mapping[Positions, float]
) -> dict[str, Contribution]:
    gains = {name: max(0.0, drops[positions]) for name, positions in parts.items()}
    total = sum(gains.values())
    return {
        name: Contribution(
            _rounded(drops[positions]), _rounded(gains[name] / total if total > 0.0 else 0.0)
        )
        for name, positions in parts.items()
    }


def _rounded(value: float) -> float:
    # Not "-0.0", which is the same number and another text.
    return round(value, DECIMALS) + 0.0
