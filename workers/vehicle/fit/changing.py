"""Parameters with some values set anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.vehicle.tracking.parameters import Parameters


def with_class(parameters: Parameters, index: int, values: Mapping[str, Any]) -> Parameters:
    """With these of ``ClassValues`` of a class."""
    changed = list(parameters.values)
    changed[index] = changed[index].model_copy(update=dict(values))
    return parameters.model_copy(update={"values": tuple(changed)})


def with_sensor(
    parameters: Parameters, index: int, sensor: str, values: Mapping[str, Any]
) -> Parameters:
    """With these of ``SensorValues`` of a class; ``sensor`` is ``boxes`` or ``image``."""
    old = getattr(parameters.values[index], sensor)
    return with_class(parameters, index, {sensor: old.model_copy(update=dict(values))})
