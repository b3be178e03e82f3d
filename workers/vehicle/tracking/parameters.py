"""What the tracker is told: noise, gates, curves and bounds, as a small JSON file.

Log odds throughout are natural logarithms of p / (1 - p).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from workers.errors import TrackingError

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]


class _Values(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Detecting(_Values):
    """Log odds that a sensor gives a detection of a track: a logistic regression on four features.

    ``size``: log(height of the track's box in the image / 50 px). ``hidden``: share of that box
    that boxes of nearer tracks cover. ``again``: 1 where this kind of sensor saw the track in its
    previous list. ``ever``: 1 where it ever did.
    """

    base: float
    size: float = 0.0
    hidden: float = 0.0
    again: float = 0.0
    ever: float = 0.0


class SensorValues(_Values):
    """How one kind of sensor sees objects of one class.

    ``offset``, ``slope``: log odds that a detection is of a real object are
    ``offset + slope · log odds of its score``. ``base_rate``: the same over all detections.
    ``trust``: the share of that evidence that counts where a track is seen again, as the errors of
    consecutive frames are alike. ``real`` and ``clutter``: how a real object, and one that is not
    there, is detected again.
    ``sure``: detections with at least these log odds are assigned first. ``birth``: one with fewer
    opens no track. ``box_noise``: standard deviation of an image box's edges, as a share of its
    size; ``box_shift``: mean of edge less truth (x1, y1, x2, y2), as a share of the box's width
    and height. ``noise_m``, ``noise_per_m``: standard deviation of a position in the plane,
    a constant and a share of the range.
    """

    offset: float = 0.0
    slope: Positive = 1.0
    base_rate: float = 0.0
    trust: Share = 0.5
    real: Detecting = Detecting(base=1.5)
    clutter: Detecting = Detecting(base=-1.0)
    sure: float = 0.0
    birth: float = -2.0
    box_noise: Positive = 0.05
    box_shift: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    noise_m: Positive = 0.2
    noise_per_m: Annotated[float, Field(ge=0)] = 0.005


class RadarValues(_Values):
    """Standard deviations of a radar's range, bearing and range rate; evidence of a return."""

    range_m: Positive = 0.5
    bearing_rad: Positive = 0.02
    range_rate_mps: Positive = 0.3
    offset: float = -1.0
    slope: Positive = 1.0
    base_rate: float = 0.0
    trust: Share = 0.3
    real: Detecting = Detecting(base=0.0, again=1.0)
    clutter: Detecting = Detecting(base=-1.5, again=1.0)
    birth: float = -2.0
    #: Squared Mahalanobis distance of range, bearing and range rate; 11.3 is the 99 % point.
    gate: Positive = 11.3
    #: What is farther, or more to the side, is not looked for.
    reach_m: Positive = 100.0
    half_view_rad: Positive = 0.6


class ClassValues(_Values):
    """How objects of one class move, and how far from its prediction one is looked for.

    ``acceleration_mps2``: white noise that drives the velocity. ``image_acceleration``: the same
    in the image, in box heights per s². ``speed_mps``: standard deviation of a new track's
    velocity. ``gate_m``, ``gate_iou``: a box in space (in the image) farther from the prediction
    (with a smaller overlap) is not the same object; ``iou_weight``: share of the image's overlap
    in the cost where both are known. ``widened``: for what is left, boxes in an image are compared
    once more with so much of their size added on every side; ``far``: and places up to so many
    gates apart, where the boxes overlap in the image. ``birth_iou``: a detection that overlaps a
    track that was just updated so much opens no other. ``confirm``: log odds of existence from
    which a track is told of, ``suspend``: below which it is no longer, ``drop``: below which it is
    closed. ``max_unseen_s``: one that no sensor saw for so long is closed. ``turnover_s``: mean
    time after which an object is no longer there, of which nothing else tells.
    """

    boxes: SensorValues = SensorValues()
    image: SensorValues = SensorValues()
    acceleration_mps2: Positive = 3.0
    image_acceleration: Positive = 4.0
    image_rate: Positive = 2.0
    speed_mps: Positive = 8.0
    gate_m: Positive = 4.0
    gate_iou: Share = 0.3
    iou_weight: Share = 0.5
    widened: Annotated[float, Field(ge=0)] = 0.4
    far: Annotated[float, Field(ge=1)] = 3.0
    birth_iou: Share = 0.6
    confirm: float = 1.5
    suspend: float = 0.0
    drop: float = -4.0
    max_unseen_s: Positive = 1.5
    turnover_s: Positive = 20.0
    size_m: tuple[Positive, Positive, Positive] = (4.0, 1.7, 1.5)


class Parameters(_Values):
    """All of it. ``classes``: names by index, the order in which detections number them.

    ``class_error``: how often a sensor names a wrong class. ``bound``: log odds of existence go no
    farther from 0. ``max_tracks`` of one session: beyond it the least sure are dropped.
    ``focal_px``: how many pixels high 1 m is at 1 m, where a track has no box in an image.
    ``note``: what the values were fitted on.
    """

    classes: tuple[str, ...] = ("car", "pedestrian")
    values: tuple[ClassValues, ...] = (ClassValues(), ClassValues())
    radar: RadarValues = RadarValues()
    class_error: Annotated[float, Field(gt=0, lt=1)] = 0.02
    bound: Positive = 8.0
    max_tracks: Annotated[int, Field(ge=1, le=1024)] = 128
    focal_px: Positive = 720.0
    note: str = ""

    def model_post_init(self, _: object) -> None:
        if len(self.values) != len(self.classes):
            raise ValueError(
                f"expected values for each of {len(self.classes)} classes, got {len(self.values)}"
            )


def load_parameters(path: Path) -> Parameters:
    """Read a file; raises ``TrackingError`` where it is missing or holds something else."""
    try:
        return Parameters.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TrackingError(f"{path}: expected the tracker's parameters, got {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise TrackingError(
            f"{path}: {where}: {first['msg']}; make it anew with `python -m workers.vehicle.fit`"
        ) from None
