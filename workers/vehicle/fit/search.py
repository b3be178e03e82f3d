"""The values that no curve gives: gates, thresholds, noise that drives the filter. One at a time,
by the score on the sequences, with every one of them left out once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from workers.vehicle.fit.changing import with_class, with_sensor
from workers.vehicle.tracking.parameters import Parameters

#: Figures by class, then sequence: what ``workers.vehicle.scoring.score`` gives.
Scores = Mapping[str, Mapping[str, Mapping[str, float]]]
Measure = Callable[[Parameters], Scores]

#: Factors and, for values that may be 0 or less, steps that are tried around what there is.
_FACTORS = (0.6, 1.6)
_STEPS = (-1.0, 1.0)
_SHARES = (-0.2, 0.2)
#: Value -> kind of change. Those of a sensor are named ``boxes.`` or ``image.``.
SEARCHED: dict[str, Sequence[float]] = {
    "confirm": _STEPS,
    "gate_m": _FACTORS,
    "boxes.trust": _SHARES,
    "image_acceleration": _FACTORS,
    "boxes.box_noise": _FACTORS,
    "widened": _FACTORS,
    "suspend": _STEPS,
    "boxes.birth": _STEPS,
    "birth_iou": _SHARES,
    "drop": _STEPS,
}


class Trial(NamedTuple):
    """One value of one class that was tried, and whether it is kept."""

    class_name: str
    name: str
    value: float
    objective: float
    kept: bool


def objective(figures: Mapping[str, Mapping[str, float]], left_out: str | None = None) -> float:
    """Mean of HOTA and MOTA over the sequences, each by its number of labelled objects."""
    total = weight = 0.0
    for name, each in figures.items():
        if name in ("all", left_out):
            continue
        objects = each["TP"] + each["FN"]
        total += objects * (each["HOTA"] + each["MOTA"]) / 2
        weight += objects
    return total / weight if weight else 0.0


def better(
    figures: Mapping[str, Mapping[str, float]], best: Mapping[str, Mapping[str, float]]
) -> bool:
    """Whether the objective grows whichever of the sequences is left out: a gain that is one
    sequence's own is none.
    """
    names = [name for name, each in best.items() if name != "all" and each["TP"] + each["FN"] > 0]
    return all(objective(figures, name) > objective(best, name) for name in [*names, None])


def search(
    parameters: Parameters,
    measure: Measure,
    *,
    passes: int,
    note: Callable[[Trial], None] = lambda _: None,
) -> Parameters:
    """Try every searched value of all classes, ``passes`` times over.

    Classes hardly meet in one object, so each trial changes all of them, and each keeps its own.
    """
    names = [name.lower() for name in parameters.classes]
    best = measure(parameters)
    for _ in range(passes):
        for value, changes in SEARCHED.items():
            for change in changes:
                tried = parameters
                for index in range(len(names)):
                    tried = changed(tried, index, value, change)
                figures = measure(tried)
                for index, name in enumerate(names):
                    kept = better(figures[name], best[name])
                    note(Trial(name, value, read(tried, index, value),
                               objective(figures[name]), kept))  # fmt: skip
                    if kept:
                        parameters = changed(parameters, index, value, change)
                        best = {**best, name: figures[name]}
    return parameters


def read(parameters: Parameters, index: int, value: str) -> float:
    """A searched value of a class."""
    of: Any = parameters.values[index]
    for part in value.split("."):
        of = getattr(of, part)
    return float(of)


def changed(parameters: Parameters, index: int, value: str, change: float) -> Parameters:
    """Parameters with one value of a class multiplied by, or moved by, ``change``."""
    old, changes = read(parameters, index, value), SEARCHED[value]
    new = old * change if changes is _FACTORS else old + change
    if changes is _SHARES:
        new = min(max(new, 0.05), 0.95)
    sensor, _, name = value.rpartition(".")
    if sensor:
        return with_sensor(parameters, index, sensor, {name: new})
    return with_class(parameters, index, {name: new})
