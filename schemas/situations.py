"""What a pipeline file says of tracked objects: when they are told of, and dangerous situations."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, model_validator

from schemas.inputs import Name, SensorName
from schemas.strict import Strict
from schemas.units import Duration

Probability = Annotated[float, Field(gt=0.0, lt=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]

#: Classes that walk or ride without a cabin around them.
VULNERABLE = ("pedestrian", "cyclist")


class ObjectsSpec(Strict):
    """When a tracked object's events are published; results have every object of the model.

    One is opened once it is confirmed and exists with ``open_at``; it is updated when it moved by
    ``moved_m`` or turned by ``turned_rad`` since it was told of last, when its most probable class
    is another, or after ``every``; it is closed when the model gives it up.

    ``inputs``: input -> what its lists hold: ``boxes`` in space, boxes in an ``image``, or the
    returns of a ``radar``; ``ego`` is a series with the vehicle's own ``speed_mps`` and
    ``yaw_rate_radps``. Without an entry a list is what its objects look like, and an empty one says
    nothing. ``tentative``: whether results have objects that are not sure yet.
    """

    inputs: dict[Name, Literal["boxes", "image", "radar", "ego"]] = Field(default_factory=dict)
    tentative: bool = False

    open_at: Probability = 0.5
    moved_m: Positive = 1.0
    turned_rad: Positive = 0.3
    every: Duration | None = None


class Calibration(Strict):
    """A file that says where the sensors are: KITTI's ``calib`` text, or JSON as of nuScenes
    samples. A relative path starts at the pipeline file's folder. ``sensors``: sensor -> what the
    file calls it, where that is another name.
    """

    file: str = Field(min_length=1)
    sensors: dict[SensorName, str] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _path_alone(cls, value: object) -> object:
        return {"file": value} if isinstance(value, str) else value


class _Situation(Strict):
    """A situation holds for an object ahead. ``min_duration``: how long it must hold before it is
    told of; ``close_after``: how long it must not hold before it is over. ``update_by``: how far
    the measured value has to move to be told of again, in its unit.
    """

    name: Name
    min_duration: Duration = timedelta(0)
    close_after: Duration = timedelta(milliseconds=300)
    min_existence: Probability = 0.5
    #: Half the width of the strip ahead of the vehicle in which an object counts, m.
    half_width_m: Positive = 1.5


class TimeToCollision(_Situation):
    """The vehicle reaches an object in its path within ``below``, if both go on as they do.

    ``length_m``: from the frame's origin to the vehicle's front.
    """

    kind: Literal["time_to_collision"]
    below: Duration
    update_by: Positive = 0.5
    length_m: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)


class PedestrianInPath(_Situation):
    """One of ``classes`` is in the vehicle's path, or will be within ``ahead``, not farther than
    ``within_m``.
    """

    kind: Literal["pedestrian_in_path"]
    within_m: Positive = 30.0
    ahead: Duration = timedelta(seconds=1)
    classes: tuple[str, ...] = Field(default=VULNERABLE, min_length=1)
    update_by: Positive = 2.0


class HardBrakingAhead(_Situation):
    """An object ahead, not farther than ``within_m``, loses speed by ``deceleration_mps2`` or
    more, over ``over`` of time. Its speed over ground where the vehicle's own motion is known, else
    relative to the vehicle.
    """

    kind: Literal["hard_braking_ahead"]
    deceleration_mps2: Positive = 4.0
    within_m: Positive = 60.0
    over: Duration = timedelta(milliseconds=500)
    update_by: Positive = 1.0


SituationSpec = Annotated[
    TimeToCollision | PedestrianInPath | HardBrakingAhead, Field(discriminator="kind")
]
