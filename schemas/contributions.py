"""What of a window its answers rest on, as it is written into a result."""

from __future__ import annotations

from typing import Literal

import msgspec


class Contribution(msgspec.Struct, frozen=True):
    """What one modality or sensor adds to the probability of a task's label.

    ``drop``: by how much the label's probability falls without it, -1 to 1; below 0 where it spoke
    against the label. ``share``: of the sum of all drops above 0; 0 for one that is not above 0.
    """

    drop: float
    share: float


class TaskContributions(msgspec.Struct, frozen=True):
    """One task's. ``label``: the answer that they explain. ``sensors``: empty where only
    modalities were asked for.
    """

    label: str
    modalities: dict[str, Contribution]
    sensors: dict[str, Contribution] = {}


class Contributions(msgspec.Struct, frozen=True):
    """Contributions by task. ``method``: how they were found; ``leave_one_out`` fuses the window
    again without each modality or sensor.
    """

    method: Literal["leave_one_out"]
    tasks: dict[str, TaskContributions]
