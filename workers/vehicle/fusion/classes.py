"""Names of classes as data sets and detectors write them, and the ones that are tracked."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

#: Other names of what is tracked under one; a name that is tracked itself is left as it is.
_ALIASES = {
    "vehicle": "car",
    "person": "pedestrian",
    "person_sitting": "pedestrian",
    "bicycle": "cyclist",
    "bicyclist": "cyclist",
    "motorcyclist": "motorcycle",
    "trailer": "truck",
    "construction_vehicle": "truck",
}


@lru_cache(maxsize=4_096)
def _known(name: str, classes: tuple[str, ...]) -> int:
    lowered = name.strip().lower().replace(" ", "_")
    for each in (lowered, lowered.split(".")[-1], lowered.split(".")[0]):
        for candidate in (each, _ALIASES.get(each, each)):
            if candidate in classes:
                return classes.index(candidate)
    return -1


def class_index(name: str, classes: Sequence[str]) -> int:
    """Position of a class among those that are tracked, -1 where it is not.

    >>> class_index("Car", ("car", "pedestrian")), class_index("human.pedestrian", ("pedestrian",))
    (0, 0)
    >>> class_index("Person", ("car", "pedestrian")), class_index("tree", ("car",))
    (1, -1)
    """
    return _known(name[:100], tuple(classes))
